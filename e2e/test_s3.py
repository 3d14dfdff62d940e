"""Segments in a bucket of a real S3 server: the same runs, a bucket out of reach, a lost directory, backup and restore."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

from tawny import PATIENCE, Server, program


class Bucket:
    """moto's S3 server with one bucket. Stopping keeps nothing, so it is only paused to be out of reach."""

    def __init__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                urllib.request.urlopen(urllib.request.Request(self.endpoint + "/agents", method="PUT"), timeout=10).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        self.environment = {
            "AWS_ENDPOINT": self.endpoint, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1"}

    def keys(self):
        """Text of the listing."""
        with urllib.request.urlopen(self.endpoint + "/agents?list-type=2", timeout=PATIENCE) as answer:
            return answer.read().decode()

    def close(self):
        """Stops it."""
        self.process.kill()
        self.process.wait()


def spans(trace, count):
    """An OTLP request: one run with content."""
    now = time.time_ns()
    def span(at):
        return {
            "traceId": f"{trace:032x}", "spanId": f"{trace * 100 + at:016x}", "name": f"step {at}",
            "parentSpanId": "" if at == 1 else f"{trace * 100 + 1:016x}",
            "startTimeUnixNano": str(now - 10**9 + at), "endTimeUnixNano": str(now),
            "attributes": [
                {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
                {"key": "gen_ai.input.messages", "value": {"stringValue": json.dumps(
                    [{"role": "user", "parts": [{"type": "text", "content": f"question {trace} {at} " * 30}]}])}}],
        }
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span(at) for at in range(1, count + 1)]}]}]}).encode()


def send(server, first, last):
    """Sends runs and expects success."""
    for trace in range(first, last):
        status, answer = server.post("/v1/traces", spans(trace, 3), {"Content-Type": "application/json"})
        assert status == 200, (status, answer)


def steps(server, trace):
    """Steps of a run, comparable."""
    run = server.run(f"{trace:032x}")
    return [(step["name"], json.dumps(step["messages"], sort_keys=True)) for step in run["steps"]]


class S3(unittest.TestCase):
    """One bucket for all tests, a prefix for each."""

    @classmethod
    def setUpClass(cls):
        cls.bucket = Bucket()
        cls.addClassCleanup(cls.bucket.close)

    def server(self, prefix, local, *arguments):
        """A server over the bucket."""
        return Server(["--data-local", str(local), *arguments], self.bucket.environment, f"s3://agents/{prefix}")

    def command(self, *arguments):
        """A command over the bucket, without a server."""
        done = subprocess.run([str(program()), *arguments], capture_output=True, text=True, timeout=PATIENCE,
                              env={**os.environ, **self.bucket.environment}, stdin=subprocess.DEVNULL)
        return done

    def test_the_bucket_holds_the_runs_through_restarts_and_without_its_directory(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            with contextlib.closing(self.server("one", folder / "local")) as server:
                send(server, 1, 20)
                server.restart()
                self.assertIn("one/segments/spans/", self.bucket.keys())
                self.assertFalse(list((folder / "local").glob("segments/**/*.parquet")), "no segment on the disk")
                send(server, 20, 30)
                before = {trace: steps(server, trace) for trace in range(1, 30)}
                self.assertEqual(len(server.runs()), 29)
                self.assertIn("question 7 3", before[7][2][1])
                server.stop()
                local = ["--data", "s3://agents/one", "--data-local"]
                checked = self.command("store", "check", *local, str(folder / "local"))
                self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
                refused = self.command("serve", *local, str(folder / "other"), "--http", "0", "--otlp-http", "0", "--otlp-grpc", "0")
                self.assertNotEqual(refused.returncode, 0)
                self.assertIn("tawny store rebuild", refused.stderr)
                rebuilt = self.command("store", "rebuild", *local, str(folder / "other"))
                self.assertEqual(rebuilt.returncode, 0, rebuilt.stdout + rebuilt.stderr)
            with contextlib.closing(self.server("one", folder / "other")) as server:
                self.assertEqual({trace: steps(server, trace) for trace in range(1, 30)}, before)
                backup = folder / "backup.tar"
                server.command("backup", str(backup))
            restored = self.command("restore", str(backup), "--data", "s3://agents/two", "--data-local", str(folder / "third"))
            self.assertEqual(restored.returncode, 0, restored.stdout + restored.stderr)
            with contextlib.closing(self.server("two", folder / "third")) as server:
                self.assertEqual({trace: steps(server, trace) for trace in range(1, 30)}, before)

    def test_without_the_bucket_ingest_and_reads_go_on_and_it_recovers(self):
        with tempfile.TemporaryDirectory() as folder, contextlib.closing(self.server("far", folder)) as server:
            send(server, 1, 5)
            self.bucket.process.send_signal(signal.SIGSTOP)
            try:
                send(server, 5, 10)
                self.assertEqual(len(server.runs()), 9)
            finally:
                self.bucket.process.send_signal(signal.SIGCONT)
            server.restart()
            self.assertEqual(len(server.runs()), 9)
            self.assertIn("far/segments/spans/", self.bucket.keys())

    def test_one_server_evaluates_also_when_the_bucket_was_taken_over(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "rules.yml").write_text("groups: [{name: test, interval: 1s, rules: [{alert: Always, expr: vector(1)}]}]")
            rules = ["--rule-packs", "none", "--rules", str(folder / "rules.yml")]
            evaluated = lambda server: server.get("/api/v1/rules")["groups"][0]["evaluated_at"]

            def moves(server):
                before = evaluated(server)
                time.sleep(4)
                return evaluated(server) != before

            with contextlib.closing(self.server("pair", folder / "first", *rules)) as first:
                send(first, 1, 3)
                self.assertTrue(moves(first))
                rebuilt = self.command("store", "rebuild", "--data", "s3://agents/pair", "--data-local", str(folder / "second"))
                self.assertEqual(rebuilt.returncode, 0, rebuilt.stdout + rebuilt.stderr)
                with contextlib.closing(self.server("pair", folder / "second", *rules)) as second:
                    deadline = time.monotonic() + PATIENCE
                    while "taken over" not in json.dumps(first.get("/health")):
                        self.assertLess(time.monotonic(), deadline, "the first server learns that it has the bucket no more")
                        time.sleep(1)
                    self.assertFalse(moves(first))
                    self.assertTrue(moves(second))


if __name__ == "__main__":
    unittest.main()
