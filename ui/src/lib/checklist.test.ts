import { expect, it } from "vitest";
import type { ChecklistRow } from "@/api/types";
import { amount, runsOf } from "./checklist";

it("reads numbers in the unit of their row", () => {
  expect(amount(1.5, "seconds")).toBe("1.50 s");
  expect(amount(0.052, "ratio")).toBe("5.2 %");
  expect(amount(0, "ratio")).toBe("0 %");
  expect(amount(4.25, "count")).toBe("4.3");
  expect(amount(null, "usd")).toBe("–");
});

it("leads to the runs of the agent, model or tool", () => {
  const row = { category: "Errors", labels: { agent_id: "a", tool_name: "t" } } as unknown as ChecklistRow;
  expect(runsOf(row)).toEqual({ from: "1h", agent: ["a"], tool: ["t"], sort: "-errors" });
});
