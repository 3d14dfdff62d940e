/** Programs that send a first trace, with the server's own addresses filled in. Pure. */

export interface Snippet {
  id: string;
  title: string;
  /** What to do before. */
  before?: string;
  code: string;
}

/** An address of the server as a client on this machine reaches it: `0.0.0.0` means "every address", not one to call. */
export function reachable(address: string | undefined, fallback: string, hostname: string): string {
  try {
    const url = new URL(address ?? fallback);
    const anywhere = /^(0\.0\.0\.0|\[::\])$/.test(url.hostname);
    if (anywhere) url.hostname = hostname;
    return url.origin;
  } catch {
    return fallback;
  }
}

/** `http` is the base of OTLP over HTTP, without a path. */
export function snippets(http: string): Snippet[] {
  return [
    {
      id: "python",
      title: "Python",
      before: "pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http",
      code: `import json
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider(resource=Resource.create({"service.name": "first-steps"}))
provider.add_span_processor(BatchSpanProcessor(
    OTLPSpanExporter(endpoint="${http}/v1/traces")))
tracer = provider.get_tracer("first-steps")

def say(role, text):
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])

with tracer.start_as_current_span("invoke_agent helper", attributes={
    "gen_ai.operation.name": "invoke_agent",
    "gen_ai.agent.name": "helper",
}):
    with tracer.start_as_current_span("chat gpt-4o-mini", attributes={
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.input.messages": say("user", "Who keeps watch at night?"),
        "gen_ai.output.messages": say("assistant", "The tawny owl does."),
    }):
        pass

provider.shutdown()  # sends what is left`,
    },
    {
      id: "environment",
      title: "Environment",
      before: "For every program that already uses OpenTelemetry or OpenInference:",
      code: `export OTEL_EXPORTER_OTLP_ENDPOINT=${http}
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export OTEL_SERVICE_NAME=my-agent
# What was said is only sent if you allow it:
export OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true`,
    },
    {
      id: "curl",
      title: "curl",
      code: `now=$(date +%s)
trace=$(printf '%032x' $((now * 1000 + RANDOM % 1000)))
curl -sS ${http}/v1/traces -H 'content-type: application/json' -d '{
  "resourceSpans": [{
    "resource": {"attributes": [
      {"key": "service.name", "value": {"stringValue": "first-steps"}}]},
    "scopeSpans": [{"spans": [{
      "traceId": "'$trace'", "spanId": "00000000000000a1",
      "name": "chat gpt-4o-mini", "kind": 3,
      "startTimeUnixNano": "'$now'000000000",
      "endTimeUnixNano": "'$now'850000000",
      "attributes": [
        {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
        {"key": "gen_ai.agent.name", "value": {"stringValue": "helper"}},
        {"key": "gen_ai.request.model", "value": {"stringValue": "gpt-4o-mini"}},
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "12"}},
        {"key": "gen_ai.usage.output_tokens", "value": {"intValue": "7"}}
      ]
    }]}]
  }]
}'`,
    },
  ];
}
