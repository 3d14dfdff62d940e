import { afterEach, expect, it } from "vitest";
import { absolute, bytes, clock, compact, count, dated, duration, usd, usdExact } from "./format";
import { fixed, fromField, grouped, showZone, toField, upTo, writeAs, zone } from "./locale";

afterEach(() => {
  showZone("local");
  writeAs(undefined);
});

const AT = "2026-11-21T03:58:32.118Z";

it("shows times in UTC where that is chosen", () => {
  showZone("utc");
  expect(absolute("2026-11-21T03:58:32.118+02:00")).toBe("2026-11-21 01:58:32.118");
  expect(clock(AT)).toBe("03:58:32.118");
  expect(zone()).toBe("UTC");
});

it("shows times in any other zone, across a change of its clock", () => {
  showZone("America/New_York");
  expect(absolute(AT)).toBe("2026-11-20 22:58:32.118");
  expect(absolute("2026-07-01T12:00:00Z", "minute")).toBe("2026-07-01 08:00");
  showZone("Asia/Kathmandu");
  expect(dated(AT, "second")).toBe("11-21 09:43:32");
  expect(zone()).toBe("Asia/Kathmandu");
});

it("writes numbers and dates as a language has them", () => {
  showZone("utc");
  writeAs("de-DE");
  expect(count(12_480)).toBe("12.480");
  expect(compact(12_400)).toBe("12,4k");
  expect(duration(1_720)).toBe("1,72 s");
  expect(usd(1234.5)).toBe("$1.234,50");
  expect(usdExact(0.000093)).toBe("$0,000093");
  expect(bytes(4_400_000)).toBe("4,2 MiB");
  expect(absolute(AT, "minute")).toBe("21.11.2026, 03:58");
  expect(clock(AT, "second")).toBe("03:58:32");
  writeAs(undefined);
  expect(usdExact(0.000093)).toBe("$0.000093");
  expect(usdExact(1234.5)).toBe("$1,234.5");
  expect(absolute(AT, "minute")).toBe("2026-11-21 03:58");
});

it("a field of a form means the zone that is shown", () => {
  showZone("America/New_York");
  for (const iso of ["2026-11-21T03:58:32Z", "2026-07-01T12:00:00Z", "2026-03-08T07:30:00Z"])
    expect(new Date(fromField(toField(Date.parse(iso)))).toISOString()).toBe(iso.replace("Z", ".000Z"));
  expect(toField(Date.parse("2026-07-01T12:00:00Z"))).toBe("2026-07-01T08:00:00");
});

it("writes numbers by hand as the browser writes them", () => {
  const as = (least: number, most: number, useGrouping: boolean) =>
    new Intl.NumberFormat("en-US", { minimumFractionDigits: least, maximumFractionDigits: most, useGrouping });
  const odd = [0, -0, 1, 0.5, 1.5, 2.5, -2.5, 1.005, 0.045, 99.95, 999.5, 1e-7, 1e15, 1e21, 123_456_789.125, -0.004];
  const many = Array.from({ length: 300 }, (_, at) => (at % 2 ? 1 : -1) * (at * 7919.37) ** (1 + (at % 5) / 3));
  const values = [...odd, ...many, ...many.map((each) => each / 1e6), Number.NaN, Number.POSITIVE_INFINITY];
  for (const digits of [0, 1, 2, 3, 4]) {
    const [same, most, separated] = [as(digits, digits, false), as(0, digits, false), as(digits, 4, true)];
    expect(values.map((value) => fixed(value, digits))).toEqual(values.map((value) => same.format(value)));
    expect(values.map((value) => upTo(value, digits))).toEqual(values.map((value) => most.format(value)));
    expect(values.map((value) => grouped(value, digits, 4))).toEqual(values.map((value) => separated.format(value)));
  }
});
