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
    ["calls", "12346"],
    ["steps", "a, b"],
  ]);
  expect(evidence({ text: "x".repeat(200) })[0]?.[1]).toHaveLength(91);
});
