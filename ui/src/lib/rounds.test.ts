import { describe, expect, it } from "vitest";
import { roundBefore, sinceRound } from "./rounds";
import { answer, ask, sampleStep, say } from "./sample";

const call = (span_id: string, second: number, over = {}) =>
  sampleStep({ span_id, kind: "llm", agent: "a", started_at: `2026-11-21T12:00:0${second}Z`, ...over });

describe("the round before", () => {
  it("is the agent's last call that began earlier and went well", () => {
    const steps = [
      call("1", 0),
      call("2", 1),
      call("3", 2, { agent: "b" }),
      call("4", 3, { status: "error" }),
      call("5", 4),
    ];
    expect(roundBefore(steps, steps[4]!)?.span_id).toBe("2");
    expect(roundBefore(steps, steps[0]!)).toBeUndefined();
    expect(roundBefore(steps, steps[2]!)).toBeUndefined();
  });
});

describe("what is new", () => {
  it("is what the call before neither was sent nor answered", () => {
    const before = { input: [say("system", "be kind"), say("user", "hi")], output: [ask("c1", "look", { q: 1 })] };
    const now = [...before.input, ask("c1", "look", { q: 1 }), answer("c1", "owl")];
    expect([...sinceRound(before, now).fresh]).toEqual([3]);
    expect(sinceRound(before, now).gone).toEqual([]);
  });

  it("tells what was taken out, and counts words said twice", () => {
    const before = { input: [say("system", "old rules"), say("user", "hi")], output: [] };
    const diff = sinceRound(before, [say("system", "new rules"), say("user", "hi"), say("user", "hi")]);
    expect([...diff.fresh]).toEqual([0, 2]);
    expect(diff.gone).toEqual([say("system", "old rules")]);
  });
});
