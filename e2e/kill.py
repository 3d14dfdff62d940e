"""Kills the real program at random moments while clients send, and shows that nothing acknowledged is lost or doubled.

    python e2e/kill.py --kills 200 --clients 4        (`cargo xtask kill` does this)

Each client sends spans and log records of its own over HTTP (protobuf, JSON) or gRPC, news of spans it sent before, and
again what got no answer. After each kill the program is started over the same data; before the clients go on, everything
they sent since the kill before it is read back, and at the end everything: each acknowledged span and record once, its
content byte for byte, its newest form; of each request without an answer all or nothing.

SIGKILL takes the process away and leaves the system's memory: it does not test that bytes were synced. The simulation
(`cargo xtask sim`) does.
"""

import argparse
import base64
import datetime
import gzip
import http.client
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse

import grpc
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

import s3
from tawny import ROOT, SHARED, Server

# Rows in memory at which the program writes files: small, so that flush and compaction are always under way.
FLUSH_BYTES = "1MiB"

GRPC_METHOD = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}


def corpus():
    """Texts that agents really exchanged, and where they come from."""
    recorded = SHARED / "data" / "tau_retail" / "dev" / "otlp.jsonl.zst"
    texts = set()
    if recorded.is_file():
        lines = subprocess.run(["zstd", "-dcq", str(recorded)], capture_output=True, check=True).stdout.splitlines()
        for line in lines[:200]:
            collect(json.loads(line), texts)
    if texts:
        return sorted(texts)[:4000], "recorded runs of tau_retail"
    for path in sorted((ROOT / "docs").rglob("*.md")):
        texts.update(path.read_text().split("\n\n"))
    return sorted(texts), "the repository's documents"


def collect(value, texts):
    """All strings of some length in an OTLP/JSON request."""
    if isinstance(value, str):
        if 20 < len(value) < 20_000:
            texts.add(value)
    elif isinstance(value, dict):
        for inner in value.values():
            collect(inner, texts)
    elif isinstance(value, list):
        for inner in value:
            collect(inner, texts)


class Request:
    """A request, and what is known of it."""

    def __init__(self, signal_name, number, items, parent):
        self.signal, self.number, self.items, self.parent = signal_name, number, items, parent
        self.acknowledged = False
        self.attempts = 0


