import { expect, test } from "vitest";
import { buckets } from "@/lib/series";
import { night } from "@/theme/tokens";
import { lowest, timeOption } from "./option";

const START = Date.parse("2026-11-20T10:00:00Z");
const time = buckets(START, START + 7_200_000, 3_600_000);
const shown = (...values: (number | null)[]) => [{ name: "a", values }];

test("an axis of shares ends below what is shown and is cut into round parts", () => {
  expect([lowest(shown(100, 99.8), 98, 100), lowest(shown(95, null), 98, 100), lowest(shown(3), 98, 100)]).toEqual([
    96, 92, 0,
  ]);
  const { yAxis } = timeOption(
    { label: "", time, series: shown(90, 100), kind: "lines", format: String, most: 100 },
    night,
  ) as { yAxis: { min: number; interval: number } };
  expect([yAxis.min, yAxis.interval]).toEqual([80, 5]);
});

test("counts have no halves between them", () => {
  const least = (...values: number[]) =>
    (
      timeOption({ label: "", time, series: shown(...values), kind: "bars", format: String }, night) as {
        yAxis: { minInterval: number };
      }
    ).yAxis.minInterval;
  expect([least(2, 1), least(0.5, 1)]).toEqual([1, 0]);
});
