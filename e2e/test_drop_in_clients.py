"""Clients of other systems, unmodified, their URL changed to Tawny's: the same small run, told by each in its own way.

Each script of `clients/` runs in a process and an environment of its own (these SDKs patch what they find). `TAWNY_CLIENTS_PYTHON`
names an interpreter that has `clients/requirements.txt`; scripts for Node need `npm ci` in `clients/`. Without them the
tests say that they are skipped.
"""

import json
import os
import pathlib
import subprocess
import time
import unittest

from fake_openai import ANSWER, USAGE, FakeOpenAI
from tawny import Server
from unreliable import Unreliable

CLIENTS = pathlib.Path(__file__).resolve().parent / "clients"
PYTHON = os.environ.get("TAWNY_CLIENTS_PYTHON")


class DropInClients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.close)

    def tell(self, command, **environment):
        """Runs a client; gives what it says about its run, and how many calls its model answered."""
        with FakeOpenAI() as fake:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL,
                env={**os.environ, "TAWNY": self.server.http, "FAKE": fake.url, **environment})
            self.assertEqual(done.returncode, 0, done.stderr[-3000:])
            self.assertEqual(fake.turned_away, 1, "the client asks again when it is turned away")
            return json.loads(done.stdout.strip().splitlines()[-1]), fake.answered

    def python(self, name, **environment):
        if not PYTHON:
            self.skipTest("TAWNY_CLIENTS_PYTHON is not set")
        return self.tell([PYTHON, str(CLIENTS / f"{name}.py")], **environment)

    def node(self, name, **environment):
        if not (CLIENTS / "node_modules").is_dir():
            self.skipTest("the packages of clients/package.json are not installed")
        return self.tell(["node", str(CLIENTS / f"{name}.mjs")], **environment)

    def shown(self, trace_id, answered):
        """The run once every answered call is there; clients send in the background."""
        deadline = time.monotonic() + 30
        while True:
            try:
                answer = self.server.run(trace_id)
                if answer["run"]["llm_calls"] >= answered or time.monotonic() > deadline:
                    return answer
            except OSError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.3)

    def check(self, told, *, answered, calls, refused=1, cached=True, tool=True):
        """What a person would look for, whoever told the run."""
        answer = self.shown(told["trace_id"], calls)
        run, steps = answer["run"], answer["steps"]
        self.assertEqual(answered, calls, "the story itself")
        self.assertEqual(run["llm_calls"], calls, [(step["kind"], step["name"], step["counted"]) for step in steps])
        self.assertEqual((run["usage"]["input_tokens"], run["usage"]["output_tokens"]),
                         (calls * USAGE["prompt_tokens"], calls * USAGE["completion_tokens"]))
        if cached:
            self.assertEqual(run["usage"]["cache_read_tokens"], calls * USAGE["prompt_tokens_details"]["cached_tokens"])
        self.assertEqual((run["session_id"], run["user_id"]), ("s-7", "grace"))
        tools = [step for step in steps if step["kind"] == "tool"]
        self.assertEqual(bool(tools), tool, [(step["kind"], step["name"]) for step in steps])
        for step in tools:
            self.assertEqual(step["tool"]["name"], "get_weather")
            self.assertEqual(step["tool"]["arguments"], {"city": "Oslo"})
            self.assertIn("4", json.dumps(step["tool"]["result"]))
        failed = [step for step in steps if step["kind"] == "llm" and step["status"] == "error"]
        self.assertEqual(len(failed), refused, [(step["kind"], step["name"], step["status"]) for step in steps])
        for step in failed:
            self.assertIn("the model refuses", json.dumps(step["error"]) + json.dumps(step["events"]))
        return answer

    def said(self, answer):
        """Texts of all output messages of model calls."""
        return [part.get("text") for step in answer["steps"] if step["kind"] == "llm" and step["messages"]
                for message in step["messages"]["output"] for part in message["parts"]]

    def test_langfuse_for_python(self):
        told, answered = self.python("langfuse_py")
        answer = self.check(told, answered=answered, calls=3, cached=False)
        self.assertEqual((answer["run"]["agent"], answer["run"]["environment"]), ("weather", "staging"))
        self.assertIn("prod", answer["run"]["tags"])
        self.assertIn(ANSWER, self.said(answer))
        root = next(step for step in answer["steps"] if step["span_id"] == told["root"])
        self.assertEqual([(score["name"], score["value"]) for score in root["scores"]], [("correctness", 0.9)])

    def test_langsmith_for_python_however_it_sends(self):
        for mode in ("default", "batch", "single"):
            with self.subTest(mode):
                told, answered = self.python("langsmith_py", MODE=mode)
                answer = self.check(told, answered=answered, calls=3)
                self.assertIn("prod", answer["run"]["tags"])
                self.assertIn(ANSWER, self.said(answer))
                self.assertEqual([(score["name"], score["value"]) for score in answer["scores"]], [("correctness", 0.9)])
                self.assertEqual((told["name"], told["feedback"]), ("weather", ["correctness", 0.9, "very nice"]), "read back by the SDK")
                self.assertEqual(told["kinds"], ["chain", "llm", "llm", "llm", "llm", "tool"])

    def test_openai_agents_with_its_own_exporter(self):
        told, answered = self.python("openai_agents_py")
        answer = self.check(told, answered=answered, calls=5)
        self.assertEqual(answer["run"]["workflow"], "weather question")
        self.assertIn("weather", [agent["agent"] for agent in answer["run"]["agents"]])
        self.assertIn("guardrail", [step["kind"] for step in answer["steps"]])
        self.assertTrue(any(step["status"] == "error" for step in answer["steps"]), "the model that refused")

    def test_datadogs_tracer(self):
        told, answered = self.python("datadog_py")
        answer = self.check(told, answered=answered, calls=3)
        run = answer["run"]
        self.assertEqual((run["workflow"], run["agent"], run["service"], run["environment"]),
                         ("weather question", "weather", "shop", "staging"))
        self.assertIn(ANSWER, self.said(answer))
        root = next(step for step in answer["steps"] if step["span_id"] == told["root"])
        self.assertEqual([(score["name"], score["value"]) for score in root["scores"]], [("correctness", 0.9)])

    def test_traceloop(self):
        told, answered = self.python("traceloop_py")
        answer = self.check(told, answered=answered, calls=3)
        self.assertEqual((answer["run"]["workflow"], answer["run"]["agent"]), ("weather question", "weather"))
        self.assertIn(ANSWER, self.said(answer))

    def test_pydantic_ai(self):
        told, answered = self.python("pydantic_ai_py")
        answer = self.check(told, answered=answered, calls=5)
        self.assertIn("weather", [agent["agent"] for agent in answer["run"]["agents"]])
        self.assertIn(ANSWER, self.said(answer))

    def test_vercel_ai_sdk(self):
        told, answered = self.node("vercel_ai")
        answer = self.check(told, answered=answered, calls=5)
        self.assertIn(ANSWER, self.said(answer))

    def test_langfuse_for_javascript(self):
        told, answered = self.node("langfuse_js")
        # That version of the SDK has no word for a tool: it is a span like another.
        answer = self.check(told, answered=answered, calls=3, cached=False, tool=False)
        self.assertIn(ANSWER, self.said(answer))

    def test_langsmith_for_javascript(self):
        told, answered = self.node("langsmith_js")
        answer = self.check(told, answered=answered, calls=3)
        self.assertIn(ANSWER, self.said(answer))

    def test_what_is_sent_again_because_an_answer_was_lost_counts_once(self):
        clients = {
            "langfuse_py": (self.python, {"calls": 3, "cached": False}),
            "langsmith_py": (self.python, {"calls": 3}),
            "openai_agents_py": (self.python, {"calls": 5}),
            "traceloop_py": (self.python, {"calls": 3}),
            "pydantic_ai_py": (self.python, {"calls": 5}),
            "vercel_ai": (self.node, {"calls": 5}),
            "langfuse_js": (self.node, {"calls": 3, "cached": False, "tool": False}),
            "langsmith_js": (self.node, {"calls": 3}),
        }
        for name, (run, expected) in clients.items():
            with self.subTest(name), Unreliable(self.server.http) as proxy:
                told, answered = run(name, TAWNY=proxy.url)
                self.assertTrue(proxy.lost, "no answer was lost")
                answer = self.check(told, answered=answered, **expected)
                self.assertIn(len(answer["scores"]), (0, 1))


if __name__ == "__main__":
    unittest.main()
