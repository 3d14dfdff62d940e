/** Rows of an aggregate as series for a chart. Pure. */

/** One row of `/api/v1/aggregate`. */
export interface Row {
  time: string | null;
  by: (string | null)[];
  count: number;
  value: number | null;
  quantiles: (number | null)[];
}

/** A named line or stack; `null` is a gap. */
export interface Series {
  name: string;
  /** The value of the key, to filter by; absent for a sum of the rest. */
  key?: string;
  values: (number | null)[];
}

/** A stretch of time cut into buckets of equal length. */
export interface Buckets {
  /** Beginnings, in milliseconds since 1970. */
  starts: number[];
  stepMs: number;
}

/** Something that happened, at a moment or between two: a deploy, an alert that fired. */
export interface Mark {
  /** Milliseconds since 1970. */
  at: number;
  /** Its end, where it lasted. */
  to?: number;
  name: string;
  /** `bad` where somebody was woken; a plain event otherwise. */
  tone?: "bad";
}

/** Marks that touch the bucket that begins at `start`. */
export const marksIn = (marks: Mark[], start: number, stepMs: number): Mark[] =>
  marks.filter((mark) => mark.at < start + stepMs && (mark.to ?? mark.at) >= start);

const UNITS = { s: 1e3, m: 60e3, h: 3600e3, d: 86_400e3, w: 7 * 86_400e3 } as const;

/** Milliseconds of `15m`, `24h`, `7d`; undefined when it is none. */
export function lengthMs(text: string): number | undefined {
  const found = /^(\d+)([smhdw])$/.exec(text);
  return found ? Number(found[1]) * UNITS[found[2] as keyof typeof UNITS] : undefined;
}

/** The two ends of a range in milliseconds. */
export function rangeMs(from: string, to: string | undefined, now: number): [number, number] {
  const end = to ? Date.parse(to) : now;
  const length = lengthMs(from);
  return [length === undefined ? Date.parse(from) : end - length, end];
}

const STEPS: [string, number][] = (
  ["10s", "30s", "1m", "2m", "5m", "10m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d", "2d", "7d"] as const
).map((text) => [text, lengthMs(text)!]);

/** A stretch twice as long around another, which does not reach beyond now. */
export function wider(from: number, to: number, now: number): [number, number] {
  const end = Math.min(to + (to - from) / 2, Math.max(now, to));
  return [end - 2 * (to - from), end];
}

/** The smallest step that cuts a stretch into at most `most` buckets. */
export function stepFor(lengthInMs: number, most = 60): [string, number] {
  return STEPS.find(([, step]) => lengthInMs / step <= most) ?? STEPS.at(-1)!;
}

/** Buckets from the one that holds `from` to the one that holds `to`, as the server cuts them: multiples of the step. */
export function buckets(from: number, to: number, stepMs: number): Buckets {
  const starts: number[] = [];
  for (let at = Math.floor(from / stepMs) * stepMs; at < to && starts.length < 2000; at += stepMs) starts.push(at);
  return { starts, stepMs };
}

/** Where each bucket is in the row of values. */
function places({ starts }: Buckets, shiftMs: number): Map<number, number> {
  return new Map(starts.map((start, at) => [start - shiftMs, at]));
}

/** How a bucket without a row reads: a count of nothing is 0, a latency of nothing is a gap. */
type Hole = 0 | null;

/**
 * One series per value of the first key, largest sum first; those beyond `most` are summed up as `others`.
 * `shiftMs` draws rows of an earlier time over this one.
 */
export function byKey(
  rows: Row[],
  time: Buckets,
  { most = 7, none = "none", hole = 0 as Hole, shiftMs = 0 } = {},
): Series[] {
  const at = places(time, shiftMs);
  const found = new Map<string, { sum: number; values: (number | null)[] }>();
  for (const row of rows) {
    const place = row.time === null ? undefined : at.get(Date.parse(row.time));
    if (place === undefined || row.value === null) continue;
    const key = row.by[0] ?? "";
    let series = found.get(key);
    if (!series) {
      series = { sum: 0, values: time.starts.map(() => hole) };
      found.set(key, series);
    }
    series.values[place] = (series.values[place] ?? 0) + row.value;
    series.sum += row.value;
  }
  const sorted = [...found].sort(([a, one], [b, other]) => other.sum - one.sum || a.localeCompare(b));
  const named = sorted.slice(0, most).map(([key, { values }]) => ({ name: key || none, key, values }));
  const rest = sorted.slice(most);
  if (rest.length === 0) return named;
  const values = time.starts.map((_, place) =>
    rest.reduce<number>((sum, [, each]) => sum + (each.values[place] ?? 0), 0),
  );
  return [...named, { name: `${rest.length} ${rest.length === 1 ? "other" : "others"}`, values }];
}

