import { expect, test } from "vitest";
import { bounds, cells, edge, heatSql, levelOf, span } from "./heat";
import { buckets } from "./series";

const START = Date.parse("2026-11-20T10:00:00Z");
const time = buckets(START, START + 7_200_000, 3_600_000);

test("two levels double a duration", () => {
  expect([edge(0), edge(2), edge(20)]).toEqual([1, 2, 1024]);
});

test("the bounds of a level hold exactly what is counted in it", () => {
  for (let steps = 0; steps < 3000; steps += 1) {
    const level = Math.floor(levelOf(steps));
    const held = (at: number) => {
      const { least, most } = bounds(at, "steps");
      return (least === undefined || steps >= least) && steps <= most;
    };
    expect([held(level - 1), held(level), held(level + 1)], `${steps} steps`).toEqual([
      level === 0 && steps === 0,
      true,
      false,
    ]);
  }
  // A nanosecond apart.
  expect(bounds(20, "duration_ms").least).toBe(1024);
  expect(bounds(19, "duration_ms").most).toBe(1023.999999);
});

test("a level of one value is one value", () => {
  expect([span(3, "steps", String), span(4, "steps", String), span(0, "steps", String)]).toEqual([
    "3",
    "4 to 5",
    "0 to 1",
  ]);
});

test("the question names the range and keeps quotes inside of values", () => {
  const sql = heatSql(time, { agent: "o'neil", service: "desk" });
  expect(sql).toContain("started_at >= '2026-11-20T10:00:00.000Z' AND started_at < '2026-11-20T12:00:00.000Z'");
  expect(sql).toContain("array_has(agent_names, 'o''neil') AND service = 'desk'");
});

test("rows outside of the chart are left out", () => {
  const rows = [
    ["2026-11-20T11:00:00Z", 22, 5],
    ["2026-11-20T13:00:00Z", 22, 5],
    [null, 3, 1],
  ];
  expect(cells(rows, time)).toEqual([{ at: 1, level: 22, count: 5 }]);
});
