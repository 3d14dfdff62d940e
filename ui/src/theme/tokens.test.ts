import { describe, expect, it } from "vitest";
import { contrast } from "./contrast";
import { day, night, type Palette, STEP_KINDS } from "./tokens";

const surfaces = (palette: Palette) => ({
  sunken: palette.sunken,
  bg: palette.bg,
  panel: palette.panel,
  raised: palette.raised,
  hover: palette.hover,
  selected: palette.selected,
});

describe.each([
  ["night", night],
  ["day", day],
])("%s", (_, palette) => {
  it("every text colour can be read on every surface (AA, 4.5:1)", () => {
    const texts = ["text", "muted", "faint", "accent", "ok", "error", "warn", "running"] as const;
    for (const [surface, behind] of Object.entries(surfaces(palette))) {
      for (const text of texts) {
        expect(contrast(palette[text], behind), `${text} on ${surface}`).toBeGreaterThanOrEqual(4.5);
      }
      for (const kind of STEP_KINDS) {
        expect(contrast(palette.kinds[kind], behind), `${kind} on ${surface}`).toBeGreaterThanOrEqual(4.5);
      }
    }
    expect(contrast(palette.onAccent, palette.accentFill)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(palette.error, palette.errorSurface)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(palette.warn, palette.warnSurface)).toBeGreaterThanOrEqual(4.5);
  });

  it("no two step kinds share a colour", () => {
    expect(new Set(Object.values(palette.kinds)).size).toBe(STEP_KINDS.length);
    expect(new Set(Object.values(palette.fills)).size).toBe(STEP_KINDS.length);
  });

  it("bars and lines stand out from what they lie on (3:1), and what is written on a bar can be read", () => {
    const { okFill, warnFill, errorFill, runningFill } = palette;
    for (const fill of [...Object.values(palette.fills), okFill, warnFill, errorFill, runningFill]) {
      for (const behind of [palette.bg, palette.panel]) expect(contrast(fill, behind), fill).toBeGreaterThanOrEqual(3);
      expect(contrast(palette.onAccent, fill), `on ${fill}`).toBeGreaterThanOrEqual(4.5);
    }
  });

  it("the focus ring stands out (3:1)", () => {
    for (const behind of Object.values(surfaces(palette))) {
      expect(contrast(palette.focus, behind)).toBeGreaterThanOrEqual(3);
    }
  });
});
