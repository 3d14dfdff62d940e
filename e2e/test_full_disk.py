"""A full disk, a real one: requests are put off, reads go on, and nobody has to do anything once there is room again."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from kill import GRPC_METHOD
from tawny import Server

SIZE = 24 << 20
# Left over when the disk is nearly full: room for some requests.
LEFT = 3 << 20


def request(number):
    """A trace of one span with text that compression cannot make small."""
    text = "".join(f"{(number * 7919 + at * 104729) % 1_000_003:06d} " for at in range(8000))
    span = {"traceId": f"{number + 1:032x}", "spanId": f"{number + 1:016x}", "name": f"span {number}",
            "startTimeUnixNano": str(time.time_ns()), "endTimeUnixNano": str(time.time_ns() + 1000),
            "attributes": [{"key": "text", "value": {"stringValue": text}}]}
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()


class FullDisk(unittest.TestCase):
    def setUp(self):
        self.place = tempfile.mkdtemp(prefix="tawny-full-")
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", self.place], capture_output=True, text=True)
        self.addCleanup(pathlib.Path(self.place).rmdir)
        if mounted.returncode != 0:
            self.skipTest(f"no disk of our own can be mounted here: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", self.place], check=True)

    def send(self, server, number):
        """(status, Retry-After) of a request over HTTP."""
        sent = urllib.request.Request(
            server.otlp_http + "/v1/traces", request(number), {"Content-Type": "application/json"}, method="POST")
        try:
            with urllib.request.urlopen(sent, timeout=60) as answer:
                return answer.status, None
        except urllib.error.HTTPError as error:
            return error.code, error.headers.get("Retry-After")

    def names(self, server):
        return {row[0] for row in server.sql("SELECT name FROM spans")}

    def test_requests_wait_reads_go_on_and_room_is_enough_to_go_on(self):
        server = Server(["--flush-bytes", "1MiB"], parent=self.place)
        self.addCleanup(server.close)
        kept = set()
        self.assertEqual(self.send(server, 0)[0], 200)
        kept.add("span 0")
        ballast = pathlib.Path(self.place) / "ballast"
        free = SIZE - int(subprocess.run(["du", "-sB1", self.place], capture_output=True, text=True).stdout.split()[0])
        ballast.write_bytes(b"x" * (free - LEFT))
        for number in range(1, 400):
            status, retry_after = self.send(server, number)
            if status != 200:
                break
            kept.add(f"span {number}")
        self.assertEqual(status, 503, "a full disk is an answer to come back")
        self.assertGreaterEqual(int(retry_after), 1)

        with grpc.insecure_channel(server.otlp_grpc.removeprefix("http://")) as channel:
            call = channel.unary_unary(GRPC_METHOD["traces"], request_serializer=bytes, response_deserializer=bytes)
            message = trace_service_pb2.ExportTraceServiceRequest()
            span = message.resource_spans.add().scope_spans.add().spans.add()
            span.trace_id, span.span_id, span.name = b"g" * 16, b"g" * 8, "x" * 300_000
            with self.assertRaises(grpc.RpcError) as refused:
                call(message.SerializeToString(), timeout=60)
            self.assertEqual(refused.exception.code(), grpc.StatusCode.UNAVAILABLE)
            details = dict(refused.exception.trailing_metadata())["grpc-status-details-bin"]
            self.assertIn(b"google.rpc.RetryInfo", details)

        # What little is left goes too: the server's own log is on this disk, and a line that cannot be written breaks nothing.
        rest = os.open(pathlib.Path(self.place) / "rest", os.O_CREAT | os.O_WRONLY)
        with contextlib.suppress(OSError):
            while True:
                os.write(rest, b"x" * 512)
        os.close(rest)
        for number in range(2000, 2060):
            if self.send(server, number)[0] == 200:
                kept.add(f"span {number}")
        with urllib.request.urlopen(server.http + "/readyz", timeout=60) as answer:
            self.assertEqual(answer.status, 200)
        # Flush and compaction meet the same disk; reads do not mind, and the process does not spin.
        time.sleep(3)
        before = cpu_seconds(server.process.pid)
        time.sleep(4)
        self.assertLess(cpu_seconds(server.process.pid) - before, 2, "the server is busy although it can do nothing")
        self.assertEqual(self.names(server), kept)
        self.assertEqual(server.get("/api/v1/runs", limit=1)["runs"].__len__(), 1)

        ballast.unlink()
        (pathlib.Path(self.place) / "rest").unlink()
        deadline = time.monotonic() + 60
        while self.send(server, 1000)[0] != 200:
            self.assertLess(time.monotonic(), deadline, "there is room again, and requests are still refused")
            time.sleep(0.2)
        kept.add("span 1000")
        self.assertEqual(self.names(server), kept)
        while server.get("/health")["status"] != "ok":
            self.assertLess(time.monotonic(), deadline, server.get("/health"))
            time.sleep(0.5)
        server.restart(signal.SIGKILL)
        self.assertEqual(self.names(server), kept)
        self.assertEqual(len(server.runs()), len(kept))


def cpu_seconds(process):
    """User and system time of a process."""
    fields = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


if __name__ == "__main__":
    unittest.main()
