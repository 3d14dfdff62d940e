import { describe, expect, it } from "vitest";
import type { Step } from "@/api/types";
import { answer, ask, sampleStep, say } from "./sample";
import { type Entry, transcript } from "./transcript";

/** The transcript as indented lines. */
function told(steps: Step[]): string[] {
  const lines = (entries: Entry[], indent: string): string[] =>
    entries.flatMap((entry): string[] => {
      switch (entry.type) {
        case "message":
          return [
            `${indent}${entry.message.role}: ${entry.message.parts.map((part) => ("text" in part ? part.text : part.type)).join(" ")}`,
          ];
        case "tool":
          return [
            `${indent}tool ${entry.call?.name ?? entry.ran?.tool?.name} = ${JSON.stringify(entry.ran?.tool?.result ?? entry.told)}`,
            ...lines(entry.children, `${indent}  `),
          ];
        case "agent":
          return [`${indent}agent ${entry.step.name}`, ...lines(entry.children, `${indent}  `)];
        default:
          return [`${indent}mark ${entry.step.kind} ${entry.step.status}`];
      }
    });
  return lines(transcript(steps), "");
}

const llm = (
  span_id: string,
  depth: number,
  input: Step["messages"]["input"],
  output: Step["messages"]["output"],
  over: Partial<Step> = {},
) => sampleStep({ span_id, kind: "llm", depth, messages: { input, output }, ...over });
const tool = (span_id: string, depth: number, name: string, result: unknown, over: Partial<Step> = {}) =>
  sampleStep({ span_id, kind: "tool", depth, tool: { name, call_id: null, arguments: null, result }, ...over });

describe("a transcript", () => {
  it("says each message once, although every call repeats the conversation", () => {
    const start = [say("system", "Be kind."), say("user", "Where is it?")];
    const call = ask("c1", "track");
    expect(
      told([
        sampleStep({ span_id: "r", kind: "agent" }),
        llm("1", 1, start, [call]),
        tool("t", 1, "track", "in Lyon", { tool: { name: "track", call_id: "c1", arguments: {}, result: "in Lyon" } }),
        llm("2", 1, [...start, call, answer("c1", "in Lyon")], [say("assistant", "It is in Lyon.")]),
      ]),
    ).toEqual(["system: Be kind.", "user: Where is it?", 'tool track = "in Lyon"', "assistant: It is in Lyon."]);
  });

  it("does not take the only agent for a sub-agent because a workflow is around it", () => {
    expect(
      told([
        sampleStep({ span_id: "w", kind: "chain", name: "workflow" }),
        sampleStep({ span_id: "r", kind: "agent", name: "lead", depth: 1 }),
        llm("1", 2, [say("user", "Plan")], [say("assistant", "Done.")]),
      ]),
    ).toEqual(["user: Plan", "assistant: Done."]);
  });

  it("keeps agents that work one after another apart", () => {
    expect(
      told([
        sampleStep({ span_id: "w", kind: "chain", name: "workflow" }),
        sampleStep({ span_id: "a", kind: "agent", name: "first", depth: 1 }),
        llm("1", 2, [say("user", "Plan")], [say("assistant", "One.")]),
        sampleStep({ span_id: "b", kind: "agent", name: "second", depth: 1 }),
        llm("2", 2, [say("user", "Plan")], [say("assistant", "Two.")]),
      ]),
    ).toEqual([
      "agent first",
      "  user: Plan",
      "  assistant: One.",
      "agent second",
      "  user: Plan",
      "  assistant: Two.",
    ]);
  });

  it("keeps words that were said twice", () => {
    const first = [say("user", "yes")];
    expect(
      told([
        llm("1", 0, first, [say("assistant", "Sure?")]),
        llm("2", 0, [...first, say("assistant", "Sure?"), say("user", "yes")], [say("assistant", "Sure?")]),
      ]),
    ).toEqual(["user: yes", "assistant: Sure?", "user: yes", "assistant: Sure?"]);
  });

  it("folds a sub-agent into the place where it worked, with a conversation of its own", () => {
    expect(
      told([
        sampleStep({ span_id: "r", kind: "agent", name: "lead" }),
        llm("1", 1, [say("user", "Plan")], [say("assistant", "I ask the writer.")]),
        sampleStep({ span_id: "s", kind: "agent", name: "writer", depth: 1 }),
        llm("2", 2, [say("user", "Plan")], [say("assistant", "Done.")]),
        llm("3", 1, [say("user", "Plan")], [say("assistant", "Finished.")]),
      ]),
    ).toEqual([
      "user: Plan",
      "assistant: I ask the writer.",
      "agent writer",
      "  user: Plan",
      "  assistant: Done.",
      "assistant: Finished.",
    ]);
  });

  it("matches tools without ids by who asked and by name, and shows a sub-agent run by a tool inside it", () => {
    expect(
      told([
        llm("1", 0, [say("user", "go")], [ask(null, "delegate"), ask(null, "look")]),
        tool("t1", 1, "look", "seen", { called_by: "1" }),
        tool("t2", 1, "delegate", "ok", { called_by: "1" }),
        sampleStep({ span_id: "s", kind: "agent", name: "helper", depth: 2 }),
      ]),
    ).toEqual(["user: go", 'tool delegate = "ok"', "  agent helper", 'tool look = "seen"']);
  });

  it("shows what the model was told where no step ran the tool, and tools nobody asked for", () => {
    expect(
      told([
        llm("1", 0, [], [ask("c", "far")]),
        llm("2", 0, [ask("c", "far"), answer("c", 42)], []),
        tool("t", 0, "lone", 1),
      ]),
    ).toEqual(["tool far = 42", "tool lone = 1"]);
  });

  it("leaves out the second telling of a call", () => {
    const said = [say("assistant", "Hi.")];
    expect(
      told([
        llm("w", 0, [say("user", "hi")], said, { counted: false, not_counted_because: "wraps another call" }),
        llm("1", 1, [say("user", "hi")], said),
      ]),
    ).toEqual(["user: hi", "assistant: Hi."]);
  });

  it("marks failures, retrievals and guardrails, and falls back to the run's own input and output", () => {
    expect(
      told([
        sampleStep({ span_id: "r", kind: "chain", input: "Question", output: { answer: 1 } }),
        sampleStep({ span_id: "q", kind: "retriever", depth: 1 }),
        sampleStep({ span_id: "g", kind: "guardrail", depth: 1 }),
        llm("1", 1, [], [], { status: "error", error: { type: "timeout", message: null } }),
      ]),
    ).toEqual([
      "user: Question",
      "mark retriever ok",
      "mark guardrail ok",
      "mark llm error",
      'assistant: {\n  "answer": 1\n}',
    ]);
  });

  it("has nothing to say about a run without steps", () => expect(transcript([])).toEqual([]));
});
