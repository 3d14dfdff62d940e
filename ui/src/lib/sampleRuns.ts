/** Sample runs for a project that has none: what a client would send, as OTLP/JSON, made on the spot. Pure. */

/** Whose runs they are: by this name they are known, and erased. */
export const SAMPLE_USER = "tawny-sample";
/** What their service and environment are called. */
export const SAMPLE_SERVICE = "sample-shop";

type Value = string | number | object;

interface Part {
  name: string;
  /** Milliseconds it takes by itself. */
  ms: number;
  attributes: Record<string, Value>;
  error?: string;
  parts?: Part[];
}

const attribute = (key: string, value: Value) => ({
  key,
  value:
    typeof value === "number"
      ? Number.isInteger(value)
        ? { intValue: String(value) }
        : { doubleValue: value }
      : { stringValue: typeof value === "string" ? value : JSON.stringify(value) },
});
const attributes = (all: Record<string, Value>) => Object.entries(all).map(([key, value]) => attribute(key, value));

const says = (role: string, content: string) => ({ role, parts: [{ type: "text", content }] });

function chat(asked: string, answer: string, [input, output]: [number, number], model: string, ms: number): Part {
  return {
    name: `chat ${model}`,
    ms,
    attributes: {
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": model.startsWith("claude") ? "anthropic" : "openai",
      "gen_ai.request.model": model,
      "gen_ai.usage.input_tokens": input,
      "gen_ai.usage.output_tokens": output,
      "gen_ai.input.messages": [says("system", "You help customers of a shop. Be brief."), says("user", asked)],
      "gen_ai.output.messages": [{ ...says("assistant", answer), finish_reason: "stop" }],
    },
  };
}

function tool(name: string, given: object, result: object | undefined, ms: number, error?: string): Part {
  return {
    name: `execute_tool ${name}`,
    ms,
    ...(error ? { error } : {}),
    attributes: {
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.name": name,
      "gen_ai.tool.call.arguments": given,
      ...(result ? { "gen_ai.tool.call.result": result } : { "error.type": "Timeout" }),
    },
  };
}

function agent(name: string, parts: Part[], error?: string): Part {
  return {
    name: `invoke_agent ${name}`,
    ms: 20,
    ...(error ? { error } : {}),
    attributes: {
      "gen_ai.operation.name": "invoke_agent",
      "gen_ai.agent.name": name,
      "gen_ai.agent.version": "1.0",
    },
    parts,
  };
}

const CITIES = ["Metz", "Porto", "Graz", "Turku", "Ghent"];

/** The run of a number: most are answered at once, some ask another agent, few go wrong, each in its way. */
function run(at: number): Part {
  const order = `A-${1040 + at}`;
  const place = CITIES[at % CITIES.length]!;
  const asked = `Where is my order ${order}?`;
  const slow = 1 + (at % 5) * 0.3;
  const looked = tool("get_order", { order }, { order, status: "sent", carrier: "north" }, 90 * slow);
  if (at % 8 === 5) {
    const failing = () => tool("track_parcel", { order }, undefined, 2400, "the carrier did not answer");
    const retries = [failing(), failing(), failing()];
    return agent(
      "sample-support",
      [chat(asked, "I look it up.", [410, 30], "gpt-4o-mini", 700), looked, ...retries],
      "track_parcel failed three times",
    );
  }
  if (at === 14) {
    const again = Array.from({ length: 7 }, () => [
      chat(asked, "I look again.", [600, 25], "gpt-4o-mini", 600),
      tool("get_order", { order }, { order, status: "pending" }, 95),
    ]);
    const given = chat(asked, `Order ${order} is pending.`, [2900, 60], "gpt-4o-mini", 900);
    return agent("sample-support", [...again.flat(), given]);
  }
  if (at % 3 === 1) {
    const draft = chat(
      `Write to the customer about ${order}.`,
      `Your order is in ${place}.`,
      [520, 140],
      "gpt-4o",
      1900,
    );
    return agent("sample-research", [
      chat(asked, "I ask for the rules.", [380, 40], "claude-sonnet-4-5", 1200 * slow),
      {
        name: "search_policy",
        ms: 130,
        attributes: {
          "openinference.span.kind": "RETRIEVER",
          "input.value": `late parcels, ${place}`,
          "retrieval.documents.0.document.id": "policy.md",
          "retrieval.documents.0.document.content": "Late parcels are refunded after five days.",
          "retrieval.documents.0.document.score": 0.91,
        },
      },
      agent("sample-writer", [draft]),
      chat(asked, `It is in ${place}, and comes on Thursday.`, [1450, 180], "claude-sonnet-4-5", 2200 * slow),
    ]);
  }
  return agent("sample-support", [
    chat(asked, "I look it up.", [410, 30], "gpt-4o-mini", 620 * slow),
    looked,
    tool("track_parcel", { order }, { place, day: "Thursday" }, 240 * slow),
    chat(asked, `It is in ${place}, and comes on Thursday.`, [690, 45], "gpt-4o-mini", 540 * slow),
  ]);
}

const MINUTE = 60_000;
/** How many runs there are; enough for charts and for what is usual, few enough to be sent at once. */
export const SAMPLE_RUNS = 36;

/**
 * The body of one `POST /v1/traces` with runs of the hour before `now`. `id` makes ids of so many bytes, in hexadecimal: new
 * ones each time, so that a second lot stands beside the first.
 */
export function sampleTraces(now: number, id: (bytes: number) => string) {
  const spans: object[] = [];
  const hour = id(3);
  for (let at = 0; at < SAMPLE_RUNS; at += 1) {
    const traceId = id(16);
    const whole = run(at);
    // The last one ended a moment ago: what was sent is on top of every list.
    const begin = now - Math.round(((SAMPLE_RUNS - at) / SAMPLE_RUNS) * 55 * MINUTE) - MINUTE;
    place(whole, begin);

    /** Writes a part and what is below it, one after another; returns when it ends. */
    function place(part: Part, start: number, parent?: string): number {
      const spanId = id(8);
      let end = start + part.ms;
      for (const each of part.parts ?? []) end = place(each, end, spanId) + 5;
      spans.push({
        traceId,
        spanId,
        ...(parent ? { parentSpanId: parent } : {}),
        name: part.name,
        kind: 1,
        startTimeUnixNano: `${Math.round(start)}000000`,
        endTimeUnixNano: `${Math.round(end)}000000`,
        attributes: attributes({
          ...part.attributes,
          "user.id": SAMPLE_USER,
          "gen_ai.conversation.id": `sample-${hour}-${Math.floor(at / 3)}`,
        }),
        status: part.error ? { code: 2, message: part.error } : {},
      });
      return end;
    }
  }
  const resource = { "service.name": SAMPLE_SERVICE, "deployment.environment": "sample" };
  return {
    resourceSpans: [
      { resource: { attributes: attributes(resource) }, scopeSpans: [{ scope: { name: "tawny-sample" }, spans }] },
    ],
  };
}
