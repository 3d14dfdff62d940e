import { expect, it } from "vitest";
import { type FoldStep, unfold } from "./fold";

const step = (span_id: string, depth: number, folded = 0): FoldStep => ({ span_id, depth, folded });

it("puts a fetched part where it belongs, in place of what was known there", () => {
  const steps = [step("root", 0), step("a", 1, 2), step("b", 1, 1), step("b2", 2), step("c", 1)];
  const part = [step("b", 1), step("b1", 2), step("b2", 2)];
  expect(unfold(steps, part).map((each) => each.span_id)).toEqual(["root", "a", "b", "b1", "b2", "c"]);
  expect(unfold(steps, [step("gone", 1)])).toBe(steps);
  expect(unfold(steps, [])).toBe(steps);
});
