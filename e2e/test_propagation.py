"""One request over HTTP, a queue and three processes, told by OpenTelemetry's SDK: one run, one tree."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

from tawny import Server

SCRIPT = pathlib.Path(__file__).resolve().parent / "clients" / "agents_over_processes.py"


def process(*arguments):
    """A process of the agents."""
    return subprocess.Popen([sys.executable, str(SCRIPT), *arguments], stdout=subprocess.PIPE, text=True)


def finish(running):
    """What it printed, when it is done."""
    said, _ = running.communicate(timeout=120)
    if running.returncode != 0:
        raise RuntimeError(f"{running.args} ended with {running.returncode}")
    return said.strip()


class Propagation(unittest.TestCase):
    maxDiff = None

    def work(self, server, how):
        """Has the request worked on. Gives the trace of the request and that of the writer."""
        with tempfile.TemporaryDirectory() as folder:
            queue = str(pathlib.Path(folder) / "message.json")
            researcher = process("researcher", server.otlp_http)
            try:
                address = researcher.stdout.readline().strip()
                request = finish(process("supervisor", server.otlp_http, address, queue))
                return request, finish(process("writer", server.otlp_http, queue, how))
            finally:
                researcher.kill()
                researcher.communicate()

    def check(self, server, trace, others):
        """That the trace opens the whole request."""
        answer = server.run(trace)
        run, steps = answer["run"], answer["steps"]
        names = {step["span_id"]: step["name"] for step in steps}
        tree = [(names.get(step["shown_parent_span_id"]), step["name"], step["service"]) for step in steps]
        self.assertEqual(tree, [
            (None, "agent.run", "supervisor"),
            ("agent.run", "agent.plan", "supervisor"),
            ("agent.plan", "llm.call", "supervisor"),
            ("agent.run", "agent.delegate.researcher", "supervisor"),
            ("agent.delegate.researcher", "agent.execute", "researcher"),
            ("agent.execute", "llm.call", "researcher"),
            ("agent.execute", "tool.call.web_search", "researcher"),
            ("agent.run", "agent.delegate.writer", "supervisor"),
            ("agent.delegate.writer", "agent.consume", "writer"),
            ("agent.consume", "llm.call", "writer"),
            ("agent.consume", "llm.call", "writer"),
            ("agent.run", "agent.synthesize", "supervisor"),
            ("agent.synthesize", "llm.call", "supervisor"),
        ])
        self.assertEqual((run["llm_calls"], run["tool_calls"], run["usage"]["total_tokens"]), (5, 1, 2100))
        self.assertEqual([joined["reason"] for joined in answer["joined"]], others)
        # Folded to its agents: who asked whom, and what each spent itself.
        agents = {agent["agent"]: agent for agent in run["agents"]}
        asked_by = {name: agent["parent"] for name, agent in agents.items()}
        self.assertEqual(run["agents"][0]["span_id"], run["root_span_id"])
        self.assertEqual((asked_by["researcher"], asked_by["writer"]), (0, 0), run["agents"])
        tokens = {name: agent["usage"]["total_tokens"] for name, agent in agents.items()}
        self.assertEqual((tokens["researcher"], tokens["writer"], sum(tokens.values())), (1000, 700, 2100), tokens)
        return run

    def test_context_in_the_message_makes_one_trace(self):
        with Server() as server:
            request, writer = self.work(server, "continue")
            self.assertEqual(request, writer)
            self.check(server, request, [])
            self.assertEqual(len(server.runs()), 1)

    def test_a_consumer_that_only_links_is_joined_and_says_so(self):
        with Server() as server:
            request, writer = self.work(server, "link")
            self.assertNotEqual(request, writer)
            for trace in (request, writer):
                self.check(server, trace, ["link"])
            [listed] = server.runs()
            self.assertEqual((listed["trace_id"], listed["usage"]["total_tokens"]), (request, 2100))
            server.restart()
            self.check(server, writer, ["link"])
            self.assertEqual(len(server.runs()), 1)


if __name__ == "__main__":
    unittest.main()
