import { describe, expect, it } from "vitest";
import { extent, labelOf, place, tickLabel, ticks } from "./timeline";

const at = (ms: number) => new Date(1_700_000_000_000 + ms).toISOString();
const base = 1_700_000_000_000;
const step = (start: number, duration_ms: number | null) => ({ started_at: at(start), duration_ms });

describe("the time axis", () => {
  it("spans all steps, in whatever order they come", () => {
    expect(extent([step(500, 100), step(0, 50), step(200, 900)], base)).toEqual({ start: base, end: base + 1100 });
  });

  it("runs until now while a step runs", () => {
    expect(extent([step(0, null)], base + 5000)).toEqual({ start: base, end: base + 5000 });
  });

  it("is never empty", () => {
    const { start, end } = extent([step(0, 0)], base);
    expect(end).toBeGreaterThan(start);
    expect(extent([], base).end).toBeGreaterThan(0);
  });
});

describe("a bar", () => {
  const axis = { start: base, end: base + 1000 };
  it("lies where the step lay", () => expect(place(step(250, 500), axis, base)).toEqual({ left: 0.25, width: 0.5 }));
  it("never leaves the axis", () => {
    const { left, width } = place(step(900, 4000), axis, base);
    expect(left + width).toBeLessThanOrEqual(1);
    expect(place(step(-500, 100), axis, base).left).toBe(0);
  });
});

describe("the words of a bar", () => {
  const said = ["12 ms of 26.2 s", "12 ms"];
  it("stand behind it, in front of it or on it, where there is room", () => {
    expect(labelOf({ left: 0, width: 0.2 }, said, 400)).toEqual({ text: said[0], side: "after" });
    expect(labelOf({ left: 0.6, width: 0.4 }, said, 400)).toEqual({ text: said[0], side: "before" });
    expect(labelOf({ left: 0, width: 1 }, said, 400)).toEqual({ text: said[0], side: "inside" });
  });
  it("are fewer where all of them fit nowhere, so that none runs out of a bar", () => {
    expect(labelOf({ left: 0.19, width: 0.58 }, said, 124)).toEqual({ text: said[1], side: "inside" });
    expect(labelOf({ left: 0.19, width: 0.01 }, said, 124)).toEqual({ text: said[1], side: "after" });
    expect(labelOf({ left: 0.3, width: 0.4 }, said, 20)).toEqual({ text: said[1], side: "inside" });
  });
});

describe("ticks", () => {
  it.each([
    [11_700, 6, [0, 2000, 4000, 6000, 8000, 10_000]],
    [864, 5, [0, 200, 400, 600, 800]],
    [130_000, 5, [0, 30_000, 60_000, 90_000, 120_000]],
    [3, 4, [0, 1, 2]],
  ])("of %d ms are round", (whole, most, expected) => expect(ticks(whole, most)).toEqual(expected));

  it("are never more than asked for plus the first", () => {
    for (const whole of [1, 7, 99, 1234, 56_789, 3.6e6, 8.64e7, 9e9])
      expect(ticks(whole, 6).length).toBeLessThanOrEqual(7);
  });

  it("are labelled in their unit", () => {
    expect([
      tickLabel(0, 200),
      tickLabel(200, 200),
      tickLabel(2500, 500),
      tickLabel(90_000, 30_000),
      tickLabel(7_200_000, 3_600_000),
    ]).toEqual(["0", "200 ms", "2.5 s", "1 m 30 s", "2 h"]);
  });
});
