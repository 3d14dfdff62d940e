"""Series are in backups: what was measured before is there after a restore, by PromQL."""

import json
import pathlib
import subprocess
import tempfile
import time
import unittest

from tawny import PATIENCE, Server, program


class SeriesBackup(unittest.TestCase):
    def test_a_restored_server_answers_for_the_time_before(self):
        server = Server()
        self.addCleanup(server.close)
        deadline = time.monotonic() + PATIENCE
        while len(self.samples(server, time.time())) < 2:
            self.assertLess(time.monotonic(), deadline, "Tawny does not keep its own metrics")
            time.sleep(1)
        at = time.time()
        before = self.samples(server, at)
        folder = tempfile.TemporaryDirectory(prefix="tawny-e2e-")
        self.addCleanup(folder.cleanup)
        backup = pathlib.Path(folder.name) / "backup.tar"
        said = json.loads(server.command("backup", str(backup), "--json"))
        self.assertGreater(said["about"]["series_bytes"], 0)
        server.stop()
        restored = pathlib.Path(folder.name) / "data"
        subprocess.run([str(program()), "restore", str(backup), "--data", str(restored)], check=True, stdout=subprocess.DEVNULL)
        other = Server(data=str(restored))
        self.addCleanup(other.close)
        self.assertEqual(self.samples(other, at), before)

    def samples(self, server, at):
        """Times and values of one of Tawny's own series."""
        result = server.get("/prometheus/api/v1/query", query="tawny_ready[10m]", time=at)["data"]["result"]
        return result[0]["values"] if result else []


if __name__ == "__main__":
    unittest.main()
