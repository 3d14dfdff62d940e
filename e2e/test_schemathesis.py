"""Requests that the API's own description allows, and some that it does not: no server error, and answers as described."""

import json
import subprocess
import sys
import unittest

from tawny import Server

# Examples an operation: enough to meet each parameter wrongly once, and little enough for every run of the tests.
EXAMPLES = 8

# Answers without an end, and archives of everything: other tests ask for these.
LEFT_OUT = ["/api/v1/live", "/api/v1/store/backup", "/api/v1/export"]

# A run with a tool call and a log record, so that lists have something to describe.
SPAN = {"traceId": "ab" * 16, "spanId": "cd" * 8, "name": "invoke_agent clerk",
        "startTimeUnixNano": "1795300000000000000", "endTimeUnixNano": "1795300001000000000",
        "attributes": [{"key": "gen_ai.operation.name", "value": {"stringValue": "invoke_agent"}}]}


class Schemathesis(unittest.TestCase):
    def test_no_request_brings_a_server_error_or_an_answer_that_is_not_described(self):
        with Server() as server:
            body = {"resourceSpans": [{"scopeSpans": [{"spans": [SPAN]}]}]}
            server.post("/v1/traces", json.dumps(body).encode(), {"content-type": "application/json"})
            left_out = [word for path in LEFT_OUT for word in ("--exclude-path", path)]
            run = subprocess.run(
                [sys.executable, "-m", "schemathesis.cli", "run", f"{server.http}/api/v1/openapi.json",
                 "--url", server.http, "--phases", "fuzzing", "--max-examples", str(EXAMPLES),
                 "--generation-deterministic", "--request-timeout", "60", "--no-color",
                 "--checks", "not_a_server_error,content_type_conformance,response_schema_conformance", *left_out],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )
        self.assertEqual(run.returncode, 0, run.stdout[-8000:])


if __name__ == "__main__":
    unittest.main()