class Client(threading.Thread):
    """Sends until told to stop; repeats what got no answer."""

    def __init__(self, campaign, number, seed):
        super().__init__(daemon=True)
        self.campaign, self.number = campaign, number
        self.rng = random.Random(seed)
        self.requests = []
        self.spans = {}  # (trace, span) -> the forms sent, oldest first: (request, content)
        self.records = {}  # text id -> request
        self.touched = set()
        self.pending = None
        self.sent, self.repeated, self.errors = 0, 0, 0
        self.traces = []
        self.busy = threading.Lock()

    def run(self):
        while not self.campaign.stopping:
            if not self.campaign.up.wait(0.2):
                continue
            with self.busy:
                if self.campaign.stopping or not self.campaign.up.is_set():
                    continue
                self.step()

    def step(self):
        if self.campaign.draining and not self.pending:
            time.sleep(0.02)
            return
        request = self.pending or self.next_request()
        self.pending = request
        self.repeated += request.attempts > 0
        request.attempts += 1
        self.sent += 1
        try:
            ok = self.send(request)
        except (OSError, http.client.HTTPException, grpc.RpcError, ValueError):
            ok = False
        if ok:
            request.acknowledged = True
            self.pending = None
        else:
            self.errors += 1
            time.sleep(0.02)

    def id(self, *parts):
        return "-".join(str(part) for part in (self.number, *parts))

    def next_request(self):
        number = len(self.requests)
        if self.traces and self.rng.random() < 0.3:
            request = self.new_logs(number)
        else:
            request = self.new_spans(number)
        self.requests.append(request)
        return request

    def new_spans(self, number):
        items = []
        now = time.time_ns()
        for _ in range(self.rng.randint(1, 3)):
            trace = f"{self.number + 1:08x}{number:012x}{self.rng.getrandbits(48):012x}"
            self.traces.append(trace)
            for span in range(1, self.rng.randint(3, 9)):
                items.append(self.span(trace, span, now, number))
        # News of spans that may be in memory, in a file, or in a file that was merged.
        for key in self.rng.sample(sorted(self.spans), min(len(self.spans), self.rng.randint(0, 3))):
            items.append(self.span(key[0], int(key[1], 16) & 0xFF, now, number))
        request = Request("traces", number, items, self)
        for item in items:
            self.spans.setdefault((item["traceId"], item["spanId"]), []).append((request, item))
            self.touched.add(item["traceId"])
        return request

    def span(self, trace, span, now, number):
        start = now + span * 1_000_000
        texts = [self.rng.choice(self.campaign.texts) for _ in range(self.rng.randint(1, 4))]
        messages = [{"role": "user", "parts": [{"type": "text", "content": text}]} for text in texts]
        root = span == 1
        attributes = [
            ("gen_ai.operation.name", "invoke_agent" if root else "chat"),
            ("gen_ai.input.messages", json.dumps(messages)),
            ("gen_ai.output.messages", json.dumps([messages[0]], ensure_ascii=False)),
            ("kill.form", self.id(number, span)),
        ]
        return {
            "traceId": trace,
            "spanId": f"{self.number + 1:08x}{span:08x}",
            "parentSpanId": "" if root else f"{self.number + 1:08x}{1:08x}",
            "name": "agent" if root else "chat",
            "start": str(start),
            "end": str(start + 5_000_000),
            "attributes": {key: value for key, value in attributes},
        }

    def new_logs(self, number):
        trace = self.rng.choice(self.traces[-20:])
        items = []
        for at in range(self.rng.randint(1, 4)):
            items.append({
                "traceId": trace, "time": str(time.time_ns()), "id": self.id(number, at),
                "body": self.rng.choice(self.campaign.texts),
            })
        request = Request("logs", number, items, self)
        for item in items:
            self.records[item["id"]] = (request, item)
            self.touched.add(trace)
        return request

    def message(self, request):
        """The request as OTLP says it."""
        if request.signal == "traces":
            spans = [{
                "traceId": item["traceId"], "spanId": item["spanId"], "parentSpanId": item["parentSpanId"],
                "name": item["name"], "startTimeUnixNano": item["start"], "endTimeUnixNano": item["end"],
                "attributes": attributes(item["attributes"]),
            } for item in request.items]
            scope = {"scopeSpans": [{"scope": {"name": "kill"}, "spans": spans}]}
            return {"resourceSpans": [{"resource": {"attributes": attributes({"service.name": "kill"})}, **scope}]}
        records = [{
            "traceId": item["traceId"], "timeUnixNano": item["time"], "severityNumber": 9,
            "body": {"stringValue": item["body"]}, "attributes": attributes({"kill.id": item["id"]}),
        } for item in request.items]
        scope = {"scopeLogs": [{"scope": {"name": "kill"}, "logRecords": records}]}
        return {"resourceLogs": [{"resource": {"attributes": attributes({"service.name": "kill"})}, **scope}]}

    def send(self, request):
        """True when it was acknowledged as a whole."""
        message = self.message(request)
        way = (self.number + request.attempts) % 3
        if way == 0:
            return self.send_http(request.signal, json.dumps(message).encode(), "application/json", True)
        binary = protobuf(request.signal, message)
        if way == 1:
            return self.send_http(request.signal, binary, "application/x-protobuf", False)
        return self.send_grpc(request.signal, binary)

    def send_http(self, name, body, kind, compressed):
        address = urllib.parse.urlsplit(self.campaign.server.otlp_http)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
        headers = {"Content-Type": kind}
        if compressed:
            body, headers["Content-Encoding"] = gzip.compress(body, 1), "gzip"
        try:
            connection.request("POST", f"/v1/{name}", body, headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status in (429, 503):
                return False
            if answer.status != 200:
                raise SystemExit(f"the program answered {answer.status}: {text[:500]}")
            if int(answer.headers.get("Tawny-Rejected", "0")):
                raise SystemExit(f"the program refused a part of a request: {text[:500]}")
            return True
        finally:
            connection.close()

    def send_grpc(self, name, binary):
        address = urllib.parse.urlsplit(self.campaign.server.otlp_grpc).netloc
        with grpc.insecure_channel(address) as channel:
            call = channel.unary_unary(GRPC_METHOD[name], request_serializer=bytes, response_deserializer=bytes)
            call(binary, timeout=60)
        return True


def attributes(values):
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]


def protobuf(name, message):
    """The same request in protobuf: ids are hexadecimal in OTLP's JSON and bytes here."""
    def rewrite(value):
        if isinstance(value, dict):
            ids = ("traceId", "spanId", "parentSpanId")
            return {key: base64.b64encode(bytes.fromhex(inner)).decode() if key in ids else rewrite(inner)
                    for key, inner in value.items()}
        return [rewrite(inner) for inner in value] if isinstance(value, list) else value

    kind = (trace_service_pb2.ExportTraceServiceRequest if name == "traces"
            else logs_service_pb2.ExportLogsServiceRequest)
    return json_format.ParseDict(rewrite(message), kind()).SerializeToString()


