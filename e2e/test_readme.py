"""The README's first trace, run as printed: what it promises is what comes of it."""

import os
import re
import subprocess
import sys
import unittest

from tawny import ROOT, Server


class Readme(unittest.TestCase):
    def test_the_first_trace_of_the_readme_becomes_a_run(self):
        blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
        self.assertEqual(len(blocks), 1, "the README has one Python example")
        with Server() as server:
            # The example names no address: OTLP's own variable stands in for the documented port.
            environment = os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": server.otlp_http}
            done = subprocess.run(
                [sys.executable, "-c", blocks[0]], env=environment, capture_output=True, text=True, timeout=120)
            self.assertEqual(done.returncode, 0, done.stderr)
            (run,) = server.runs()
            self.assertEqual((run["agent"], run["service"], run["status"]), ("weather", "my-agent", "ok"))
            self.assertEqual((run["steps"], run["llm_calls"], run["tool_calls"]), (3, 1, 1))
            self.assertGreater(run["usage"]["total_tokens"], 0)


if __name__ == "__main__":
    unittest.main()
