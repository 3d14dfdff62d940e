import { describe, expect, it } from "vitest";
import { sampleStep, say } from "./sample";
import { displayName, firstToShow, mentions, tabsOf } from "./step";

describe("the name of a step", () => {
  it.each([
    [sampleStep({ span_id: "1", kind: "tool", name: "execute_tool track" }), "track"],
    [
      sampleStep({
        span_id: "1",
        kind: "tool",
        name: "run",
        tool: { name: "track", call_id: null, arguments: null, result: null },
      }),
      "track",
    ],
    [sampleStep({ span_id: "1", kind: "agent", name: "invoke_agent writer" }), "writer"],
    [sampleStep({ span_id: "1", kind: "agent", name: "invoke_agent " }), "invoke_agent "],
    [
      sampleStep({ span_id: "1", kind: "llm", name: "chat gpt-4o", model: "gpt-4o-2024", request_model: "gpt-4o" }),
      "chat",
    ],
    [sampleStep({ span_id: "1", kind: "chain", name: "invoke_workflow review" }), "review"],
    [sampleStep({ span_id: "1", kind: "llm", name: "ChatOpenAI", model: "gpt-4o" }), "ChatOpenAI"],
  ])("%# leaves out what the icon says", (step, name) => expect(displayName(step)).toBe(name));
});

describe("the step opened first", () => {
  const at = (seconds: number) => ({ started_at: `2026-11-21T12:00:0${seconds}Z` });
  const error = { status: "error" as const };
  const steps = [
    sampleStep({ span_id: "root", kind: "agent", ...at(0), ...error }),
    sampleStep({ span_id: "busy", kind: "llm", depth: 1, ...at(1), ...error }),
    sampleStep({ span_id: "again", kind: "llm", depth: 1, ...at(2), retry_of: "busy" }),
    sampleStep({ span_id: "sub", kind: "agent", depth: 1, ...at(3), ...error }),
    sampleStep({ span_id: "first", kind: "tool", depth: 2, ...at(4), ...error }),
    sampleStep({ span_id: "cause", kind: "tool", depth: 2, ...at(5), ...error, retry_of: "first" }),
    sampleStep({ span_id: "fine", kind: "llm", depth: 1, ...at(6) }),
  ];
  it("is the cause of a failure: not what passed it on, not what was made good", () => {
    expect(firstToShow(steps, true)?.span_id).toBe("cause");
  });
  it("is a failed attempt where only such are known", () => {
    expect(firstToShow(steps.slice(1, 3), true)?.span_id).toBe("busy");
  });
  it("is the root otherwise", () => expect(firstToShow(steps, false)?.span_id).toBe("root"));
  it("is the root where no step says it failed", () => expect(firstToShow([steps[6]!], true)?.span_id).toBe("fine"));
  it("is none in an empty run", () => expect(firstToShow([], true)).toBeUndefined());
});

describe("tabs", () => {
  it("are there for what the step has", () => {
    const tool = sampleStep({
      span_id: "t",
      kind: "tool",
      tool: { name: "x", call_id: null, arguments: {}, result: 1 },
    });
    expect(tabsOf(tool, 2)).toEqual(["tool", "attributes", "logs", "raw"]);
    const llm = sampleStep({ span_id: "l", kind: "llm", messages: { input: [say("user", "x")], output: [] } });
    expect(tabsOf(llm, 0)).toEqual(["messages", "attributes", "raw"]);
    const search = sampleStep({
      span_id: "r",
      kind: "retriever",
      input: "q",
      retrieval: { query: "q", count: 1, documents: [], input_documents: [] },
      events: [{ time: "2026-11-21T12:00:00Z", name: "x", attributes: {} }],
    });
    expect(tabsOf(search, 0)).toEqual(["retrieval", "messages", "attributes", "events", "raw"]);
  });
});

it("steps are found by what they are and what went wrong", () => {
  const step = sampleStep({
    span_id: "s",
    kind: "tool",
    name: "Track",
    error: { type: "Timeout", message: null },
    status: "error",
  });
  expect(["track", "timeout", "error", "tool"].every((needle) => mentions(step, needle))).toBe(true);
  expect(mentions(step, "refund")).toBe(false);
});
