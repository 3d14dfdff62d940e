"""Secrets that are sent in every field are in no file, not in the program's own log, and not in what it tells others."""

import http.server
import json
import pathlib
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

from tawny import PATIENCE, Server

# Put together here so that scanners of source code have nothing to find.
SECRETS = ["4111 1111 1111 1111", "canary.bird@example.com", "DE89370400440532013000", "sk-" + "proj-" + "abcdefghij0123456789ABCD"]
SONG = "so: " + " , ".join(SECRETS) + " ."

POLICY = '[[policy]]\ncontent = "full"\n'
RULES = """
groups:
- name: canary
  interval: 1s
  rules:
  - alert: CanaryRan
    expr: agent_requests_total > 0
    labels: {severity: page}
    annotations: {summary: "{{ $labels.agent_id }} of {{ $labels.agent }} ran"}
"""


class Listener(http.server.BaseHTTPRequestHandler):
    """Keeps what it is told."""

    told = []

    def do_POST(self):
        self.told.append(self.rfile.read(int(self.headers.get("content-length", 0))).decode())
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def attributes():
    text = {"stringValue": SONG}
    keys = ["text", SONG, "gen_ai.agent.name", "gen_ai.request.model", "gen_ai.tool.name", "user.id", "gen_ai.conversation.id",
            "input.value", "output.value", "exception.message", "service.name", "gen_ai.agent.version"]
    return [{"key": key, "value": text} for key in keys] + [
        {"key": "gen_ai.operation.name", "value": {"stringValue": "invoke_agent"}},
        {"key": "list", "value": {"arrayValue": {"values": [text]}}},
    ]


def requests():
    """Addresses and bodies, each with the secrets in every field that holds text."""
    end = time.time_ns()
    start = end - 10**9
    span = {"traceId": "ab" * 16, "spanId": "cd" * 8, "name": SONG, "traceState": SONG, "startTimeUnixNano": str(start),
            "endTimeUnixNano": str(end), "attributes": attributes(), "status": {"code": 2, "message": SONG},
            "events": [{"name": SONG, "timeUnixNano": str(start), "attributes": attributes()}]}
    resource = {"attributes": attributes()}
    log = {"timeUnixNano": str(end), "severityText": SONG, "body": {"stringValue": SONG}, "attributes": attributes(), "traceId": "ab" * 16}
    point = {"timeUnixNano": str(end), "asDouble": 1, "attributes": attributes()}
    metric = {"name": SONG, "description": SONG, "unit": SONG, "gauge": {"dataPoints": [point]}}
    return [
        ("/v1/traces", {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": SONG, "version": SONG}, "spans": [span]}]}]}),
        ("/v1/traces", {"resourceSpans": [{"scopeSpans": [{"spans": [{**span, "spanId": SONG}]}]}]}),
        ("/v1/logs", {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [log]}]}]}),
        ("/v1/metrics", {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [metric]}]}]}),
        ("/api/v1/logs", {"message": SONG, "level": SONG, "other": SONG}),
        ("/loki/api/v1/push", {"streams": [{"stream": {"app": SONG}, "values": [[str(end), SONG]]}]}),
        ("/api/public/ingestion", {"batch": [{"id": "e", "type": "trace-create", "timestamp": "2026-11-21T05:08:01Z",
                                              "body": {"id": "t1", "name": SONG, "userId": SONG, "input": SONG, "output": SONG, "tags": [SONG]}}]}),
        ("/v1/traces", {SONG: SONG}),
    ]


class Canary(unittest.TestCase):
    def assert_clean(self, what, text):
        lines = [line[:500] for line in text.splitlines() if any(secret in line for secret in SECRETS)]
        self.assertEqual(lines, [], f"{what} holds secrets")

    def test_secrets_are_in_no_file_no_log_and_no_message(self):
        listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener)
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        self.addCleanup(listener.server_close)
        self.addCleanup(listener.shutdown)
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        url = f"http://127.0.0.1:{listener.server_port}/"
        config = {"route": {"receiver": "all", "group_wait": "0s"}, "receivers": [{"name": "all", "webhook_configs": [{"url": url}]}]}
        for name, text in [("policy.toml", POLICY), ("rules.yml", RULES), ("alertmanager.yml", json.dumps(config))]:
            (folder / name).write_text(text)
        arguments = ["--policy", str(folder / "policy.toml"), "--rules", str(folder / "rules.yml"),
                     "--alertmanager-config", str(folder / "alertmanager.yml")]
        with Server(arguments, {"TAWNY_LOG": "debug"}) as server:
            for path, body in requests():
                self.send(server.http + path, body, {})
                # In the headers of a request that is refused as well.
                self.send(server.http + path + "?q=" + urllib.request.quote(SONG), body, {"x-api-key": SECRETS[3], "content-type": "text/" + SECRETS[3]})
            # Words of a question are words about somebody.
            self.send(server.http + "/api/v1/sql", {"query": f"SELECT trace_id FROM runs WHERE user_id = '{SONG}'"}, {})
            self.send(server.http + "/api/v1/sql", {"query": f"SELECT '{SONG}' FROM nowhere"}, {})
            self.send(server.http + "/api/v1/erasures", {"user": SONG}, {})
            deadline = time.monotonic() + PATIENCE
            while not any("CanaryRan" in told for told in Listener.told):
                self.assertLess(time.monotonic(), deadline, "nobody was told of the run")
                time.sleep(0.5)
            for path in ("/api/v1/findings", "/api/v1/issues", "/api/v1/export", "/api/v1/logs", "/metrics", "/api/v1/alerts", "/api/v1/audit"):
                with urllib.request.urlopen(server.http + path, timeout=60) as answer:
                    self.assert_clean(path, answer.read().decode())
            server.stop()
            for path in server.data.rglob("*"):
                if path.is_file():
                    self.assert_clean(str(path), path.read_bytes().decode("utf-8", "replace"))
            log = (pathlib.Path(server.folder.name) / "log").read_text(errors="replace")
            self.assertIn("stopping", log)
            self.assert_clean("the program's log", log)
        for told in Listener.told:
            self.assert_clean("a message", told)

    def send(self, url, body, headers):
        request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json", **headers})
        try:
            urllib.request.urlopen(request, timeout=60).close()
        except urllib.error.HTTPError as refused:
            self.assertLess(refused.code, 500)
            refused.close()


if __name__ == "__main__":
    unittest.main()
