import { expect, test } from "vitest";
import { telling } from "./incident";

test("alerts of one name are told apart by the labels in which they differ", () => {
  const labels = (model: string, more = {}) => ({ alertname: "Slow", severity: "page", agent: "desk", model, ...more });
  expect(
    telling([
      { name: "Slow", labels: labels("a") },
      { name: "Slow", labels: labels("b", { tool: "refund" }) },
      { name: "Dear", labels: labels("a") },
    ]),
  ).toEqual(["a", "b, refund", ""]);
});
