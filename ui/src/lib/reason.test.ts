import { expect, test } from "vitest";
import type { Investigation } from "@/api/types";
import { firstProof, reasonOf } from "./reason";

type Failed = Investigation["failed"][number];
const failed = (step: string, more: Partial<Failed> = {}): Failed => ({
  step,
  span_id: step.replace(/^.* /, ""),
  attempts: 1,
  recovered: false,
  error: "no answer",
  ...more,
});
const found = (...steps: Failed[]) => ({ state: "run of desk: error", failed: steps, findings: [], departure: null });

test("the step that failed is the reason, not the agent around it", () => {
  const both = found(failed("agent invoke_agent desk"), failed("tool get_order", { attempts: 8 }));
  expect(firstProof(both)).toBe("get_order");
  expect(reasonOf(both)).toBe("tool get_order failed, tried 8 times: no answer");
});

test("where only the agent failed for good, it is the reason", () => {
  const only = found(failed("agent desk"), failed("tool get_order", { recovered: true }));
  expect(firstProof(only)).toBe("desk");
  expect(reasonOf(only)).toBe("agent desk failed: no answer");
});

test("without a failed step, the state says it", () => {
  expect(firstProof(found())).toBeUndefined();
  expect(reasonOf(found())).toBe("error");
});

test("what stands beside it in the row is not said again", () => {
  const state = (words: string) => reasonOf({ ...found(), state: `invoke_agent desk of desk: ${words}` });
  expect(state("ok after 108.6 s, 33 steps, 13 tool calls, 0 failed steps, $0.1112")).toBe("33 steps, 13 tool calls");
  expect(state("ok after 8.0 s, 4 steps, 1 failed step, $0.0994; fetch: 503, $5 lost")).toBe(
    "4 steps, 1 failed step; fetch: 503, $5 lost",
  );
});
