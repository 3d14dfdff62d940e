import { expect, it } from "vitest";
import type { ChecklistRow } from "@/api/types";
import { amount, runsOf, stateOf } from "./checklist";

it("reads numbers in the unit of their row", () => {
  expect(amount(1.5, "seconds")).toBe("1.50 s");
  expect(amount(0.052, "ratio")).toBe("5.2 %");
  expect(amount(0, "ratio")).toBe("0 %");
  expect([0.0014, 0.00098, 0.11, 0.0996, 1e-9].map((value) => amount(value, "ratio"))).toEqual([
    "0.14 %",
    "0.098 %",
    "11 %",
    "10 %",
    "<0.001 %",
  ]);
  expect(amount(4.25, "count")).toBe("4.3");
  expect(amount(null, "usd")).toBe("–");
});

it("says of a row without a threshold that it is watched, not that it is on the good side", () => {
  const label = (state: string, threshold: number | null) => stateOf({ state, threshold }).label;
  expect([label("ok", 5), label("ok", null), label("beyond", 5), label("no_data", null)]).toEqual([
    "ok",
    "watched",
    "beyond",
    "no data",
  ]);
});

it("leads to the runs of the agent, model or tool", () => {
  const row = { category: "Errors", labels: { agent_id: "a", tool_name: "t" } } as unknown as ChecklistRow;
  expect(runsOf(row)).toEqual({ from: "1h", agent: ["a"], tool: ["t"], sort: "-errors" });
});
