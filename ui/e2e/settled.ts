/** Runs that tests look at once they have settled: what the catalogue of agents and the detectors know only then. */
import { newTraceId, type SpanIn, sendSpans, supportRun } from "./otlp";

/** A run is judged once nothing was heard of it for half a minute; a busy machine takes longer. */
export const SETTLED_MS = 150_000;

/** Two runs of one agent that say different things in the end: the two part where they are asked. */
export async function sendFleet() {
  const agent = `desk${newTraceId().slice(0, 6)}`;
  const traces = [newTraceId(), newTraceId()] as const;
  for (const [at, trace] of traces.entries())
    await sendSpans(
      { trace, start: Date.now() - 60_000 * (at + 1), service: `e2e-fleet-${agent}` },
      supportRun(agent, `session-${agent}`).map((span) =>
        at === 1 && span.id === "chat3"
          ? {
              ...span,
              ms: 900,
              attributes: {
                ...span.attributes,
                "gen_ai.output.messages": [
                  { role: "assistant", parts: [{ type: "text", content: "I cannot find it." }] },
                ],
              },
            }
          : span,
      ),
    );
  return { agent, traces };
}

/** A run that asks the same of the same tool again and again, every call well answered. */
function loop(agent: string): SpanIn[] {
  const calls = Array.from({ length: 8 }, (_, at): SpanIn[] => [
    {
      id: `llm${at}`,
      parent: "root",
      name: "chat gpt-4o",
      at: 100 + at * 400,
      ms: 200,
      attributes: {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.provider.name": "openai",
      },
    },
    {
      id: `tool${at}`,
      parent: "root",
      name: "execute_tool find_order",
      at: 310 + at * 400,
      ms: 100,
      attributes: {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "find_order",
        "gen_ai.tool.call.arguments": '{"order":"A-17"}',
        "gen_ai.tool.call.result": '{"status":"pending"}',
      },
    },
  ]);
  const root: SpanIn = {
    id: "root",
    name: `invoke_agent ${agent}`,
    at: 0,
    ms: 4000,
    attributes: { "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": agent },
  };
  return [root, ...calls.flat()];
}

/** Of an agent of its own, a minute ago; of one that is known, now. */
export async function sendLoop(known?: string) {
  const agent = known ?? `loops-${newTraceId().slice(0, 6)}`;
  const trace = newTraceId();
  await sendSpans({ trace, start: Date.now() - (known ? 0 : 60_000), service: "e2e-issues" }, loop(agent));
  return { agent, trace };
}