class Campaign:
    """The program, its clients, and what was found."""

    def __init__(self, clients, seed, bucket=None):
        self.rng, self.bucket = random.Random(seed), bucket
        self.texts, self.source = corpus()
        self.up = threading.Event()
        self.stopping = False
        # Only what got no answer is still sent.
        self.draining = False
        self.server = Server(["--flush-bytes", FLUSH_BYTES, "--memory", "256MiB"], bucket and bucket.environment,
                             bucket and f"s3://{s3.BUCKET}/killed")
        self.clients = [Client(self, number, seed * 1000 + number) for number in range(clients)]
        self.replays, self.replayed, self.flushes, self.compactions, self.checked = [], 0, 0, 0, 0

    def run(self, kills, pauses=(0.05, 2.5), say=print):
        self.up.set()
        for client in self.clients:
            client.start()
        for kill in range(1, kills + 1):
            time.sleep(self.rng.uniform(*pauses))
            self.count()
            self.kill()
            self.check(only_touched=True)
            if kill % 10 == 0 or kill == kills:
                say(f"{kill} of {kills} kills: {self.acknowledged()} requests acknowledged, "
                    f"{sum(client.repeated for client in self.clients)} repeated, {self.checked} traces read back")
            if kill < kills:
                self.up.set()
        # What got no answer is repeated until it gets one.
        self.draining = True
        self.up.set()
        deadline = time.monotonic() + 120
        while any(client.pending for client in self.clients) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.up.clear()
        self.stopping = True
        for client in self.clients:
            client.join(120)
        self.expect(not any(client.pending for client in self.clients), "a request got no answer to the end")
        self.check(only_touched=False)
        self.count()

    def count(self):
        """Adds up what the program says it did in this life."""
        try:
            store = self.server.get("/api/v1/status")["store"]
            self.flushes += store.get("flushes", 0)
            self.compactions += store.get("compactions", 0)
        except (OSError, ValueError):
            pass

    def kill(self):
        # Clients are cut off in whatever they are doing; nobody begins anything new.
        self.up.clear()
        self.server.stop(signal.SIGKILL)
        for client in self.clients:
            client.busy.acquire()
        began = time.monotonic()
        self.server.start()
        self.replays.append(time.monotonic() - began)
        self.replayed += self.server.get("/api/v1/status")["store"]["replayed"]
        for client in self.clients:
            client.busy.release()

    def acknowledged(self):
        return sum(request.acknowledged for client in self.clients for request in client.requests)

    def check(self, only_touched):
        """Reads back and compares."""
        for client in self.clients:
            with client.busy:
                traces = sorted(client.touched) if only_touched else sorted(set(client.traces))
                found = {}
                for trace in traces:
                    self.check_trace(client, trace, found)
                self.checked += len(traces)
                self.check_whole(client, found)
                if only_touched:
                    client.touched = {item["traceId"] for item in (client.pending.items if client.pending else [])}
        self.check_counts()

    def check_trace(self, client, trace, found):
        spans, records = self.read(trace)
        for (of, span), forms in client.spans.items():
            if of != trace:
                continue
            newest = max((at for at, (request, _) in enumerate(forms) if request.acknowledged), default=None)
            got = spans.pop(span, None)
            if got is None:
                self.expect(newest is None, f"span {trace}/{span} was acknowledged and is lost")
                for request, item in forms:
                    found.setdefault(request, []).append(False)
                continue
            form = next((at for at, (_, item) in enumerate(forms) if content(item) == got), None)
            self.expect(form is not None, f"span {trace}/{span} is not what was sent: {json.dumps(got)[:800]}")
            self.expect(newest is None or form >= newest, f"span {trace}/{span} is in an old form")
            for at, (request, _) in enumerate(forms):
                if at >= (newest if newest is not None else 0) and not request.acknowledged:
                    found.setdefault(request, []).append(form == at)
        self.expect(not spans, f"trace {trace} has spans that were never sent: {sorted(spans)}")
        for name, (request, item) in client.records.items():
            if item["traceId"] != trace:
                continue
            got = records.pop(name, None)
            if got is None:
                self.expect(not request.acknowledged, f"log record {name} was acknowledged and is lost")
            else:
                self.expect(got == (item["time"], item["body"]), f"log record {name} is not what was sent")
            if not request.acknowledged:
                found.setdefault(request, []).append(got is not None)
        self.expect(not records, f"trace {trace} has log records that were never sent: {sorted(records)}")

    def check_whole(self, client, found):
        """Of a request without an answer everything is there, or nothing."""
        for request, there in found.items():
            if not request.acknowledged:
                self.expect(len(set(there)) == 1, f"request {client.id(request.number)} is half there: {there}")

    def read(self, trace):
        spans, records = {}, {}  # by id and by name, as they were sent
        for scope in scopes(self.get_or(f"/api/v1/runs/{trace}/raw", {}), "resourceSpans", "scopeSpans"):
            for span in scope["spans"]:
                self.expect(span["spanId"] not in spans, f"span {trace}/{span['spanId']} is there twice")
                spans[span["spanId"]] = {
                    "name": span["name"], "parent": span.get("parentSpanId", ""), "start": span["startTimeUnixNano"],
                    "end": span["endTimeUnixNano"],
                    "attributes": {pair["key"]: pair["value"].get("stringValue") for pair in span["attributes"]},
                }
        for log in self.get_or(f"/api/v1/runs/{trace}/logs", {"logs": []})["logs"]:
            name = log["attributes"]["kill.id"]
            self.expect(name not in records, f"log record {name} is there twice")
            records[name] = (nanos(log["time"]), log["body"])
        return spans, records

    def get_or(self, path, nothing):
        """An answer; `nothing` where there is none of the trace."""
        try:
            return self.server.get(path)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return nothing
            raise

    def check_counts(self):
        """No span and no record is there twice, in any list."""
        for table, key in (("spans", "trace_id || span_id"), ("logs", "attr(attributes, 'kill.id')"), ("runs", "trace_id")):
            rows, distinct = self.server.sql(f"SELECT count(*), count(DISTINCT {key}) FROM {table}")[0]
            self.expect(rows == distinct, f"{rows} rows of {table}, {distinct} of them different")

    def expect(self, holds, what):
        if not holds:
            # Somebody wants to look into it.
            self.server.folder._finalizer.detach()
            self.server.folder.cleanup = lambda: None
            raise AssertionError(f"{what}\nthe data is kept in {self.server.folder.name}\n{self.server.log_text()}")

    def close(self):
        self.stopping = True
        self.up.clear()
        for client in self.clients:
            if client.is_alive():
                client.join(60)
        self.server.close()

    def summary(self):
        repeats = sum(client.repeated for client in self.clients)
        spans = sum(len(client.spans) for client in self.clients)
        records = sum(len(client.records) for client in self.clients)
        lines = [
            f"kills                      {len(self.replays)}",
            f"clients                    {len(self.clients)}, over OTLP/HTTP protobuf, OTLP/HTTP JSON with gzip, and gRPC",
            f"requests acknowledged      {self.acknowledged()}",
            f"requests repeated          {repeats}",
            f"spans, log records         {spans}, {records}; every one there once, byte for byte",
            f"traces read back           {self.checked}",
            f"flushes, compactions seen  {self.flushes}, {self.compactions}",
            f"requests replayed          {self.replayed}",
        ]
        if self.replays:
            lines.append("start until ready          "
                         f"median {statistics.median(self.replays):.2f} s, longest {max(self.replays):.2f} s")
        if self.bucket:
            lines.append(f"segments in                {self.bucket.version()}")
        lines += [
            f"content                    {self.source}",
            f"file system                {filesystem(self.server.folder.name)}",
            "SIGKILL leaves what was written with the system: this does not test the sync. `cargo xtask sim` does.",
        ]
        return "\n".join(lines)


