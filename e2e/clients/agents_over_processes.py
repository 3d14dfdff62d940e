"""One request worked on by agents in three processes: HTTP to the researcher, a queue to the writer.

    agents_over_processes.py supervisor ENDPOINT RESEARCHER_URL QUEUE_FILE
    agents_over_processes.py researcher ENDPOINT
    agents_over_processes.py writer ENDPOINT QUEUE_FILE continue|link

The writer either goes on in the trace of the message's context, or begins one of its own that links to it.
"""

import http.server
import json
import pathlib
import sys
import urllib.request

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract, inject
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, format_trace_id, get_current_span

role, endpoint, *rest = sys.argv[1:]
provider = TracerProvider(resource=Resource.create({"service.name": role}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint + "/v1/traces")))
tracer = provider.get_tracer("multi-agent-service")


def call(tokens):
    """A model call with a total of tokens and no split."""
    with tracer.start_as_current_span("llm.call", attributes={"llm.model": "gpt-4o", "llm.tokens": tokens}):
        pass


def tool(name):
    """A tool call."""
    with tracer.start_as_current_span(f"tool.call.{name}", attributes={"tool.name": name}):
        pass


def supervise(researcher, queue):
    """The request: plan, ask the researcher, leave the writing to whoever reads the queue."""
    with tracer.start_as_current_span("agent.run", attributes={"user.input": "Compare the two offers"}) as root:
        with tracer.start_as_current_span("agent.plan"):
            call(100)
        with tracer.start_as_current_span(
                "agent.delegate.researcher", kind=SpanKind.CLIENT, attributes={"agent.child.name": "researcher"}):
            headers = {}
            inject(headers)
            request = urllib.request.Request(researcher, b"{}", headers, method="POST")
            with urllib.request.urlopen(request, timeout=60) as answer:
                answer.read()
        with tracer.start_as_current_span(
                "agent.delegate.writer", kind=SpanKind.PRODUCER, attributes={"agent.child.name": "writer"}):
            carrier = {}
            inject(carrier)
            pathlib.Path(queue).write_text(json.dumps({"queue": "writing", "trace_context": carrier}))
        with tracer.start_as_current_span("agent.synthesize"):
            call(300)
        return format_trace_id(root.get_span_context().trace_id)


class Researcher(http.server.BaseHTTPRequestHandler):
    """Works on one task at a time."""

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with tracer.start_as_current_span("agent.execute", context=extract({name.lower(): value for name, value in self.headers.items()}), kind=SpanKind.SERVER,
                                          attributes={"agent.role": "researcher", "agent.task.id": "t1"}):
            call(1000)
            tool("web_search")
        provider.force_flush()
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Says nothing."""


def write(queue, how):
    """One message of the queue."""
    message = json.loads(pathlib.Path(queue).read_text())
    sent = extract(message["trace_context"])
    where = {"context": sent} if how == "continue" else {"links": [Link(get_current_span(sent).get_span_context())]}
    with tracer.start_as_current_span("agent.consume", kind=SpanKind.CONSUMER, **where, attributes={
            "messaging.queue": message["queue"], "agent.role": "writer"}) as span:
        call(500)
        call(200)
        return format_trace_id(span.get_span_context().trace_id)


if role == "supervisor":
    print(supervise(*rest), flush=True)
elif role == "writer":
    print(write(*rest), flush=True)
else:
    server = http.server.HTTPServer(("127.0.0.1", 0), Researcher)
    print(f"http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()
provider.shutdown()
