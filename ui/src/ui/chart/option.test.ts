import { expect, test } from "vitest";
import { bytes, duration, usd } from "@/lib/format";
import { showZone } from "@/lib/locale";
import { buckets, TOOLS_SHOWN } from "@/lib/series";
import { night } from "@/theme/tokens";
import { between, colourOf, lowest, onAxis, timeAxis, timeOption, valueAxis, wheel } from "./option";

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

test("an axis says round times, and where there are several days each begins with its date", () => {
  showZone("utc");
  const said = (from: string, hours: number, minutes: number) => {
    const start = Date.parse(from);
    const { data, interval } = timeAxis(buckets(start, start + hours * 3_600_000, minutes * 60_000));
    return data.filter((_, at) => interval(at));
  };
  expect(said("2026-11-20T08:50:00Z", 3, 5)).toEqual(["09:00", "09:30", "10:00", "10:30", "11:00", "11:30"]);
  expect(said("2026-11-20T14:00:00Z", 48, 60)).toEqual(["11-21", "12:00", "11-22", "12:00"]);
  showZone("local");
});

test("every series of a chart has a colour of its own, and what is summed up has none", () => {
  expect(new Set(wheel(night)).size).toBe(wheel(night).length);
  expect(wheel(night).length).toBeGreaterThanOrEqual(TOOLS_SHOWN);
  expect(between("#000010", "#ffff10")).toBe("#808010");
  expect(colourOf({ name: "3 others", values: [] }, 14, night)).toBe(night.borderStrong);
  expect(colourOf({ name: "2 others", key: "2 others", values: [] }, 0, night)).toBe(wheel(night)[0]);
});

test("values of an axis have no zeros that say nothing", () => {
  expect(["$0.500", "$1.50", "$0.0250", "10.0 s", "1.00 s", "100 %", "2 m 00 s"].map(onAxis)).toEqual([
    "$0.50",
    "$1.50",
    "$0.025",
    "10 s",
    "1 s",
    "100 %",
    "2 m 00 s",
  ]);
});

test("an axis of minutes, hours or bytes is cut as one counts them, all others by ten", () => {
  const axis = (format: (value: number | null) => string, kind: "lines" | "bars", ...values: number[][]) =>
    valueAxis({ label: "", time, series: values.map((each) => ({ name: "a", values: each })), kind, format });
  const seconds = (value: number | null) => duration(value === null ? null : value * 1000);
  expect(axis(seconds, "lines", [1000, 400])).toEqual({ interval: 300, max: 1200 });
  expect(axis(duration, "lines", [3 * 3_600_000])).toEqual({ interval: 3_600_000, max: 3 * 3_600_000 });
  // Bars stand on one another.
  expect(axis(seconds, "bars", [100, 0], [80, 170])).toEqual({ interval: 60, max: 180 });
  expect(axis(bytes, "lines", [300_000])).toEqual({ interval: 102_400, max: 307_200 });
  expect([axis(duration, "lines", [900]), axis(usd, "lines", [5000]), axis(String, "lines", [5000])]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test("an axis reaches a threshold above what is shown, unless that would press it flat", () => {
  const reached = (value: number) =>
    (
      timeOption(
        { label: "", time, series: shown(4, 3), kind: "lines", format: String, threshold: { value, name: "" } },
        night,
      ) as { series: { data: unknown[] }[] }
    ).series.some(({ data }) => data.includes(value));
  expect([reached(10), reached(1000)]).toEqual([true, false]);
});
