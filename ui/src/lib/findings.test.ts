import { expect, test } from "vitest";
import { countedQuery, overTime, rises, untold } from "./findings";
import { buckets } from "./series";

const START = Date.parse("2026-11-20T10:00:00Z");
const MINUTE = 60_000;
const time = buckets(START, START + 4 * MINUTE, MINUTE);
const seen = (minutes: number, detector = "loop") => ({
  at: new Date(START + minutes * MINUTE).toISOString(),
  detector,
});
/** The counter at the beginning and at the end of each bucket. */
const counter = (detector: string, ...values: (number | null)[]) => ({
  metric: { detector },
  values: values.flatMap((value, at): [number, string][] =>
    value === null ? [] : [[(START + at * MINUTE) / 1000, String(value)]],
  ),
});

test("a list that holds all is counted by itself", () => {
  expect(overTime([seen(3.5), seen(3.1), seen(0.2, "drift")], [], time)).toEqual([
    { name: "loop", key: "loop", values: [0, 0, 0, 2] },
    { name: "drift", key: "drift", values: [1, 0, 0, 0] },
  ]);
});

test("where the list was cut, what is older is told by the counter, and nothing twice", () => {
  const list = [seen(3.5), seen(3.1), seen(2.9)];
  expect(untold(list, true, START, MINUTE)).toBe(START + 3 * MINUTE);
  expect(untold(list, false, START, MINUTE)).toBeUndefined();
  // In the third minute there were four, of which the list has one; what rose after it is in the list.
  expect(overTime(list, [counter("loop", 10, 12, 12, 16, 20)], time)[0]?.values).toEqual([2, 0, 4, 2]);
});

test("findings of an earlier time are drawn over this one", () => {
  const day = 86_400_000;
  const earlier = [{ ...seen(1), at: new Date(START + MINUTE - day).toISOString() }];
  expect(overTime(earlier, [], time, day)[0]?.values).toEqual([0, 1, 0, 0]);
});

test("a counter that is new begins at nothing, one that began anew counts from there, the first value is no rise", () => {
  const values = (...series: ReturnType<typeof counter>[]) =>
    rises(series, MINUTE).map(({ time, by, value }) => [(Date.parse(time!) - START) / MINUTE, by[0], value]);
  expect(values(counter("loop", 7, 7, 9))).toEqual([[1, "loop", 2]]);
  expect(values(counter("loop", 7, 7), counter("drift", null, null, 3))).toEqual([[1, "drift", 3]]);
  expect(values(counter("loop", 7, 2))).toEqual([[0, "loop", 2]]);
  expect(values(counter("loop", null, 500, 501))).toEqual([[1, "loop", 1]]);
});

test("the counter is asked for an agent, over no less than the time between samples", () => {
  expect(countedQuery("bank", 'a"b', 3_600_000)).toBe(
    'last_over_time(agent_findings_total{project="bank",agent_id="a\\"b"}[3600s])',
  );
  expect(countedQuery("bank", undefined, 10_000)).toBe('last_over_time(agent_findings_total{project="bank"}[300s])');
});
