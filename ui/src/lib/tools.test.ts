import { expect, test } from "vitest";
import type { Row } from "./series";
import { argumentsOf, argumentsSql, type Called, called, DRIFT, isSlower, selectionDrift, toolRows } from "./tools";

const row = (name: string, count: number, value = count): Row => ({
  time: null,
  by: [name],
  count,
  value,
  quantiles: [5, 9],
});
const mix = (now: [string, number][], before: [string, number][]) =>
  toolRows(
    now.map(([name, calls]) => row(name, calls)),
    [],
    before.map(([name, calls]) => row(name, calls)),
    [],
  );

test("a mix that stays has not moved, one that changes has by the calls that went elsewhere", () => {
  const steady = mix(
    [
      ["search", 60],
      ["order", 40],
    ],
    [
      ["search", 600],
      ["order", 400],
    ],
  );
  expect(selectionDrift(steady)).toBeCloseTo(0);
  const moved = mix(
    [
      ["search", 20],
      ["order", 80],
    ],
    [
      ["search", 80],
      ["order", 20],
    ],
  );
  expect(selectionDrift(moved)).toBeCloseTo(0.6);
  const fresh = mix(
    [
      ["search", 80],
      ["web", 20],
    ],
    [["search", 100]],
  );
  expect(selectionDrift(fresh)).toBeCloseTo(0.2);
  expect(selectionDrift(fresh)!).toBeGreaterThan(DRIFT);
});

test("too few calls say nothing", () => {
  expect(selectionDrift(mix([["a", 3]], [["b", 500]]))).toBeUndefined();
});

test("failures that were not told are not none", () => {
  const [row] = toolRows([{ time: null, by: ["a"], count: 5, value: 5, quantiles: [] }], undefined, [], []);
  expect([row?.errors, row?.errorsBefore]).toEqual([null, 0]);
});

test("of many tools more calls are needed, on either side", () => {
  const many = (each: number): [string, number][] => Array.from({ length: 39 }, (_, at) => [`tool${at}`, each]);
  expect(selectionDrift(mix(many(400), many(3)))).toBeUndefined();
  expect(selectionDrift(mix(many(400), many(10)))).toBeCloseTo(0);
});

test("a tool is slower only where both sides have calls enough to say", () => {
  const slower = { ...mix([["a", 50]], [["a", 50]])[0]!, p95: 900, p95Before: 300 };
  expect(isSlower(slower)).toBe(true);
  expect(isSlower({ ...slower, callsBefore: 6 })).toBe(false);
  expect(isSlower({ ...slower, calls: 6 })).toBe(false);
  expect(isSlower({ ...slower, p95: 420 })).toBe(false);
  expect(isSlower({ ...slower, p95: 90, p95Before: 45 })).toBe(false);
});

test("a tool that is no longer called is still listed", () => {
  const gone = mix(
    [["a", 50]],
    [
      ["a", 25],
      ["b", 25],
    ],
  ).find((each) => each.name === "b")!;
  expect([gone.calls, gone.callsBefore, gone.share, gone.shareBefore]).toEqual([0, 25, 0, 0.5]);
});

test("arguments are counted by name; what cannot be read whole is said", () => {
  const call = (text: string | null, calls = 1, failed = 0): Called => ({
    text,
    calls,
    failed,
    ms: null,
    traceId: "",
    spanId: "",
  });
  const found = argumentsOf([
    call('{"order":"A-1","deep":{"x":1}}', 3),
    call('{"order":7}', 2, 2),
    call('{"order":"cut', 5),
    call(null),
  ]);
  expect([found.read, found.all]).toEqual([5, 11]);
  expect(found.arguments[0]).toEqual({
    name: "order",
    calls: 5,
    failed: 2,
    types: ["number", "string"],
    values: 2,
    most: ["A-1", "7"],
  });
  expect(found.arguments[1]?.most).toEqual(['{"x":1}']);
});

test("a tool's name cannot leave its quotes", () => {
  expect(argumentsSql("x' OR '1'='1", { from: "a", to: "b" })).toContain("= 'x'' OR ''1''=''1'");
  expect(called([["{}", 2, 1, [4], "t", "s"]])[0]).toEqual({
    text: "{}",
    calls: 2,
    failed: 1,
    ms: 4,
    traceId: "t",
    spanId: "s",
  });
});
