"""Segments in a bucket of a real S3 server (`s3.py` says which): kills, outages, a lost directory, a second process, backup and
restore, retention."""

import contextlib
import json
import os
import pathlib
import sqlite3
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

import s3
from kill import Campaign
from tawny import PATIENCE, Server, program

JSON = {"Content-Type": "application/json"}
NO_PORTS = ["--http", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0"]


def spans(trace, count, text=None):
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
                    [{"role": "user", "parts": [{"type": "text", "content": text or f"question {trace} {at} " * 30}]}])}}],
        }
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span(at) for at in range(1, count + 1)]}]}]}).encode()


def send(server, first, last):
    """Sends runs and expects success."""
    for trace in range(first, last):
        status, answer = server.post("/v1/traces", spans(trace, 3), JSON)
        assert status == 200, (status, answer)


def turned_away(server, body):
    """What a sender is told that is turned away: (status, headers, answer); `None` when the request is taken."""
    request = urllib.request.Request(server.otlp_http + "/v1/traces", body, JSON, method="POST")
    try:
        urllib.request.urlopen(request, timeout=PATIENCE).close()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode(errors="replace")


def steps(server, trace):
    """Steps of a run, comparable."""
    run = server.run(f"{trace:032x}")
    return [(step["name"], json.dumps(step["messages"], sort_keys=True)) for step in run["steps"]]


def eventually(what, probe, pause=0.5):
    """Waits until something is so."""
    deadline = time.monotonic() + PATIENCE
    while not probe():
        if time.monotonic() > deadline:
            raise AssertionError(f"it did not come to pass that {what}")
        time.sleep(pause)