/** The values of every key over time, a bucket under way left out: of a sum it is the beginning only. */
export function courses(rows: Row[], time: Buckets, now: number): Map<string, (number | null)[]> {
  const over = time.starts.filter((start) => start + time.stepMs <= now).length;
  const all = byKey(rows, time, { most: Number.POSITIVE_INFINITY });
  return new Map(all.map(({ key = "", values }) => [key, values.slice(0, over)]));
}

/** A line through values as the points of an SVG; undefined where there is none to draw. */
export function sparkPoints(values: (number | null)[], width: number, height: number): string | undefined {
  const most = Math.max(0, ...values.map((value) => value ?? 0));
  if (values.length < 2 || most === 0) return undefined;
  const round = (value: number) => Math.round(value * 10) / 10;
  return values
    .map((value, at) => [(at / (values.length - 1)) * width, height - 1 - ((value ?? 0) / most) * (height - 2)])
    .map((point) => point.map(round).join(","))
    .join(" ");
}

/** Tools that a chart tells apart; further ones are summed up. */
export const TOOLS_SHOWN = 14;

/** One series per quantile asked for. */
export function byQuantile(rows: Row[], time: Buckets, names: string[], shiftMs = 0): Series[] {
  const at = places(time, shiftMs);
  return names.map((name, which) => {
    const values: (number | null)[] = time.starts.map(() => null);
    for (const row of rows) {
      const place = row.time === null ? undefined : at.get(Date.parse(row.time));
      if (place !== undefined) values[place] = row.quantiles[which] ?? null;
    }
    return { name, values };
  });
}

/**
 * The same lines without the value of a bucket under way: only what was quick has ended in it, so that each would seem to plunge.
 * Kept where a line has no other value, and where the last bucket is over.
 */
export function settled(series: Series[], { starts, stepMs }: Buckets, now: number): Series[] {
  const last = starts.length - 1;
  if ((starts[last] ?? 0) + stepMs <= now) return series;
  return series.map((each) =>
    each.values.some((value, at) => at !== last && value !== null)
      ? { ...each, values: each.values.with(last, null) }
      : each,
  );
}

/** Pixels from a line within which a click means the line. */
const NEAR_PX = 10;

/**
 * The series that a click in the column `at` hits at the height `y`: the part of the stack that lies there, or the nearest
 * line; undefined where nothing is that near. `place` tells the height of a value.
 */
export function hitOf(
  series: Series[],
  kind: "bars" | "lines",
  at: number,
  y: number,
  place: (value: number) => number,
): Series | undefined {
  if (kind === "bars") {
    let sum = 0;
    for (const each of series) {
      const below = place(sum);
      sum += each.values[at] ?? 0;
      if (y <= below && y > place(sum)) return each;
    }
    return undefined;
  }
  let [near, found]: [number, Series | undefined] = [NEAR_PX, undefined];
  for (const each of series) {
    const value = each.values[at];
    const far = value == null ? Number.NaN : Math.abs(place(value) - y);
    if (far <= near) [near, found] = [far, each];
  }
  return found;
}

/** All series as one, a place without any value without one. */
export const together = (name: string, series: Series[]): Series => ({
  name,
  values: (series[0]?.values ?? []).map((_, at) =>
    series.reduce<number | null>((total, { values }) => {
      const value = values[at] ?? null;
      return value === null ? total : (total ?? 0) + value;
    }, null),
  ),
});

/** Shares of `part` in the sums of all series of a bucket, in percent; a gap where there is nothing. */
export function share(series: Series[], part: (name: string) => boolean): (number | null)[] {
  const length = series[0]?.values.length ?? 0;
  return Array.from({ length }, (_, at) => {
    let all = 0;
    let some = 0;
    for (const each of series) {
      const value = each.values[at] ?? 0;
      all += value;
      if (part(each.name)) some += value;
    }
    return all === 0 ? null : (some / all) * 100;
  });
}

/** How much more `now` is than `before`, as a share; undefined where that says nothing. */
export function change(now: number | null | undefined, before: number | null | undefined): number | undefined {
  if (now == null || before == null || before === 0) return undefined;
  return now / before - 1;
}