def nanos(text):
    """Nanoseconds since 1970 of a time as the API writes it, as text."""
    seconds, _, rest = text.removesuffix("Z").partition(".")
    whole = datetime.datetime.fromisoformat(seconds + "+00:00")
    return str(int(whole.timestamp()) * 1_000_000_000 + int(rest.ljust(9, "0") or 0))


def content(item):
    """A span as it is compared."""
    return {"name": item["name"], "parent": item["parentSpanId"], "start": item["start"], "end": item["end"],
            "attributes": item["attributes"]}


def scopes(raw, outer, inner):
    return [scope for resource in raw.get(outer, []) for scope in resource[inner]]


def filesystem(path):
    """Type of the file system a path is on, and the device."""
    done = subprocess.run(["df", "--output=fstype,source", path], capture_output=True, text=True)
    kind, device = (done.stdout.split()[-2:] + ["?", "?"])[:2] if done.returncode == 0 else ("unknown", "?")
    return f"{kind} on {device}"


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--kills", type=int, default=200)
    options.add_argument("--clients", type=int, default=4)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--s3", action="store_true", help="segments in a bucket of the server that `s3.py` chooses")
    options = options.parse_args()
    bucket = s3.chosen()() if options.s3 else None
    campaign = Campaign(options.clients, options.seed, bucket)
    try:
        campaign.run(options.kills)
        print()
        print(campaign.summary())
    except AssertionError as error:
        print(f"error: {error}", file=sys.stderr)
        if bucket:
            bucket.close()
        os._exit(1)
    finally:
        campaign.close()
        if bucket:
            bucket.close()


if __name__ == "__main__":
    main()
