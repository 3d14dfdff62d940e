"""Series go on to a real Prometheus by remote write: both then say the same, also after Prometheus was away."""

import json
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

from tawny import PATIENCE, Server


class Prometheus:
    """Debian's Prometheus as a receiver. Ends with the test."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="tawny-e2e-prometheus-")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = None

    def start(self):
        path = pathlib.Path(self.folder.name)
        (path / "prometheus.yml").write_text("global: {}\n")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={path}/prometheus.yml", f"--storage.tsdb.path={path}/data",
             f"--web.listen-address=127.0.0.1:{self.port}", "--web.enable-remote-write-receiver"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(PATIENCE)
            self.process = None

    def close(self):
        self.stop()
        self.folder.cleanup()


# One family by three names, of which the last says milliseconds; a counter by two, of which the last has another word for failure.
NAMES = (
    "agent_workflow_duration_seconds_count", "agent_request_duration_seconds_sum", "agent_run_duration_ms_sum",
    "agent_run_duration_ms_bucket", "agent_requests_total", "agent_workflow_completed_total",
)


def run():
    """A run that failed a minute ago and took two seconds."""
    start = time.time_ns() - 60 * 10**9
    span = {
        "traceId": "0a" * 16, "spanId": "0b" * 8, "name": "invoke_agent planner", "status": {"code": 2},
        "startTimeUnixNano": str(start), "endTimeUnixNano": str(start + 2 * 10**9),
        "attributes": [{"key": "gen_ai.operation.name", "value": {"stringValue": "invoke_agent"}}],
    }
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()


def ask(base, query, at):
    """Values by labels, or nothing where nobody answers."""
    url = f"{base}/api/v1/query?" + urllib.parse.urlencode({"query": query, "time": at})
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            result = json.load(answer)["data"]["result"]
    except (urllib.error.URLError, ConnectionError):
        return {}
    return {json.dumps(series["metric"], sort_keys=True): series["value"][1] for series in result}


@unittest.skipUnless(shutil.which("prometheus"), "prometheus is not installed (Debian: apt-get install prometheus)")
class RemoteWriteOut(unittest.TestCase):
    def test_prometheus_has_every_sample_also_of_the_time_it_was_away(self):
        prometheus = Prometheus()
        self.addCleanup(prometheus.close)
        folder = tempfile.TemporaryDirectory(prefix="tawny-e2e-")
        self.addCleanup(folder.cleanup)
        config = pathlib.Path(folder.name) / "forward.toml"
        config.write_text(
            f'[[destination]]\nname = "prometheus"\nurl = "http://127.0.0.1:{prometheus.port}"\nprotocol = "remote-write"\n')
        # Nobody is there yet: what is written waits.
        server = Server(["--forward", str(config)])
        self.addCleanup(server.close)
        status, answer = server.post("/v1/traces", run(), {"Content-Type": "application/json"})
        self.assertEqual(status, 200, answer)
        theirs, ours = f"http://127.0.0.1:{prometheus.port}", f"{server.http}/prometheus"
        begun = time.time()
        time.sleep(20)
        status = server.get("/api/v1/status")["forward"]["destinations"][0]
        self.assertEqual((status["protocol"], status["state"], status["sent_requests"]), ("remote-write", "retrying", 0))
        self.assertGreater(status["queued_requests"], 0)
        prometheus.start()
        self.until(lambda: ask(theirs, "tawny_ready", time.time()))
        prometheus.stop()
        time.sleep(20)
        prometheus.start()
        deadline = time.monotonic() + PATIENCE
        while True:
            # A moment that both have all samples of.
            at = time.time() - 1
            window = f"[{int(at - begun)}s]"
            queries = [
                f"count_over_time(tawny_ready{window})", f"count(last_over_time({{job=\"tawny\"}}{window}))", "tawny_build_info",
                # Under every name: Tawny keeps one, Prometheus has to be sent all, in their words and units.
                *(f"sum by (__name__, status, le) ({name})" for name in NAMES),
            ]
            found = [(ask(ours, query, at), ask(theirs, query, at)) for query in queries]
            counted = [value for here, _ in found[3:] for value in here.values()]
            if all(here == there and here for here, there in found) and int(next(iter(found[0][0].values()))) >= 3 \
                    and "0" not in (counted[0], counted[-1]):
                break
            self.assertLess(time.monotonic(), deadline, found)
            time.sleep(1)
        status = server.get("/api/v1/status")["forward"]["destinations"][0]
        self.assertEqual((status["refused_requests"], status["dropped_requests"], status["state"]), (0, 0, "ok"))

    def until(self, there):
        deadline = time.monotonic() + PATIENCE
        while not there():
            self.assertLess(time.monotonic(), deadline, "nothing came")
            time.sleep(0.5)


if __name__ == "__main__":
    unittest.main()
