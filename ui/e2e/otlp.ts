/** Traces as a client sends them: OTLP/JSON over HTTP. */
import { randomBytes } from "node:crypto";
import { ask, URL_UNDER_TEST, until } from "./server";

type Value = string | number | boolean | object;

export interface SpanIn {
  id: string;
  parent?: string;
  name: string;
  /** Milliseconds after the start of the trace. */
  at: number;
  ms: number;
  attributes?: Record<string, Value>;
  error?: string;
  events?: { at: number; name: string; attributes: Record<string, Value> }[];
}

export interface LogIn {
  span: string;
  at: number;
  severity: [number, string];
  body: string;
}

export const newTraceId = () => randomBytes(16).toString("hex");

/** The span id of a short name: 16 hexadecimal digits that stay readable. */
export const spanId = (name: string) => Buffer.from(name.padEnd(8, "_").slice(0, 8)).toString("hex");

const attribute = (key: string, value: Value) => ({
  key,
  value:
    typeof value === "number"
      ? Number.isInteger(value)
        ? { intValue: String(value) }
        : { doubleValue: value }
      : typeof value === "boolean"
        ? { boolValue: value }
        : { stringValue: typeof value === "string" ? value : JSON.stringify(value) },
});
const attributes = (all: Record<string, Value> = {}) =>
  Object.entries(all).map(([key, value]) => attribute(key, value));

const nanos = (ms: number) => `${Math.round(ms)}000000`;

export interface Sent {
  trace: string;
  start: number;
  service: string;
}

const resource = (service: string) => ({
  attributes: attributes({ "service.name": service, "deployment.environment": "test" }),
});

