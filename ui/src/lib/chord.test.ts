import { expect, test } from "vitest";
import { chord, TOGETHER_MS } from "./chord";

test("a key follows the first one for a while, once", () => {
  const follows = chord("g");
  expect([follows("g", 5000), follows("c", 5400), follows("c", 5500)]).toEqual([false, true, false]);
  expect([follows("g", 6000), follows("c", 6000 + TOGETHER_MS)]).toEqual([false, false]);
  expect([follows("g", 8000), follows("g", 8900), follows("r", 9500)]).toEqual([false, false, true]);
});

test("in the first second of a page a key stands for itself", () => {
  expect(chord("g")("c", 300)).toBe(false);
});
