import { describe, expect, it } from "vitest";
import { ago, apart, bytes, compact, count, duration, parse, plural, sentence, usd } from "./format";

it("a duration beside its bound does not read like it", () => {
  expect([apart(60_200, 60_000), apart(59_990, 60_000), apart(60_000, 60_000), apart(61_000, 60_000)]).toEqual([
    "60.2 s",
    "59.99 s",
    "1 m 00 s",
    "1 m 01 s",
  ]);
  expect(apart(null, 60_000)).toBe("–");
});

describe("duration", () => {
  it.each([
    [0, "0 ms"],
    [0.0004, "400 ns"],
    [0.02, "0.02 ms"],
    [0.5, "0.5 ms"],
    [9.94, "9.9 ms"],
    [864.2, "864 ms"],
    [999.6, "1.00 s"],
    [1720, "1.72 s"],
    [11_700, "11.7 s"],
    [59_960, "1 m 00 s"],
    [125_000, "2 m 05 s"],
    [3_599_600, "1 h 00 m"],
    [11_520_000, "3 h 12 m"],
    [187_200_000, "2 d 4 h"],
    [-5, "-5 ms"],
  ])("%d ms is %s", (ms, text) => expect(duration(ms)).toBe(text));

  it("says so when it is not known", () => expect(duration(null)).toBe("–"));
});

describe("numbers", () => {
  it.each([
    [0, "0"],
    [950, "950"],
    [1000, "1k"],
    [12_440, "12.4k"],
    [999_499, "999k"],
    [999_600, "1M"],
    [3_140_000, "3.1M"],
    [2.5e13, "25T"],
  ])("%d is %s", (value, text) => expect(compact(value)).toBe(text));

  it("groups exact counts", () => expect(count(1_234_567)).toBe("1,234,567"));
  it("lets words that go on after others stand alone", () =>
    expect(["no run 1: it is no longer kept", "The store did not answer.", ""].map(sentence)).toEqual([
      "No run 1: it is no longer kept.",
      "The store did not answer.",
      "",
    ]));
  it("names one and many", () => expect([plural(1, "step"), plural(2, "step")]).toEqual(["1 step", "2 steps"]));
  it("scales bytes by 1024", () =>
    expect([bytes(812), bytes(4_404_019), bytes(2 ** 40)]).toEqual(["812 B", "4.2 MiB", "1 TiB"]));
});

describe("money", () => {
  it.each([
    [0, "$0"],
    [0.00002, "<$0.0001"],
    [0.0123, "$0.0123"],
    [0.5, "$0.500"],
    [2.4, "$2.40"],
    [1234.5, "$1,234.50"],
    [45_000, "$45k"],
  ])("%d is %s", (value, text) => expect(usd(value)).toBe(text));

  it("is not zero when it is unknown", () => expect(usd(null)).toBe("–"));
});

describe("times", () => {
  const now = Date.parse("2026-11-21T12:00:00Z");
  it.each([
    ["2026-11-21T11:59:59.5Z", "now"],
    ["2026-11-21T11:59:18Z", "42s ago"],
    ["2026-11-21T11:01:00Z", "59m ago"],
    ["2026-11-20T12:00:01Z", "23h ago"],
    ["2026-11-15T12:00:00Z", "6d ago"],
    ["2026-11-21T12:05:00Z", "in 5m"],
    ["2026-10-21T12:00:00Z", "1mo ago"],
    ["2026-04-06T12:00:00Z", "7mo ago"],
    ["2025-11-21T12:00:00Z", "1y ago"],
    ["1970-01-01T12:00:00Z", "56y ago"],
    ["not a time", "–"],
  ])("%s is %s", (iso, text) => expect(ago(iso, now)).toBe(text));

  it("keeps microseconds, so that fast steps stay in order", () => {
    expect(parse("2026-11-21T12:00:00.123456789Z")! - parse("2026-11-21T12:00:00.123Z")!).toBeCloseTo(0.4568, 3);
  });
});