class S3(unittest.TestCase):
    """One server of S3 with one bucket for all tests, a prefix for each."""

    @classmethod
    def setUpClass(cls):
        kind = s3.chosen()
        print(f"\nS3: {kind.version()}", flush=True)
        cls.bucket = kind()
        cls.addClassCleanup(cls.bucket.close)

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="tawny-e2e-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    @contextlib.contextmanager
    def server(self, prefix, local, *arguments):
        """A server over the bucket."""
        arguments = ["--data-local", str(local), *arguments]
        with contextlib.closing(Server(arguments, self.bucket.environment, f"s3://{s3.BUCKET}/{prefix}")) as server:
            yield server

    def command(self, *arguments):
        """A command over the bucket, without a server."""
        return subprocess.run([str(program()), *arguments], capture_output=True, text=True, timeout=PATIENCE,
                              env={**os.environ, **self.bucket.environment}, stdin=subprocess.DEVNULL)

    def succeeds(self, *arguments):
        """The same, and it must succeed."""
        done = self.command(*arguments)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def place(self, prefix, local):
        """The arguments that name a place."""
        return ["--data", f"s3://{s3.BUCKET}/{prefix}", "--data-local", str(local)]

    def objects(self, prefix):
        """What the bucket has, asked by another client."""
        return self.bucket.objects(prefix)

    def is_whole(self, prefix, local):
        """Every checksum and reference of a place whose server has stopped."""
        self.succeeds("store", "check", *self.place(prefix, local))

    def test_the_bucket_holds_the_runs_through_restarts_and_without_its_directory(self):
        with self.server("one", self.folder / "local") as server:
            send(server, 1, 20)
            server.restart()
            self.assertTrue(self.objects("one/segments/spans/"))
            self.assertFalse(list((self.folder / "local").glob("segments/**/*.parquet")), "no segment on the disk")
            send(server, 20, 30)
            before = {trace: steps(server, trace) for trace in range(1, 30)}
            self.assertEqual(len(server.runs()), 29)
            self.assertIn("question 7 3", before[7][2][1])
            server.stop()
            self.is_whole("one", self.folder / "local")
            refused = self.command("serve", *self.place("one", self.folder / "other"), *NO_PORTS)
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn("tawny store rebuild", refused.stderr)
            self.succeeds("store", "rebuild", *self.place("one", self.folder / "other"))
        with self.server("one", self.folder / "other") as server:
            self.assertEqual({trace: steps(server, trace) for trace in range(1, 30)}, before)
            backup = self.folder / "backup.tar"
            server.command("backup", str(backup))
        self.succeeds("restore", str(backup), *self.place("two", self.folder / "third"))
        again = self.command("restore", str(backup), *self.place("two", self.folder / "fourth"))
        self.assertIn("not empty", again.stderr)
        with self.server("two", self.folder / "third") as server:
            self.assertEqual({trace: steps(server, trace) for trace in range(1, 30)}, before)
        self.is_whole("two", self.folder / "third")

    def test_what_was_acknowledged_survives_kills_at_random_moments_once(self):
        campaign = Campaign(clients=3, seed=11, bucket=self.bucket)
        self.addCleanup(campaign.close)
        campaign.run(6, pauses=(0.3, 2.5), say=lambda _: None)
        print(campaign.summary())
        self.assertGreater(campaign.acknowledged(), 20, "too little was sent to show anything")
        self.assertGreater(campaign.flushes, 0, "nothing reached the bucket")
        campaign.server.stop()
        self.is_whole("killed", campaign.server.data)

    def test_while_the_bucket_is_held_still_ingest_and_reads_go_on(self):
        with self.server("far", self.folder / "local") as server:
            send(server, 1, 5)
            self.bucket.hold()
            try:
                send(server, 5, 10)
                self.assertEqual(len(server.runs()), 9)
            finally:
                self.bucket.go_on()
            server.restart()
            self.assertEqual(len(server.runs()), 9)
            self.assertTrue(self.objects("far/segments/spans/"))

    def test_while_the_bucket_is_gone_senders_are_taken_until_memory_is_full_then_told_to_wait_and_all_is_well_after(self):
        if not self.bucket.keeps:
            self.skipTest(f"{self.bucket.name} keeps nothing that outlives its process")
        with self.server("gone", self.folder / "local", "--limit", "hot_bytes_max=8MiB", "--flush-bytes", "1MiB") as server:
            send(server, 1, 3)
            server.restart()
            self.bucket.stop()
            try:
                taken, text = 2, "a long question " * 2000
                while not (told := turned_away(server, spans(taken + 1, 3, f"{taken} {text}"))):
                    taken += 1
                    self.assertLess(taken, 5000, "memory has a bound")
                # Who is told to wait is told for how long, and by which limit.
                status, headers, answer = told
                self.assertEqual(status, 429)
                self.assertGreater(int(headers["Retry-After"]), 0)
                self.assertIn("hot_bytes_max", answer)
                self.assertGreater(taken, 20)
                self.assertEqual(len(server.runs()), taken, "what was taken is read")
                self.assertEqual(len(steps(server, 1)), 3, "what was in the bucket before is read out of the cache")
                eventually("health says so", lambda: f"s3://{s3.BUCKET}/gone" in json.dumps(server.get("/health")))
            finally:
                self.bucket.start()
            # Nobody does anything but go on sending.
            eventually("it takes requests again", lambda: server.post("/v1/traces", spans(taken + 1, 3), JSON)[0] == 200)
            eventually("health is well again", lambda: "bucket" not in json.dumps(server.get("/health")["reasons"]))
            self.assertEqual(len(server.runs()), taken + 1)
            server.restart()
            self.assertEqual(len(server.runs()), taken + 1)
            server.stop()
            self.is_whole("gone", self.folder / "local")

    def test_a_server_that_starts_or_stops_without_the_bucket_says_so_and_loses_nothing(self):
        if not self.bucket.keeps:
            self.skipTest(f"{self.bucket.name} keeps nothing that outlives its process")
        with self.server("dark", self.folder / "local") as server:
            send(server, 1, 4)
            self.bucket.stop()
            try:
                server.stop()
                refused = self.command("serve", *self.place("dark", self.folder / "local"), *NO_PORTS)
                self.assertNotEqual(refused.returncode, 0)
                self.assertIn(f"s3://{s3.BUCKET}/dark", refused.stderr)
            finally:
                self.bucket.start()
            server.start()
            self.assertEqual(len(server.runs()), 3)

    def test_a_prefix_belongs_to_one_store_also_before_anything_is_in_it(self):
        with self.server("mine", self.folder / "first"):
            refused = self.command("serve", *self.place("mine", self.folder / "second"), *NO_PORTS)
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn("belongs to another store", refused.stderr)
        with self.server("mine", self.folder / "first") as server:
            send(server, 1, 3)

    def test_of_two_that_claim_a_prefix_at_the_same_moment_one_starts(self):
        if not self.bucket.conditional_puts:
            self.skipTest(f"{self.bucket.name} knows no conditional puts")
        for race in range(3):
            place = f"race{race}"
            started, servers = [], []

            def start(number):
                try:
                    servers.append(Server(["--data-local", str(self.folder / f"{place}-{number}")], self.bucket.environment,
                                          f"s3://{s3.BUCKET}/{place}"))
                    started.append(number)
                except RuntimeError as error:
                    self.assertIn("belongs to another store", str(error))

            threads = [threading.Thread(target=start, args=(number,)) for number in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for server in servers:
                server.close()
            self.assertEqual(len(started), 1)

    def test_one_server_evaluates_also_when_the_bucket_was_taken_over(self):
        (self.folder / "rules.yml").write_text("groups: [{name: test, interval: 1s, rules: [{alert: Always, expr: vector(1)}]}]")
        rules = ["--rule-packs", "none", "--rules", str(self.folder / "rules.yml")]
        evaluated = lambda server: server.get("/api/v1/rules")["groups"][0]["evaluated_at"]

        def moves(server):
            before = evaluated(server)
            time.sleep(4)
            return evaluated(server) != before

        with self.server("pair", self.folder / "first", *rules) as first:
            send(first, 1, 3)
            self.assertTrue(moves(first))
            self.succeeds("store", "rebuild", *self.place("pair", self.folder / "second"))
            with self.server("pair", self.folder / "second", *rules) as second:
                eventually("the first server learns that it has the bucket no more",
                           lambda: "taken over" in json.dumps(first.get("/health")))
                self.assertFalse(moves(first))
                self.assertTrue(moves(second))

    def test_a_server_that_was_displaced_changes_nothing_in_the_bucket_and_takes_nothing_in(self):
        # Small files, so that both would write, merge and remove all the time; both count on from the same number.
        often = ["--flush-bytes", "64KiB"]
        with self.server("taken", self.folder / "first", *often) as first:
            send(first, 1, 60)
            first.restart()
            # What is in memory now the first one would write after it was displaced.
            send(first, 60, 70)
            self.succeeds("store", "rebuild", *self.place("taken", self.folder / "second"))
            with self.server("taken", self.folder / "second", *often) as second:
                send(second, 1000, 1060)
                second.restart()
                mine = {trace: steps(second, trace) for trace in range(1000, 1060)}
                before = self.objects("taken/")
                # It may not have looked yet, but whatever makes it write makes it look.
                refused = lambda: first.post("/v1/traces", spans(5000, 3), JSON)[0] == 503
                eventually("the first server refuses", refused, pause=0.05)
                self.assertEqual(first.post("/v1/logs", b'{"resourceLogs": []}', JSON)[0], 503)
                first.stop()
                after = self.objects("taken/")
                self.assertLessEqual(before.items(), after.items(), "nothing was removed or written over")
                self.assertEqual({trace: steps(second, trace) for trace in range(1000, 1060)}, mine)
                second.restart()
                self.assertEqual({trace: steps(second, trace) for trace in range(1000, 1060)}, mine)
                self.assertEqual(len(steps(second, 7)), 3, "what had reached the bucket before is there too")
                second.stop()
                self.is_whole("taken", self.folder / "second")

    def test_retention_removes_objects_from_the_bucket(self):
        local = self.folder / "local"
        with self.server("old", local, "--retention", "spans=2d,bodies=1d") as server:
            send(server, 1, 30)
            server.stop()
            age(local, days=1.5)
            full = self.objects("old/segments/")
            server.start()
            eventually("texts are gone", lambda: "question" not in json.dumps([steps(server, trace) for trace in (1, 15, 29)]))
            self.assertEqual((len(server.runs()), len(steps(server, 7))), (29, 3), "what happened outlives what was said")
            server.restart()
            kept = self.objects("old/segments/")
            self.assertFalse([key for key in kept if "/segments/bodies/" in key])
            self.assertFalse(full.keys() & kept.keys(), "every file that held content is gone or written again")
            server.stop()
            age(local, days=1)
            server.start()
            eventually("runs are gone", lambda: not server.runs())
            server.restart()
            self.assertEqual(self.objects("old/segments/"), {})
            server.stop()
            self.is_whole("old", local)


def age(local, days):
    """Makes what the catalog of a stopped server lists older. A faked clock would not do: S3 refuses requests signed by one."""
    nanos = int(days * 86400 * 10**9)
    with contextlib.closing(sqlite3.connect(local / "catalog.db")) as catalog, catalog:
        catalog.execute("UPDATE segments SET arrived = arrived - ?1, min_time = min_time - ?1, max_time = max_time - ?1", [nanos])


if __name__ == "__main__":
    unittest.main()
