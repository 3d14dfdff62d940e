"""The demo's simulated agents, sent by the real program to the real program: everything a visitor should see is there."""

import subprocess
import unittest

from tawny import Server, program


class Demo(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.close)
        subprocess.run(
            [str(program()), "demo", "--url", cls.server.otlp_http, "--rate", "2", "--seed", "3", "--history", "5m", "--for", "3s"],
            check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, timeout=300)
        cls.runs = cls.server.runs()

    def test_six_services_run_and_most_runs_end_well(self):
        services = {run["service"] for run in self.runs}
        self.assertEqual(services, {
            "devops-monitor", "trial-tracker", "transaction-auditor", "tutoring-monitor", "order-observer", "contract-auditor"})
        self.assertGreater(len(self.runs), 300)
        count = {status: sum(run["status"] == status for run in self.runs) for status in ("ok", "error", "running")}
        self.assertGreater(count["ok"], len(self.runs) * 0.8, count)
        self.assertGreater(count["running"], 0, "runs that began just now have not ended")

    def test_every_run_has_an_agent_model_calls_tokens_and_words(self):
        for run in self.runs:
            if run["status"] != "ok":
                continue
            with self.subTest(run["trace_id"]):
                self.assertTrue(run["agent"] and run["session_id"] and run["user_id"] and run["version"])
                self.assertGreater(run["llm_calls"], 0)
                self.assertGreater(run["usage"]["total_tokens"], 0)
                if run["service"] != "order-observer":
                    # The order observer's dialect keeps words out of spans.
                    self.assertTrue(run["input_preview"] and run["output_preview"])

    def test_every_span_was_understood_by_the_dialect_it_was_written_in(self):
        status = self.server.get("/api/v1/status")["ingest"]
        dialects = {name: count for name, count in status["spans_by_dialect"].items() if count}
        self.assertEqual(len(dialects), 3, dialects)
        self.assertFalse(dialects.get("none"), dialects)
        rejected = {signal: counts["items_rejected"] for signal, counts in status["signals"].items()}
        self.assertFalse(any(rejected.values()), rejected)

    def test_steps_of_every_kind_errors_and_retries_are_seen(self):
        kinds = set()
        for run in self.runs:
            kinds |= {kind for kind, count in run["steps_by_kind"].items() if count}
        self.assertLessEqual({"agent", "llm", "tool", "retriever", "embedding", "reranker", "guardrail", "chain"}, kinds)
        self.assertGreater(sum(run["errors"] for run in self.runs), 0)
        self.assertGreater(sum(run["retries"] for run in self.runs), 0)

    def test_the_log_of_a_run_is_joined_to_it(self):
        run = next(run for run in self.runs if run["service"] == "order-observer" and run["status"] == "ok")
        logs = self.server.get(f"/api/v1/runs/{run['trace_id']}/logs")["logs"]
        steps = {step["span_id"] for step in self.server.run(run["trace_id"])["steps"]}
        self.assertGreater(len(logs), 3)
        self.assertLessEqual({line["span_id"] for line in logs}, steps)


if __name__ == "__main__":
    unittest.main()
