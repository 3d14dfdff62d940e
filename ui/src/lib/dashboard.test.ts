import { expect, test } from "vitest";
import type { DashboardPanel } from "@/api/types";
import {
  arrange,
  COLUMNS,
  chartHeight,
  filled,
  heatRows,
  newPanel,
  promOverTime,
  reads,
  SAMPLE,
  seriesName,
  settle,
  sqlOverTime,
  toneOf,
} from "./dashboard";

const panel = (id: string, x: number, y: number, w = 12, h = 4): DashboardPanel => ({
  ...newPanel([], "stat"),
  id,
  x,
  y,
  w,
  h,
});
const places = (panels: DashboardPanel[]) => Object.fromEntries(panels.map(({ id, x, y, w, h }) => [id, [x, y, w, h]]));
const free = (panels: DashboardPanel[]) =>
  panels.every((one, at) =>
    panels
      .slice(at + 1)
      .every(
        (other) =>
          one.x >= other.x + other.w ||
          other.x >= one.x + one.w ||
          one.y >= other.y + other.h ||
          other.y >= one.y + one.h,
      ),
  );

test("a panel put onto another takes its place, and that one gives way", () => {
  const moved = arrange([panel("a", 0, 0), panel("b", 0, 4)], "b", { y: 0 });
  expect(places(moved)).toEqual({ a: [0, 4, 12, 4], b: [0, 0, 12, 4] });
  const wider = arrange([panel("a", 0, 0), panel("b", 12, 0)], "a", { w: 20 });
  expect(places(wider)).toEqual({ a: [0, 0, 20, 4], b: [12, 4, 12, 4] });
});

test("nothing leaves the grid, nothing lies on another, nothing hangs in the air", () => {
  let panels = settle([panel("a", 0, 50), panel("b", 3, 51, 9, 7), panel("c", 20, 2, 4, 40)]);
  expect(Math.min(...panels.map((each) => each.y))).toBe(0);
  let seed = 7;
  for (let turn = 0; turn < 300; turn += 1) {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    const id = ["a", "b", "c"][seed % 3]!;
    panels = arrange(panels, id, { x: (seed % 40) - 8, y: (seed % 30) - 5, w: seed % 50, h: seed % 60 });
    expect(free(panels)).toBe(true);
    expect(panels.every((each) => each.x >= 0 && each.x + each.w <= COLUMNS && each.y >= 0 && each.h <= 40)).toBe(true);
  }
});

test("what stands for something is put in, and cannot leave its quotes", () => {
  const range = { from: 0, to: 3_600_000, stepMs: 60_000 };
  expect(filled('rate(x{a=~"$agent"}[$__rate_interval])', "promql", { agent: "" }, range)).toBe(
    'rate(x{a=~".*"}[75s])',
  );
  expect(filled(`x{a="\${agent:regex}"}`, "promql", { agent: 'q"}' }, range)).toBe('x{a="q\\"}"}');
  expect(filled("a = '$agent' AND t >= $__from", "sql", { agent: "o'neill" }, range)).toBe(
    "a = 'o''neill' AND t >= '1970-01-01T00:00:00.000Z'",
  );
  expect(filled("increase(x[$__range]) + $unknown", "promql", {}, range)).toBe("increase(x[3600s]) + $unknown");
});

test("series have the names their legend says", () => {
  expect(seriesName({ __name__: "up", job: "a" }, "{{job}} is up")).toBe("a is up");
  expect(seriesName({ __name__: "up", job: "a" }, "")).toBe("a");
  expect(seriesName({ __name__: "up" }, "")).toBe("up");
});

const time = { starts: [0, 60_000, 120_000], stepMs: 60_000 };

test("points fall into their buckets, what is no number is a gap", () => {
  const [series] = promOverTime(
    [
      {
        metric: { a: "1" },
        values: [
          [0, "1.5"],
          [60, "NaN"],
          [120, "+Inf"],
        ],
      },
    ],
    "",
    time,
  );
  expect(series!.values).toEqual([1.5, null, null]);
});

test("counts up to a size become counts within", () => {
  const of = (le: string, value: string) => ({ metric: { le }, values: [[0, value]] as [number, string][] });
  expect(
    heatRows([of("+Inf", "9"), of("0.5", "4"), of("0.1", "1")], time).map((row) => [row.upTo, row.values[0]]),
  ).toEqual([
    [0.1, 1],
    [0.5, 3],
    [Number.POSITIVE_INFINITY, 5],
  ]);
});

test("a SQL answer is drawn by its time, its texts and its numbers", () => {
  const answer = {
    columns: [
      { name: "t", type: "Timestamp" },
      { name: "agent", type: "Utf8" },
      { name: "n", type: "Int64" },
    ],
    rows: [
      ["1970-01-01T00:00:10Z", "a", 2],
      ["1970-01-01T00:02:00Z", "b", 3],
    ],
  };
  expect(sqlOverTime(answer, time)).toEqual([
    { name: "a", key: "a", values: [2, null, null] },
    { name: "b", key: "b", values: [null, null, 3] },
  ]);
});

test("numbers read in their unit, and have the tone of the threshold they reach", () => {
  expect([
    reads("percentunit")(0.985),
    reads("s")(1.5),
    reads("currencyUSD")(2),
    reads("short")(12),
    reads("x")(null),
  ]).toEqual(["98.5 %", "1.50 s", "$2.00", "12", "–"]);
  const thresholds = [
    { value: 10, tone: "bad" as const },
    { value: 0, tone: "ok" as const },
  ];
  expect([toneOf({ thresholds }, 5), toneOf({ thresholds }, 10), toneOf({ thresholds }, -1)]).toEqual([
    "good",
    "bad",
    undefined,
  ]);
});

test("the dashboard to begin with lies well", () => {
  expect(free(SAMPLE.panels!)).toBe(true);
  expect(new Set(SAMPLE.panels!.map((each) => each.kind)).size).toBe(7);
});

test("names below a chart take what they need of its height, and never most of it", () => {
  expect(chartHeight(240, 26)).toBe(214);
  expect(chartHeight(240, 78)).toBe(162);
  expect(chartHeight(240, 400)).toBe(132);
  expect(reads("percentunit", 1)(0.9982)).toBe("99.8 %");
});
