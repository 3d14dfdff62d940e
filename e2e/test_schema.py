"""The API answers as its document says, and never with a fault of its own, whatever is asked: schemathesis makes the requests."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from tawny import Server

# The routes themselves decide what these bodies may be; the tool has no way to write them.
NOT_JSON = ["sendLogs", "putBudgets", "putPrices"]
CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"]


class Schema(unittest.TestCase):
    def test_whatever_is_asked_is_answered_as_the_document_says(self):
        schemathesis = Path(sys.executable).absolute().with_name("schemathesis")
        # The tool keeps notes where it is started.
        with Server() as server, tempfile.TemporaryDirectory() as place:
            command = [schemathesis, "run", f"{server.http}/api/v1/openapi.json", "--checks", ",".join(CHECKS)]
            command += ["--phases", "coverage,fuzzing", "--max-examples", "3", "--seed", "7", "--request-timeout", "30"]
            command += ["--continue-on-failure", "--suppress-health-check", "all", "--warnings", "off", "--no-color"]
            for operation in NOT_JSON:
                command += ["--exclude-operation-id", operation]
            result = subprocess.run(command, capture_output=True, text=True, cwd=place)
            self.assertEqual(result.returncode, 0, result.stdout[-8000:] + result.stderr[-2000:])


if __name__ == "__main__":
    unittest.main()
