import { expect, it } from "vitest";
import { absolute } from "./format";
import { alertMarks, changeMarks, driftMarks, ofAgent } from "./marks";

it("draws alerts from when they fired until they ended", () => {
  const event = (minute: number, kind: string, name = "Slow", labels = {}) => ({
    at: `2026-11-21T12:0${minute}:00Z`,
    kind,
    name,
    labels,
  });
  const at = (minute: number) => Date.parse(`2026-11-21T12:0${minute}:00Z`);
  // The history comes newest first, with what was sent in between.
  const events = [event(7, "fired", "Dear"), event(5, "resolved"), event(3, "sent"), event(2, "fired")];
  expect(alertMarks(events, at(0), at(9))).toEqual([
    { at: at(2), to: at(5), name: "Slow", tone: "bad" },
    { at: at(7), to: at(9), name: "Dear", tone: "bad" },
  ]);
  expect(alertMarks(events, at(6), at(9)).map((mark) => mark.name)).toEqual(["Dear"]);
});

it("names what changed, and of whom", () => {
  const at = "2026-11-21T12:00:00Z";
  expect(changeMarks([{ at, kind: "tool_schema", agent: "planner", title: "search takes a limit" }])).toEqual([
    { at: Date.parse(at), name: "tool schema of planner: search takes a limit" },
  ]);
});

it("draws drift where it began, or where it was seen if nobody knows", () => {
  const drift = (evidence: Record<string, unknown>) =>
    driftMarks([{ at: "2026-11-21T12:00:00Z", message: "calls other tools", evidence }]);
  const mark = (at: string) => [{ at: Date.parse(at), name: "Drift: calls other tools", tone: "bad" }];
  expect(drift({ onset_at: "2026-11-21T11:48:00Z" })).toEqual(mark("2026-11-21T11:48:00Z"));
  expect(drift({})).toEqual(mark("2026-11-21T12:00:00Z"));
});

it("says in the zone that is shown when drift began", () => {
  const [mark] = driftMarks([
    { at: "2026-11-21T12:00:00Z", message: "steps changed, beginning 2026-11-21T11:48:00.25Z", evidence: {} },
  ]);
  expect(mark?.name).toBe(`Drift: steps changed, beginning ${absolute("2026-11-21T11:48:00Z", "second")}`);
});

it("leaves out what is about other agents", () => {
  const labels: Record<string, string>[] = [{ agent_id: "desk" }, { agent_id: "other" }, { model: "gpt-4o" }];
  const events = labels.map((each) => ({ labels: each }));
  expect(ofAgent(events, "desk")).toEqual([events[0], events[2]]);
  expect(ofAgent(events, undefined)).toEqual(events);
});
