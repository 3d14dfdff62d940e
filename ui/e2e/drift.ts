/** An agent that begins to do otherwise while every run of it ends well: another version, model and prompt, another tool. */
import { newTraceId, type SpanIn, sendSpans, tell } from "./otlp";
import { ask, until } from "./server";
import { SETTLED_MS } from "./settled";

export interface Drift {
  agent: string;
  /** Two users, whose runs take turns. */
  users: [string, string];
  /** The last run before, and all since, in the order of time. */
  before: string;
  since: string[];
  /** When the first of those began, in milliseconds since 1970. */
  onset: number;
  deploy: string;
  index: string;
}

const BEFORE = 60;
const SINCE = 24;
const APART_MS = 15_000;

export const TOOLS = ["lookup_order", "search_notes"] as const;
interface Make {
  version: string;
  model: string;
  prompt: string;
  tools: readonly string[];
  uses: string;
}
export const OLD: Make = {
  version: "1.0",
  model: "gpt-4o",
  prompt: "You are the refund desk. Look every order up before you answer.",
  tools: [TOOLS[0]],
  uses: TOOLS[0],
};
export const NEW: Make = {
  version: "2.0",
  model: "gpt-4o-mini",
  prompt: "You are the refund desk. Trust the notes of your colleagues.",
  tools: TOOLS,
  uses: TOOLS[1],
};

function run(agent: string, user: string, made: Make): SpanIn[] {
  const say = (role: string, content: string) => ({ role, parts: [{ type: "text", content }] });
  const definition = (name: string) => ({
    type: "function",
    name,
    description: `Asks for ${name}.`,
    parameters: { type: "object", properties: { order: { type: "string" } } },
  });
  return [
    {
      id: "root",
      name: `invoke_agent ${agent}`,
      at: 0,
      ms: 1000,
      attributes: {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": agent,
        "gen_ai.agent.version": made.version,
        "user.id": user,
      },
    },
    {
      id: "chat",
      parent: "root",
      name: `chat ${made.model}`,
      at: 10,
      ms: 400,
      attributes: {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": made.model,
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 100,
        "gen_ai.tool.definitions": made.tools.map(definition),
        "gen_ai.input.messages": [say("system", made.prompt), say("user", "Where is my money?")],
        "gen_ai.output.messages": [{ ...say("assistant", "It is on its way."), finish_reason: "stop" }],
        "user.id": user,
      },
    },
    {
      id: "tool",
      parent: "root",
      name: `execute_tool ${made.uses}`,
      at: 420,
      ms: 100,
      attributes: {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": made.uses,
        "gen_ai.tool.call.arguments": { order: "A-17" },
        "gen_ai.tool.call.result": { status: "paid" },
        "user.id": user,
      },
    },
  ];
}

/** Sends runs, tells of two changes, and sends runs that do otherwise since. The server needs a while to be certain: `noticed` waits. */
export async function sendDrift(): Promise<Drift> {
  const mark = newTraceId().slice(0, 6);
  const agent = `e2e-drift-${mark}`;
  const onset = Date.now() - (SINCE + 4) * APART_MS;
  const users: Drift["users"] = [`one-${mark}`, `two-${mark}`];
  const send = async (at: number, made: Make) => {
    const trace = newTraceId();
    await sendSpans(
      { trace, start: onset + at * APART_MS, service: agent },
      run(agent, users[Math.abs(at) % 2]!, made),
    );
    return trace;
  };
  let before = "";
  for (let at = -BEFORE; at < 0; at += 1) before = await send(at, OLD);
  const [deploy, index] = [`refunds ${mark} 2.0`, `notes of ${mark} as they are today`];
  const told = { agent, at: new Date(onset - 60_000).toISOString() };
  await tell({ ...told, kind: "deploy", title: deploy, version: NEW.version });
  await tell({ ...told, kind: "index_version", title: index, version: `notes-${mark}` });
  const since: string[] = [];
  for (let at = 0; at < SINCE; at += 1) since.push(await send(at, NEW));
  return { agent, users, before, since, onset, deploy, index };
}

interface Alerts {
  alerts: { name: string; fingerprint: string; labels: Record<string, string> }[];
}

/** Waits until drift of the agent fires an alert; gives what a message about it leads to. */
export async function noticed({ agent }: Drift): Promise<string> {
  const of = ({ alerts }: Alerts) =>
    alerts.find((each) => each.name === "AgentDrift" && each.labels.agent_id === agent);
  const found = await until(
    () => ask<Alerts>("/api/v1/alerts?state=firing"),
    (answer) => of(answer) !== undefined,
    "the alert about drift",
    2 * SETTLED_MS,
  );
  return `/alerts/${of(found)!.fingerprint}`;
}

/** The issue of the drift. */
export async function driftOf({ agent }: Drift): Promise<string> {
  const { issues } = await ask<{ issues: { fingerprint: string; detector: string; severity: string }[] }>(
    `/api/v1/issues?agent=${agent}`,
  );
  return issues.find(({ detector, severity }) => detector === "drift" && severity !== "info")!.fingerprint;
}
