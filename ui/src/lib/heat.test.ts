import { expect, test } from "vitest";
import { cells, edge, heatSql } from "./heat";
import { buckets } from "./series";

const START = Date.parse("2026-11-20T10:00:00Z");
const time = buckets(START, START + 7_200_000, 3_600_000);

test("two levels double a duration", () => {
  expect([edge(0), edge(2), edge(20)]).toEqual([1, 2, 1024]);
});

test("the question names the range and keeps quotes inside of values", () => {
  const sql = heatSql(time, { agent: "o'neil" });
  expect(sql).toContain("started_at >= '2026-11-20T10:00:00.000Z' AND started_at < '2026-11-20T12:00:00.000Z'");
  expect(sql).toContain("agent = 'o''neil'");
});

test("rows outside of the chart are left out", () => {
  const rows = [
    ["2026-11-20T11:00:00Z", 22, 5],
    ["2026-11-20T13:00:00Z", 22, 5],
    [null, 3, 1],
  ];
  expect(cells(rows, time)).toEqual([{ at: 1, level: 22, count: 5 }]);
});
