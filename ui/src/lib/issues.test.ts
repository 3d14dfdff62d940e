import { expect, test } from "vitest";
import { evidence, readIssuesSearch, statesOf } from "./issues";

test("a URL that says nothing shows what needs somebody", () => {
  expect(readIssuesSearch({ state: "nonsense" })).toEqual({});
  expect(readIssuesSearch({ state: "muted", issue: "f1" })).toEqual({ state: "muted", issue: "f1" });
  expect(statesOf("active")).toEqual(["open", "regressed"]);
});

test("evidence is shown as short values, nested ones are left out", () => {
  expect(
    evidence({
      tool_name: "search",
      share: 0.123456,
      calls: 12345.6,
      steps: ["a", "b"],
      more: { a: 1 },
      nothing: null,
    }),
  ).toEqual([
    ["tool name", "search"],
    ["share", "0.123"],
    ["calls", "12,346"],
    ["steps", "a, b"],
  ]);
  expect(evidence({ text: "x".repeat(200) })[0]?.[1]).toHaveLength(91);
});

test("of runs in evidence the whole ids are kept, of the first few", () => {
  const ids = Array.from({ length: 7 }, (_, at) => `${at}`.repeat(32));
  expect(evidence({ onset_trace_id: ids[0], last_good: ids })).toEqual([
    ["since run", ids[0]],
    ["last good", ids.slice(0, 5).join(", ")],
  ]);
});

test("evidence is written as what it is, and not said twice", () => {
  const slow = { ms: 22079.4, p95_ms: 214.2, tool: "calculate_price" };
  expect(evidence(slow)).toEqual([
    ["time", "22.1 s"],
    ["p95", "214 ms"],
    ["tool", "calculate_price"],
  ]);
  expect(evidence(slow, "`calculate_price` took 22.1 s; 95 % of its calls take 200 ms or less")).toEqual([
    ["p95", "214 ms"],
  ]);
  expect(evidence({ input_tokens: 12_480 }, "12,480 input tokens, 5.1 times the median of such runs")).toEqual([]);
  expect(
    evidence({ feature: "cost_usd", value: 0.5, times_median: 3.02 }, "3.0 times the median of such runs"),
  ).toEqual([
    ["feature", "cost_usd"],
    ["value", "$0.500"],
  ]);
  expect(evidence({ before: 0.25, after: 1 }, "one model: 25 % before, 100 % after")).toEqual([]);
  // A 6 is no part of 16, and a 5 none of 5.9.
  expect(evidence({ rounds: 6, limit: 5 }, "16 model calls; 5.9 are usual")).toHaveLength(2);
  expect(evidence({ input_tokens: 12_480, silent_seconds: 90 })).toEqual([
    ["input tokens", "12.5k"],
    ["silent", "1 m 30 s"],
  ]);
});

test("which issues are listed is in the address", () => {
  const search = { q: "came back", order: "-severity", detector: "loop", severity: "warning", of: "desk" };
  expect(readIssuesSearch({ detector: "loop", severity: "grave", order: "colour" })).toEqual({ detector: "loop" });
  expect(readIssuesSearch(search)).toEqual(search);
});
