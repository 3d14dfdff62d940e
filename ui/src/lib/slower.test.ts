import { expect, test } from "vitest";
import type { Row } from "./series";
import { slowerSince } from "./slower";

const START = Date.parse("2026-11-20T10:00:00Z");
const MINUTE = 60_000;
const LATER = new Date(START + 10 * MINUTE).toISOString();
const rows = (key: string, p95: (number | null)[], count = 4): Row[] =>
  p95.map((value, at) => ({
    time: new Date(START + at * MINUTE).toISOString(),
    by: [key],
    count: value === null ? 0 : count,
    value,
    quantiles: [value],
  }));

test("a tool that became slow and stayed so is told with when, from what and to what", () => {
  const found = slowerSince([
    ...rows("slow", [40, 42, 38, 900, 950, 910]),
    ...rows("steady", [40, 42, 38, 41, 39, 40]),
  ]);
  expect([...found]).toEqual([["slow", { since: START + 3 * MINUTE, now: 910, before: 40 }]]);
});

test("the order of rows and buckets without calls do not matter", () => {
  const found = slowerSince(rows("slow", [40, null, 41, null, null, 900, null, 905, 910]).reverse());
  expect(found.get("slow")).toEqual({ since: START + 5 * MINUTE, now: 905, before: 40 });
});

test("one stray bucket on either side changes nothing", () => {
  const found = slowerSince(rows("slow", [40, 40, 800, 40, 40, 40, 900, 910, 900, 45, 905, 900, 910]));
  expect(found.get("slow")?.since).toBe(START + 6 * MINUTE);
});

test("what was slow and is fast again is not slow", () => {
  expect(slowerSince(rows("over", [40, 41, 900, 910, 920, 40, 41])).size).toBe(0);
});

test("few calls say nothing: what is slow now and then comes late by chance too", () => {
  const single = (fast: number, slow: number) =>
    slowerSince(rows("rare", [...Array<number>(fast).fill(40), ...Array<number>(slow).fill(900)], 1)).size;
  expect([single(3, 12), single(4, 9), single(4, 10)]).toEqual([0, 0, 1]);
});

test("one slow call in the last bucket is no tool that became slow; two of some thirty are", () => {
  const last = (count: number) =>
    slowerSince([...rows("busy", [40, 41, 40], 20), { ...rows("busy", [900], count)[0]!, time: LATER }]);
  expect(last(20).size).toBe(0);
  expect(last(30).get("busy")?.since).toBe(Date.parse(LATER));
});

test("too few calls, always slow, or slower by what nobody notices say nothing", () => {
  expect(slowerSince(rows("few", [40, 900, 900], 1)).size).toBe(0);
  expect(slowerSince(rows("always", [900, 910, 905, 900])).size).toBe(0);
  expect(slowerSince(rows("quick", [2, 2, 2, 9, 9, 9])).size).toBe(0);
});
