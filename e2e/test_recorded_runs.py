"""Recorded runs, imported: the number of steps of each kind is what an independent script counted, also after restarts."""

import csv
import gzip
import io
import signal
import subprocess
import sys
import unittest

from tawny import ROOT, SHARED, Server

TABLES = sorted((ROOT / "e2e" / "expected_steps").glob("*.csv.gz"))


def expected(path):
    """{first half of the trace id: {kind: steps}} without the kinds that do not occur."""
    rows = csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode()))
    return {row.pop("trace"): {kind: int(count) for kind, count in row.items() if count != "0"} for row in rows}


class RecordedRuns(unittest.TestCase):
    maxDiff = 2000

    def check(self, server, name, table):
        got = {
            run["trace_id"][:16]: {kind: count for kind, count in run["steps_by_kind"].items() if count}
            for run in server.runs(service=name)
        }
        self.assertEqual(len(got), len(table), "number of runs")
        wrong = {trace: (got.get(trace), want) for trace, want in table.items() if got.get(trace) != want}
        self.assertFalse(wrong, f"{len(wrong)} of {len(table)} runs differ (got, expected)")

    def test_steps_by_kind_are_those_of_the_committed_tables(self):
        tables = [(path.name.removesuffix(".csv.gz"), path) for path in TABLES]
        self.assertTrue(tables, "the committed tables are missing")
        for name, path in tables:
            recorded = SHARED / "data" / name / "dev" / "otlp.jsonl.zst"
            with self.subTest(name):
                if not recorded.is_file():
                    self.skipTest(f"{name}: no recorded runs in ../shared")
                table = expected(path)
                with Server() as server:
                    server.command("import", str(recorded))
                    self.check(server, name, table)
                    # What was acknowledged survives the hardest end a program can have, and the softest.
                    server.restart(signal.SIGKILL)
                    self.check(server, name, table)
                    server.restart()
                    self.check(server, name, table)

    def test_the_committed_tables_are_what_the_independent_script_counts(self):
        done = subprocess.run(
            [sys.executable, str(ROOT / "e2e" / "count_steps.py")], capture_output=True, text=True, timeout=600)
        if "no recorded runs" in done.stdout:
            self.skipTest("no recorded runs in ../shared")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
