/** Where a step lies on the time axis of its run. */
import { parse } from "./format";
import { digits, upTo } from "./locale";

export interface Timed {
  started_at: string;
  duration_ms: number | null;
}

/** A span of time in milliseconds since 1970. */
export interface Extent {
  start: number;
  end: number;
}

/** From the earliest start to the latest end; what still runs lasts until `now`. Never empty. */
export function extent(steps: readonly Timed[], now: number): Extent {
  let start = Number.POSITIVE_INFINITY;
  let end = Number.NEGATIVE_INFINITY;
  for (const step of steps) {
    const from = parse(step.started_at);
    if (from == null) continue;
    const to = step.duration_ms == null ? Math.max(now, from) : from + step.duration_ms;
    if (from < start) start = from;
    if (to > end) end = to;
  }
  if (!Number.isFinite(start)) return { start: 0, end: 1 };
  return { start, end: Math.max(end, start + 1) };
}

/** Left edge and width of a bar as fractions of the axis. */
export function place(step: Timed, axis: Extent, now: number): { left: number; width: number } {
  const from = parse(step.started_at) ?? axis.start;
  const length = step.duration_ms ?? Math.max(0, now - from);
  const whole = axis.end - axis.start;
  const left = clamp((from - axis.start) / whole);
  return { left, width: Math.min(clamp(length / whole), 1 - left) };
}

/** Pixels that small words take, with the room around them: so much of the axis must be free for them. */
export const needs = (words: string): number => words.length * 6 + 12;

export interface Label {
  text: string;
  side: "after" | "before" | "inside";
}

/** What is written at a bar and where: behind it where there is room, else in front of it, else on it; the first wording that fits, else the last. */
export function labelOf(bar: { left: number; width: number }, wordings: readonly string[], axisWidth: number): Label {
  const rooms: [Label["side"], number][] = [
    ["after", 1 - bar.left - bar.width],
    ["before", bar.left],
    ["inside", bar.width],
  ];
  for (const text of wordings) {
    const room = rooms.find(([, part]) => part * axisWidth > needs(text));
    if (room) return { text, side: room[0] };
  }
  return { text: wordings.at(-1) ?? "", side: "inside" };
}

const clamp = (value: number) => Math.min(1, Math.max(0, value));

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Distances between ticks that people can read, above those of 1, 2 and 5 times a power of ten. */
const ROUND = [
  10 * SECOND,
  15 * SECOND,
  30 * SECOND,
  MINUTE,
  2 * MINUTE,
  5 * MINUTE,
  10 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  6 * HOUR,
  12 * HOUR,
  DAY,
];

/** Offsets in milliseconds at which the axis has a tick: round numbers, at most `most`, the first is 0. */
export function ticks(wholeMs: number, most: number): number[] {
  const least = wholeMs / Math.max(1, most);
  let step: number;
  if (least <= 5 * SECOND) {
    const power = 10 ** Math.floor(Math.log10(least));
    step = ([1, 2, 5, 10].find((times) => times * power >= least) ?? 10) * power;
  } else {
    step = ROUND.find((each) => each >= least) ?? Math.ceil(least / DAY) * DAY;
  }
  const out: number[] = [];
  for (let at = 0; at * step <= wholeMs * 0.97; at += 1) out.push(at * step);
  return out;
}

/** A tick's label: an offset in the unit of the distance between ticks. */
export function tickLabel(offsetMs: number, stepMs: number): string {
  if (offsetMs === 0) return "0";
  if (stepMs < 1) return `${digits(offsetMs, 4)} ms`;
  if (stepMs < SECOND && offsetMs < SECOND) return `${Math.round(offsetMs)} ms`;
  if (offsetMs < MINUTE) return `${upTo(offsetMs / SECOND, 3)} s`;
  const hours = Math.floor(offsetMs / HOUR);
  const minutes = Math.floor((offsetMs % HOUR) / MINUTE);
  const seconds = upTo((offsetMs % MINUTE) / SECOND, 3);
  return [hours && `${hours} h`, minutes && `${minutes} m`, seconds !== "0" && `${seconds} s`]
    .filter(Boolean)
    .join(" ");
}
