/** A step's messages as people read them: each tool call together with its answer. */
import type { Message, Part } from "@/api/types";

export type ToolCall = Extract<Part, { type: "tool_call" }>;
export type ToolResult = Extract<Part, { type: "tool_result" }>;

/** A call with its answer, where one was found; an answer whose call is not in sight has no call. */
export interface Exchange {
  type: "exchange";
  call?: ToolCall;
  result?: ToolResult;
}

export type TurnPart = Exclude<Part, ToolCall | ToolResult> | Exchange;

/** One message with its calls answered. */
export interface Turn {
  message: Message;
  parts: TurnPart[];
  /** The message came back from the model in this step. */
  output: boolean;
}

/** Input and output as one conversation. Tool messages whose call is in sight are shown with the call and dropped. */
export function conversation(input: readonly Message[], output: readonly Message[]): Turn[] {
  const all = [...input, ...output];
  const results = resultsById(all);
  const taken = new Set<ToolResult>();
  const paired = new Map<ToolCall, ToolResult>();
  const waiting: ToolCall[] = [];
  for (const message of all) {
    for (const part of message.parts) {
      if (part.type === "tool_call") {
        const found = part.id ? results.get(part.id)?.shift() : undefined;
        if (found) {
          paired.set(part, found);
          taken.add(found);
        } else if (!part.id) waiting.push(part);
      } else if (part.type === "tool_result" && !part.id) {
        // Without ids, answers come in the order of the calls.
        const call = waiting.shift();
        if (call) {
          paired.set(call, part);
          taken.add(part);
        }
      }
    }
  }
  const turns: Turn[] = [];
  for (const [at, message] of all.entries()) {
    const parts: TurnPart[] = [];
    for (const part of message.parts) {
      if (part.type === "tool_call") parts.push({ type: "exchange", call: part, result: paired.get(part) });
      else if (part.type !== "tool_result") parts.push(part);
      else if (!taken.has(part)) parts.push({ type: "exchange", result: part });
    }
    if (parts.length > 0 || message.parts.length === 0) turns.push({ message, parts, output: at >= input.length });
  }
  return turns;
}

function resultsById(messages: readonly Message[]): Map<string, ToolResult[]> {
  const out = new Map<string, ToolResult[]>();
  for (const message of messages) {
    for (const part of message.parts) {
      if (part.type !== "tool_result" || !part.id) continue;
      const same = out.get(part.id);
      if (same) same.push(part);
      else out.set(part.id, [part]);
    }
  }
  return out;
}

/** All text of a message, for copying and for previews. */
export function plainText(message: Message): string {
  return message.parts
    .map((part) => (part.type === "text" || part.type === "reasoning" ? part.text : ""))
    .filter(Boolean)
    .join("\n");
}
