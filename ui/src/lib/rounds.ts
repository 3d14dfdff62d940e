/** What is new in a model call, compared with the call before it: a model is sent its whole conversation again each time. Pure. */
import type { Message, Step } from "@/api/types";
import { parse } from "./format";

/** The model call before a step: of the same agent, the last one that began earlier. */
export function roundBefore(steps: readonly Step[], step: Step): Step | undefined {
  if (step.kind !== "llm") return undefined;
  const start = parse(step.started_at) ?? 0;
  let best: Step | undefined;
  for (const each of steps) {
    if (each.kind !== "llm" || each.agent !== step.agent || each.span_id === step.span_id || each.status === "error")
      continue;
    // Two tellings of one call are no rounds.
    if (!each.counted && each.not_counted_because) continue;
    const began = parse(each.started_at) ?? 0;
    if (began < start && (!best || began >= (parse(best.started_at) ?? 0))) best = each;
  }
  return best;
}

export interface RoundDiff {
  /** Places of the input messages that the call before neither was sent nor gave. */
  fresh: ReadonlySet<number>;
  /** Messages the call before was sent that are gone now. */
  gone: Message[];
}

/** Compares the messages a call was sent with everything the call before it knew. The same words said twice are two messages. */
export function sinceRound(before: Step["messages"], now: readonly Message[]): RoundDiff {
  const left = new Map<string, Message[]>();
  for (const message of [...before.input, ...before.output]) {
    const key = words(message);
    left.set(key, [...(left.get(key) ?? []), message]);
  }
  const fresh = new Set<number>();
  for (const [at, message] of now.entries()) {
    const known = left.get(words(message));
    if (known && known.length > 0) known.shift();
    else fresh.add(at);
  }
  const rest = new Set([...left.values()].flat());
  return { fresh, gone: before.input.filter((message) => rest.has(message)) };
}

/** Who says what; how a call is called and why the model stopped is no part of it. */
const words = (message: Message) =>
  JSON.stringify([
    message.role,
    message.parts.map((part) => (part.type === "reasoning" ? ["reasoning"] : { ...part, id: undefined })),
  ]);
