/** An agent in trouble: good runs, a deployment, then runs whose tool is slow, asked again and again, and fails. */
import { newTraceId, type SpanIn, sendLogs, sendSpans, tell } from "./otlp";
import { ask, until } from "./server";
import { SETTLED_MS } from "./settled";

export interface Trouble {
  agent: string;
  user: string;
  good: string;
  bad: string[];
  change: string;
  /** When it was sent, in milliseconds since 1970: good runs are ten minutes older, bad ones four at most. */
  sentAt: number;
}

const MODEL = {
  "gen_ai.operation.name": "chat",
  "gen_ai.request.model": "gpt-4o",
  "gen_ai.provider.name": "openai",
  "gen_ai.usage.input_tokens": 2000,
  "gen_ai.usage.output_tokens": 300,
};
export const FULL_TEXT = "The order desk never answered; the whole reply is kept.";
/** Longer than what is shown of a text before somebody asks for the rest. */
export const LONG_TEXT = `${"The desk repeats itself. ".repeat(400)}Here ends all that it said.`;
export const END_OF_TEXT = "Here ends all that it said.";

/** A run of `calls` rounds; every call of the tool takes `toolMs`. */
function run(agent: string, user: string, version: string, calls: number, toolMs: number, error?: string): SpanIn[] {
  const length = calls * (toolMs + 300);
  const common = { "user.id": user, "gen_ai.conversation.id": `${agent}-${version}` };
  const spans: SpanIn[] = [
    {
      id: "root",
      name: `invoke_agent ${agent}`,
      at: 0,
      ms: length,
      ...(error ? { error } : {}),
      attributes: {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": agent,
        "gen_ai.agent.version": version,
        ...common,
      },
    },
  ];
  for (let at = 0; at < calls; at += 1) {
    const begin = at * (toolMs + 300);
    const last = at === calls - 1;
    spans.push({
      id: `llm${at}`,
      parent: "root",
      name: "chat gpt-4o",
      at: begin,
      ms: 250,
      attributes: {
        ...MODEL,
        ...common,
        "gen_ai.input.messages": [{ role: "user", parts: [{ type: "text", content: FULL_TEXT }] }],
        ...(last
          ? { "gen_ai.output.messages": [{ role: "assistant", parts: [{ type: "text", content: LONG_TEXT }] }] }
          : {}),
      },
    });
    spans.push({
      id: `tool${at}`,
      parent: "root",
      name: "execute_tool get_order",
      at: begin + 260,
      ms: toolMs,
      ...(error && last ? { error } : {}),
      attributes: {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "get_order",
        "gen_ai.tool.call.arguments": '{"order":"A-17"}',
        ...(error && last ? { "error.type": "Timeout" } : { "gen_ai.tool.call.result": '{"status":"pending"}' }),
        ...common,
      },
    });
  }
  return spans;
}

/** Sends good runs, tells of a deployment, sends bad runs. What the server makes of them takes it a while: `shown` waits. */
export async function sendTrouble(): Promise<Trouble> {
  const mark = newTraceId().slice(0, 6);
  const trouble: Trouble = {
    agent: `e2e-desk-${mark}`,
    user: `user-${mark}`,
    good: newTraceId(),
    bad: [newTraceId(), newTraceId(), newTraceId()],
    change: `desk ${mark} 2.0`,
    sentAt: Date.now(),
  };
  const { agent, user, sentAt: now } = trouble;
  for (const [at, trace] of [trouble.good, newTraceId(), newTraceId(), newTraceId()].entries())
    await sendSpans({ trace, start: now - (at + 10) * 60_000, service: agent }, run(agent, user, "1.0", 1, 40));
  const at = new Date(now - 300_000).toISOString();
  await tell({ kind: "deploy", title: trouble.change, agent, version: "2.0", at });
  for (const [at, trace] of trouble.bad.entries()) {
    const sent = { trace, start: now - 240_000 + at * 60_000, service: agent };
    await sendSpans(sent, run(agent, user, "2.0", 8, 900, "order desk did not answer"));
    await sendLogs(sent, [
      { span: "llm7", at: 8700, severity: [13, "WARN"], body: "the desk said more than anybody reads" },
      { span: "tool7", at: 9000, severity: [17, "ERROR"], body: "get_order gave up after 900 ms" },
    ]);
  }
  return trouble;
}

interface Alerts {
  alerts: { name: string; fingerprint: string; labels: Record<string, string> }[];
}
const alertIn = ({ alerts }: Alerts, agent: string) =>
  alerts.find(({ name, labels }) => name === "E2eRunsFail" && labels.agent_id === agent);

/** Waits until the alert fires and the issue is there. */
export async function shown(trouble: Trouble): Promise<Trouble> {
  const { agent } = trouble;
  await until(
    () => ask<Alerts>("/api/v1/alerts?state=firing"),
    (answer) => alertIn(answer, agent) !== undefined,
    "the alert",
    SETTLED_MS,
  );
  await until(
    () => ask<{ issues: { detector: string; runs: number }[] }>(`/api/v1/issues?agent=${agent}`),
    ({ issues }) => issues.some(({ runs }) => runs === trouble.bad.length),
    "the issue of all bad runs",
    SETTLED_MS,
  );
  return trouble;
}

/** The alert of the agent, as a message links to it. */
export const alertOf = async (agent: string): Promise<string> =>
  alertIn(await ask<Alerts>("/api/v1/alerts"), agent)!.fingerprint;

/** The issue of the agent that most runs have. */
export async function issueOf(agent: string): Promise<string> {
  const { issues } = await ask<{ issues: { fingerprint: string; runs: number }[] }>(`/api/v1/issues?agent=${agent}`);
  return issues.sort((one, other) => other.runs - one.runs)[0]!.fingerprint;
}
