"""Requests captured from real clients, sent byte for byte: accepted, their token totals are what the provider counted, and their runs
are what a person expects of them (`stories/`, reviewed by hand; `UPDATE_STORIES=1` writes them anew, read the difference)."""

import difflib
import json
import os
import pathlib
import unittest
import urllib.error
import urllib.request

import grpc

from story import story
from tawny import PATIENCE, SHARED, Server

CAPTURES = SHARED / "captures"

# Captures whose totals are not right yet, with the reason. The list only shrinks: one that has become right fails the test.
NOT_YET = set()

# Steps that a script told by hand beside the calls its provider answered: they count, and `expected.json` has the provider's.
BY_HAND = {
    "langsmith-py/default": {"with_attachment"}, "langsmith-py/no-multipart": {"with_attachment"}, "langsmith-py/no-zstd": {"with_attachment"},
    "langfuse-py/v2.60": {"chat", "boom", "gen"},
}

# Captures whose runs are told as stories: those of other protocols than OTLP, and those whose log records say what spans do not.
# The others' stories are those of `crates/dialects/tests/stories`.
STORIES = (
    "claude-code/http-json", "codex-cli/http-json", "google-adk-py/latest-content", "langfuse-py/v2.60", "langfuse-py/v3.15", "langfuse-py/v5.0",
    "langgraph-py/langsmith", "langgraph-py/openinference", "langgraph-py/traceloop", "langsmith-js", "langsmith-py/default", "langsmith-py/no-batch",
    "langsmith-py/no-multipart", "langsmith-py/no-zstd", "openai-agents-py/langsmith", "openai-agents-py/native",
)

# Paths of OTLP over HTTP.
OTLP_ENDINGS = ("/v1/traces", "/v1/logs", "/v1/metrics")


def requests(capture):
    """(headers file as JSON, body) of every OTLP request, in the order of arrival."""
    for path in sorted((CAPTURES / capture).glob("*.headers.json")):
        head = json.loads(path.read_text())
        if "grpc_method" in head or head["path"].split("?")[0].endswith(OTLP_ENDINGS):
            yield head, path.with_name(path.name.replace(".headers.json", ".body")).read_bytes()


def send(server, channel, head, body):
    """Sends one captured request as it was sent. Gives what is wrong with the answer, or None."""
    if "grpc_method" in head:
        call = channel.unary_unary(head["grpc_method"])
        answer = call(body, metadata=[tuple(pair) for pair in head["metadata"] if pair[0] != "user-agent"], timeout=60)
        return None if answer == b"" else f"gRPC answered {answer!r}"
    left_out = {"host", "content-length", "transfer-encoding", "connection", "accept-encoding"}
    headers = {name: value for name, value in head["headers"] if name.lower() not in left_out}
    status, answer = server.post(head["path"], body, headers)
    kind = {name.lower(): value for name, value in headers.items()}.get("content-type", "")
    wanted = b"{}" if "json" in kind else b""
    return None if (status, answer) == (200, wanted) else f"{head['path']}: HTTP {status} {answer[:200]!r}"


def send_all(server, capture):
    """Sends every request of a capture, of whatever protocol, as it was sent; all are to be taken."""
    channel = grpc.insecure_channel(server.otlp_grpc.removeprefix("http://"))
    with channel:
        for path in sorted((CAPTURES / capture).glob("*.headers.json")):
            head, body = json.loads(path.read_text()), path.with_name(path.name.replace(".headers.json", ".body"))
            if "grpc_method" in head:
                send(server, channel, head, body.read_bytes())
                continue
            left_out = {"host", "content-length", "transfer-encoding", "connection", "accept-encoding"}
            headers = {name: value for name, value in head["headers"] if name.lower() not in left_out}
            request = urllib.request.Request(
                server.http + head["path"], body.read_bytes() if body.is_file() else None, headers, method=head["method"])
            try:
                urllib.request.urlopen(request, timeout=PATIENCE).close()
            except urllib.error.HTTPError as error:
                raise AssertionError(f"{capture}: {head['method']} {head['path']} was answered {error.code}: {error.read()[:300]!r}") from None


class Captures(unittest.TestCase):
    maxDiff = None

    def totals(self, server, capture):
        """Sends a capture to a fresh server and gives its input and output tokens and model calls over all runs."""
        channel = grpc.insecure_channel(server.otlp_grpc.removeprefix("http://"))
        with channel:
            for head, body in requests(capture):
                self.assertIsNone(send(server, channel, head, body))
        runs = server.runs()
        usage = [run["usage"] for run in runs]
        tokens = (sum(one[key] for one in usage) for key in ("input_tokens", "output_tokens"))
        return (*tokens, sum(run["llm_calls"] for run in runs))

    def test_totals_of_every_otlp_capture(self):
        if not (CAPTURES / "expected.json").is_file():
            self.skipTest("no captures in ../shared")
        expected = json.loads((CAPTURES / "expected.json").read_text())
        index = json.loads((CAPTURES / "index.json").read_text())
        for capture, want in expected.items():
            if want.get("native_protocol"):
                continue
            with self.subTest(capture), Server() as server:
                got = self.totals(server, capture)
                spans = server.sql("SELECT count(*) FROM spans")[0][0]
                # A retried request carries its spans again: three times ten are ten.
                sent = index[capture]["spans"] // (3 if capture == "otlp-retry-503" else 1)
                self.assertEqual(spans, sent, "spans kept")
                right = got == (want["input_tokens"], want["output_tokens"], want["llm_calls"])
                if capture in NOT_YET:
                    self.assertFalse(right, "has become right: take it off NOT_YET")
                else:
                    self.assertTrue(right, f"tokens and calls {got}, expected {want}")

    def test_totals_of_every_other_capture(self):
        if not (CAPTURES / "expected.json").is_file():
            self.skipTest("no captures in ../shared")
        for capture, want in json.loads((CAPTURES / "expected.json").read_text()).items():
            if not want.get("native_protocol"):
                continue
            with self.subTest(capture), Server() as server:
                send_all(server, capture)
                found, by_hand = [0, 0, 0], BY_HAND.get(capture, ())
                runs = [server.run(run["trace_id"]) for run in server.runs()]
                counted = [step for run in runs for step in run["steps"] if step["counted"]]
                for step in counted:
                    if step["name"] not in by_hand:
                        calls = step["kind"] in ("llm", "embedding")
                        more = (step["usage"]["input_tokens"] or 0, step["usage"]["output_tokens"] or 0, calls)
                        found = [sum(pair) for pair in zip(found, more)]
                self.assertEqual(found, [want["input_tokens"], want["output_tokens"], want["llm_calls"]])
                for key in ("input_tokens", "output_tokens"):
                    self.assertEqual(
                        sum(run["run"]["usage"][key] or 0 for run in runs), sum(step["usage"][key] or 0 for step in counted), key)

    def test_runs_are_what_a_person_expects(self):
        if not (CAPTURES / "expected.json").is_file():
            self.skipTest("no captures in ../shared")
        folder = pathlib.Path(__file__).resolve().parent / "stories"
        for capture in STORIES:
            with self.subTest(capture), Server() as server:
                send_all(server, capture)
                told, path = story(server), folder / f"{capture.replace('/', '--')}.txt"
                if os.environ.get("UPDATE_STORIES"):
                    folder.mkdir(exist_ok=True)
                    path.write_text(told)
                written = path.read_text() if path.is_file() else ""
                difference = "\n".join(difflib.unified_diff(written.splitlines(), told.splitlines(), "story", "now", lineterm=""))
                self.assertEqual(difference, "", f"{path}:\n{difference}")


if __name__ == "__main__":
    unittest.main()
