import { expect, test } from "vitest";
import {
  buckets,
  byKey,
  byQuantile,
  change,
  courses,
  hitOf,
  lengthMs,
  marksIn,
  type Row,
  rangeMs,
  settled,
  share,
  sparkPoints,
  stepFor,
  together,
  wider,
} from "./series";

const HOUR = 3_600_000;
const START = Date.parse("2026-11-20T10:00:00Z");
const row = (hour: number, key: string | null, value: number, quantiles: number[] = []): Row => ({
  time: new Date(START + hour * HOUR).toISOString(),
  by: [key],
  count: value,
  value,
  quantiles,
});

test("a step is chosen so that a chart has few enough buckets", () => {
  expect(stepFor(lengthMs("15m")!)[0]).toBe("30s");
  expect(stepFor(lengthMs("24h")!)[0]).toBe("30m");
  expect(stepFor(lengthMs("30d")!)[0]).toBe("12h");
  expect(stepFor(1e15)[0]).toBe("7d");
});

test("a range is read back from its end", () => {
  expect(rangeMs("1h", undefined, START)).toEqual([START - HOUR, START]);
  expect(rangeMs("2026-11-20T09:00:00Z", "2026-11-20T10:00:00Z", 0)).toEqual([START - HOUR, START]);
});

test("buckets begin at multiples of the step and hold both ends", () => {
  expect(buckets(START + 1, START + 2 * HOUR + 1, HOUR).starts).toEqual([START, START + HOUR, START + 2 * HOUR]);
});

test("the largest keys come first, the rest is one series that keeps the sum", () => {
  const time = buckets(START, START + 2 * HOUR, HOUR);
  const rows = [row(0, "b", 5), row(1, "b", 5), row(0, "a", 3), row(1, "c", 2), row(0, null, 1), row(9, "a", 100)];
  expect(byKey(rows, time, { most: 2 })).toEqual([
    { name: "b", key: "b", values: [5, 5] },
    { name: "a", key: "a", values: [3, 0] },
    { name: "2 others", values: [1, 2] },
  ]);
  expect(byKey(rows, time).map((series) => series.name)).toEqual(["b", "a", "c", "none"]);
});

test("an earlier day is drawn over this one", () => {
  const time = buckets(START + 24 * HOUR, START + 26 * HOUR, HOUR);
  expect(byKey([row(1, "a", 4)], time, { shiftMs: 24 * HOUR })[0]?.values).toEqual([0, 4]);
});

test("a quantile has a gap where nothing ran", () => {
  const time = buckets(START, START + 3 * HOUR, HOUR);
  expect(byQuantile([row(0, "", 2, [10, 20]), row(2, "", 1, [30, 40])], time, ["p50", "p95"])).toEqual([
    { name: "p50", values: [10, null, 30] },
    { name: "p95", values: [20, null, 40] },
  ]);
});

test("a share has a gap where there is nothing to share", () => {
  const series = [
    { name: "ok", values: [3, 0] },
    { name: "error", values: [1, 0] },
  ];
  expect(share(series, (name) => name === "ok")).toEqual([75, null]);
});

test("a change from nothing says nothing", () => {
  expect(change(3, 2)).toBeCloseTo(0.5);
  expect(change(3, 0)).toBeUndefined();
  expect(change(null, 2)).toBeUndefined();
});

test("a mark belongs to every bucket it touches", () => {
  const deploy = { at: START + 10, name: "deploy" };
  const alert = { at: START, to: START + HOUR, name: "alert" };
  expect(marksIn([deploy, alert], START, HOUR)).toEqual([deploy, alert]);
  expect(marksIn([deploy, alert], START + HOUR, HOUR)).toEqual([alert]);
  expect(marksIn([deploy, alert], START - HOUR, HOUR)).toEqual([]);
});

test("a click means the part of the stack at its height, and above the stack the whole time", () => {
  const place = (value: number) => 100 - value * 10;
  const stack = [
    { name: "ok", values: [3] },
    { name: "error", values: [2] },
    { name: "none", values: [null] },
  ];
  const at = (y: number) => hitOf(stack, "bars", 0, y, place)?.name;
  expect([at(99), at(71), at(69), at(51), at(49)]).toEqual(["ok", "ok", "error", "error", undefined]);
});

test("a click means the nearest line, and away from all of them the whole time", () => {
  const place = (value: number) => 100 - value;
  const lines = [
    { name: "p50", values: [10] },
    { name: "p95", values: [60] },
    { name: "p99", values: [null] },
  ];
  const at = (y: number) => hitOf(lines, "lines", 0, y, place)?.name;
  expect([at(92), at(44), at(35), at(70), at(5)]).toEqual(["p50", "p95", "p95", undefined, undefined]);
});

test("a bucket under way has no quantiles yet, unless there is nothing else to show", () => {
  const time = buckets(START, START + 3 * HOUR, HOUR);
  const lines = [
    { name: "p50", values: [10, null, 3] },
    { name: "p95", values: [null, null, 4] },
  ];
  const during = START + 2.5 * HOUR;
  expect(settled(lines, time, during).map((line) => line.values)).toEqual([
    [10, null, null],
    [null, null, 4],
  ]);
  expect(settled(lines, time, START + 3 * HOUR)).toBe(lines);
});

test("each key has its course, without what is under way, and a line through it", () => {
  const time = buckets(START, START + 3 * HOUR, HOUR);
  const found = courses([row(0, "a", 4), row(1, "a", 2), row(2, "a", 9), row(1, "b", 1)], time, START + 2.5 * HOUR);
  expect([...found]).toEqual([
    ["a", [4, 2]],
    ["b", [0, 1]],
  ]);
  expect(sparkPoints([4, 2, null], 100, 20)).toBe("0,1 50,10 100,19");
  expect([sparkPoints([4], 100, 20), sparkPoints([0, 0], 100, 20)]).toEqual([undefined, undefined]);
});

test("zoomed out, a stretch is twice as long around itself, and does not reach beyond now", () => {
  expect(wider(START, START + 2 * HOUR, START + 9 * HOUR)).toEqual([START - HOUR, START + 3 * HOUR]);
  expect(wider(START, START + 2 * HOUR, START + 2.5 * HOUR)).toEqual([START - 1.5 * HOUR, START + 2.5 * HOUR]);
});

test("series together are their sum, and nothing where none has a value", () => {
  const parts = [
    { name: "a", values: [1, null, null, 0] },
    { name: "b", values: [2, 3, null, 0] },
  ];
  expect(together("all", parts)).toEqual({ name: "all", values: [3, 3, null, 0] });
  expect(together("all", []).values).toEqual([]);
});
