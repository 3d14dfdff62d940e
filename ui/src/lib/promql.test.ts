import { expect, test } from "vitest";
import type { PromSample, PromSeries } from "@/api/promql";
import { readExploreSearch, readGraphSearch } from "./explore";
import { asksNow, endingNow, matrixSeries, metricName, shortNames, spread, valueRows, withNow } from "./promql";

test("series are named by what tells them apart", () => {
  expect(metricName({ __name__: "a", b: "c" })).toBe('a{b="c"}');
  expect(
    shortNames([
      { __name__: "a", agent: "x", job: "t" },
      { __name__: "a", agent: "y", job: "t" },
    ]),
  ).toEqual(["x", "y"]);
  expect(shortNames([{ agent: "x" }])).toEqual(['{agent="x"}']);
});

test("samples find their bucket, the highest series comes first, the rest is left out", () => {
  const time = { starts: [0, 60_000, 120_000], stepMs: 60_000 };
  const series = matrixSeries(
    [
      {
        metric: { a: "low" },
        values: [
          [0, "1"],
          [120, "NaN"],
        ],
      },
      { metric: { a: "high" }, values: [[60, "5"]] },
      { metric: { a: "none" }, values: [[60, "+Inf"]] },
    ],
    time,
    5,
  );
  expect(series).toEqual([
    { name: "high", values: [null, 5, null] },
    { name: "low", values: [1, null, null] },
  ]);
  expect(
    matrixSeries(
      [
        { metric: { a: "x" }, values: [[0, "1"]] },
        { metric: { a: "y" }, values: [[0, "2"]] },
      ],
      time,
      1,
    ),
  ).toHaveLength(1);
});

test("the last value of a line is the one of now, also of a series that began within the step", () => {
  const now: PromSample[] = [
    { metric: { b: "2", a: "1" }, value: [130, "9"] },
    { metric: { a: "new" }, value: [130, "4"] },
  ];
  const before: PromSeries[] = [
    {
      metric: { a: "1", b: "2" },
      values: [
        [60, "5"],
        [120, "6"],
      ],
    },
    { metric: { a: "gone" }, values: [[60, "3"]] },
  ];
  expect(withNow(before, now, 120_000)).toEqual([
    {
      metric: { a: "1", b: "2" },
      values: [
        [60, "5"],
        [120, "9"],
      ],
    },
    { metric: { a: "gone" }, values: [[60, "3"]] },
    { metric: { a: "new" }, values: [[120, "4"]] },
  ]);
});

test("a range that ends now has what holds now in its last bucket, once that is known", () => {
  const time = { starts: [0, 600_000, 1_200_000], stepMs: 600_000 };
  const range: PromSeries[] = [{ metric: { a: "1" }, values: [[600, "5"]] }];
  const drawn = (now: Parameters<typeof endingNow>[1]) =>
    matrixSeries(endingNow(range, now, time), time, 5).map(({ values }) => values);
  // The point of the last bucket may not have been asked for yet: what holds now stands there anyway.
  expect(drawn({ resultType: "vector", result: [{ metric: { a: "1" }, value: [1_799, "8"] }] })).toEqual([
    [null, 5, 8],
  ]);
  expect(drawn(undefined)).toEqual([[null, 5, null]]);
  expect(drawn({ resultType: "vector", result: [] })).toEqual([[null, 5, null]]);
  // A query without series has one line; a number has no labels to find it by.
  expect(drawn({ resultType: "scalar", result: [1_799, "7"] })).toEqual([[null, 5, null]]);
  expect([asksNow(true, 15_000), asksNow(true, 60_000), asksNow(false, 60_000)]).toEqual([false, true, false]);
});

test("values at a moment are rows, the highest first", () => {
  const rows = valueRows({
    resultType: "vector",
    result: [
      { metric: { a: "x" }, value: [1, "2"] },
      { metric: { a: "y" }, value: [1, "30"] },
    ],
  });
  expect(rows.map((row) => row.value)).toEqual([30, 2]);
  expect(valueRows({ resultType: "scalar", result: [1, "7"] })).toEqual([{ metric: {}, value: 7, text: "7" }]);
});

test("last, mean and highest leave gaps out", () => {
  expect(spread([1, null, 3, null])).toEqual({ last: 3, mean: 2, highest: 3 });
  expect(spread([null])).toEqual({ last: null, mean: null, highest: null });
});

test("an address says the queries; that of Prometheus' graph is understood", () => {
  expect(readExploreSearch({ expr: "up", mode: "odd", step: "x" })).toEqual({ expr: ["up"] });
  expect(readGraphSearch({ "g0.expr": "a", "g1.expr": "b", "g0.tab": "1", "g0.range_input": "2h" })).toEqual({
    expr: ["a", "b"],
    mode: "table",
    from: "2h",
  });
  expect(readExploreSearch({ expr: Array.from({ length: 20 }, String) }).expr).toHaveLength(8);
});