async function post(path: string, body: unknown) {
  const response = await fetch(`${URL_UNDER_TEST}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok || /rejected(Spans|LogRecords)":\s*"?[1-9]/.test(text))
    throw new Error(`${path}: ${response.status} ${text}`);
}

export async function sendSpans({ trace, start, service }: Sent, spans: SpanIn[]) {
  await post("/v1/traces", {
    resourceSpans: [
      {
        resource: resource(service),
        scopeSpans: [
          {
            scope: { name: "e2e" },
            spans: spans.map((span) => ({
              traceId: trace,
              spanId: spanId(span.id),
              ...(span.parent ? { parentSpanId: spanId(span.parent) } : {}),
              name: span.name,
              kind: 1,
              startTimeUnixNano: nanos(start + span.at),
              endTimeUnixNano: nanos(start + span.at + span.ms),
              attributes: attributes(span.attributes),
              events: span.events?.map((event) => ({
                timeUnixNano: nanos(start + event.at),
                name: event.name,
                attributes: attributes(event.attributes),
              })),
              status: span.error ? { code: 2, message: span.error } : {},
            })),
          },
        ],
      },
    ],
  });
}

export async function sendLogs({ trace, start, service }: Sent, logs: LogIn[]) {
  await post("/v1/logs", {
    resourceLogs: [
      {
        resource: resource(service),
        scopeLogs: [
          {
            scope: { name: "e2e" },
            logRecords: logs.map((log) => ({
              timeUnixNano: nanos(start + log.at),
              severityNumber: log.severity[0],
              severityText: log.severity[1],
              body: { stringValue: log.body },
              traceId: trace,
              spanId: spanId(log.span),
            })),
          },
        ],
      },
    ],
  });
}

/** A gauge at this moment. */
export const sendGauge = (service: string, name: string, value: number) =>
  post("/v1/metrics", {
    resourceMetrics: [
      {
        resource: resource(service),
        scopeMetrics: [
          {
            scope: { name: "e2e" },
            metrics: [{ name, gauge: { dataPoints: [{ timeUnixNano: nanos(Date.now()), asDouble: value }] } }],
          },
        ],
      },
    ],
  });

/** Tells of a change, as a pipeline does. */
export const tell = (change: { kind: string; title: string; agent: string; version?: string; at: string }) =>
  post("/api/v1/changes", change);

const text = (role: string, content: string) => ({ role, parts: [{ type: "text", content }] });

/**
 * A run as a support agent makes it: instructions, a question, a search, a tool that fails and is tried again, a sub-agent,
 * an answer. `mark` is in its texts, so that a test can find it among others.
 */
export function supportRun(mark: string, session: string): SpanIn[] {
  const common = { "gen_ai.conversation.id": session };
  const model = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    ...common,
  };
  const start = [text("system", `You are the ${mark} desk. Be brief.`), text("user", `Where is parcel ${mark}?`)];
  const call = {
    role: "assistant",
    parts: [{ type: "tool_call", id: "call_1", name: "track_parcel", arguments: { parcel: mark } }],
  };
  const answer = {
    role: "tool",
    parts: [{ type: "tool_call_response", id: "call_1", response: { place: "Metz", held: true } }],
  };
  const tool = {
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": "track_parcel",
    "gen_ai.tool.call.arguments": { parcel: mark },
    ...common,
  };
  return [
    {
      id: "root",
      name: `invoke_agent ${mark}`,
      at: 0,
      ms: 2000,
      attributes: { "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": mark, ...common },
    },
    {
      id: "search",
      parent: "root",
      name: "search_policy",
      at: 20,
      ms: 80,
      attributes: {
        "openinference.span.kind": "RETRIEVER",
        "input.value": `policy for ${mark}`,
        "retrieval.documents.0.document.id": "policy.md",
        "retrieval.documents.0.document.content": "Late parcels are refunded after five days.",
        "retrieval.documents.0.document.score": 0.91,
        "retrieval.documents.1.document.id": "carriers.md",
        "retrieval.documents.1.document.content": "Strikes are announced on the status page.",
        "retrieval.documents.1.document.score": 0.4,
      },
    },
    {
      id: "chat1",
      parent: "root",
      name: "chat gpt-4o-mini",
      at: 120,
      ms: 500,
      attributes: {
        ...model,
        "gen_ai.usage.input_tokens": 120,
        "gen_ai.usage.output_tokens": 30,
        "gen_ai.response.finish_reasons": "tool_calls",
        "gen_ai.input.messages": start,
        "gen_ai.output.messages": [{ ...call, finish_reason: "tool_call" }],
      },
    },
    {
      id: "tool1",
      parent: "root",
      name: "execute_tool track_parcel",
      at: 640,
      ms: 200,
      error: "carrier did not answer",
      attributes: { ...tool, "gen_ai.tool.call.id": "call_1", "error.type": "CarrierTimeout" },
      events: [
        {
          at: 835,
          name: "exception",
          attributes: {
            "exception.type": "CarrierTimeout",
            "exception.message": "carrier did not answer",
            "exception.stacktrace": "at track (carrier.py:81)",
          },
        },
      ],
    },
    {
      id: "tool2",
      parent: "root",
      name: "execute_tool track_parcel",
      at: 900,
      ms: 150,
      attributes: {
        ...tool,
        "gen_ai.tool.call.id": "call_1",
        "gen_ai.tool.call.result": { place: "Metz", held: true },
      },
    },
    {
      id: "sub",
      parent: "root",
      name: "invoke_agent carrier-desk",
      at: 1060,
      ms: 300,
      attributes: { "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "carrier-desk", ...common },
    },
    {
      id: "chat2",
      parent: "sub",
      name: "chat gpt-4o-mini",
      at: 1080,
      ms: 250,
      attributes: {
        ...model,
        "gen_ai.usage.input_tokens": 40,
        "gen_ai.usage.output_tokens": 10,
        "gen_ai.input.messages": [text("user", "Ask the carrier.")],
        "gen_ai.output.messages": [{ ...text("assistant", "Held until Thursday."), finish_reason: "stop" }],
      },
    },
    {
      id: "chat3",
      parent: "root",
      name: "chat gpt-4o-mini",
      at: 1400,
      ms: 590,
      attributes: {
        ...model,
        "gen_ai.usage.input_tokens": 200,
        "gen_ai.usage.output_tokens": 25,
        "gen_ai.input.messages": [...start, call, answer],
        "gen_ai.output.messages": [{ ...text("assistant", `Parcel ${mark} is held in Metz.`), finish_reason: "stop" }],
      },
    },
  ];
}

/** Sends such a run, the first of its service, and waits until it is listed. */
export async function sendRun(sent: Sent, mark: string) {
  await sendSpans(sent, supportRun(mark, `session-${mark}`));
  await until(
    () => ask<{ total: number }>(`/api/v1/runs?service=${sent.service}`),
    ({ total }) => total === 1,
    "the run",
  );
}
