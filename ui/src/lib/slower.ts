/** Since when a tool is slow: where its p95 rose and stayed up. Pure. */
import type { Row } from "./series";

export interface Slower {
  /** Beginning of the bucket in which it became slow, in milliseconds since 1970. */
  since: number;
  /** The median of the buckets' p95 since then, and before. */
  now: number;
  before: number;
}

/** Slower by this factor, and by more than a person notices. */
const FACTOR = 1.5;
const NOTICED_MS = 50;
/**
 * Calls on either side below which a rise says nothing. Fewer do than where one p95 is held against another (`isSlower`), since
 * here calls agree from one moment on: that the fast 4 of 14 calls are by chance those that came first happens once in 1,001 times.
 */
const LEAST_BEFORE = 4;
const LEAST_SINCE = 10;
/** Slow calls below which a rise says nothing: in a bucket of up to 20 calls, p95 is the word of one. */
const LEAST_SLOW = 2;
/** One bucket in five may lie on the wrong side: a slow call in good times, a fast one in bad. */
const STRAYS = 0.2;

interface Bucket {
  at: number;
  calls: number;
  p95: number;
}

/** For each key of rows by time: since when it is slow, where it is slow to this day. */
export function slowerSince(rows: Row[]): Map<string, Slower> {
  const found = new Map<string, Bucket[]>();
  for (const row of rows) {
    const [key, p95] = [row.by[0], row.quantiles[0]];
    if (!key || row.time === null || p95 == null || row.count === 0) continue;
    found.set(key, [...(found.get(key) ?? []), { at: Date.parse(row.time), calls: row.count, p95 }]);
  }
  return new Map(
    [...found].flatMap(([key, list]) => {
      const slow = rise(list.sort((one, other) => one.at - other.at));
      return slow ? [[key, slow] as const] : [];
    }),
  );
}

function rise(list: Bucket[]): Slower | undefined {
  for (let at = 1; at < list.length; at += 1) {
    const [earlier, later] = [list.slice(0, at), list.slice(at)];
    const before = median(earlier);
    const slow = (bucket: Bucket) => bucket.p95 > before * FACTOR && bucket.p95 - before > NOTICED_MS;
    if (calls(earlier) < LEAST_BEFORE || calls(later) < LEAST_SINCE) continue;
    if (slowCalls(later.filter(slow)) < LEAST_SLOW) continue;
    // It begins with a slow bucket, and is slow until now.
    if (!slow(later[0]!) || !slow(later.at(-1)!)) continue;
    const fast = later.filter((bucket) => !slow(bucket)).length;
    if (fast <= later.length * STRAYS && earlier.filter(slow).length <= earlier.length * STRAYS)
      return { since: later[0]!.at, now: median(later), before };
  }
  return undefined;
}

const calls = (list: Bucket[]) => list.reduce((sum, bucket) => sum + bucket.calls, 0);

/** Calls that are slow for certain in slow buckets: one in twenty took as long as the p95, or longer. */
const slowCalls = (list: Bucket[]) => list.reduce((sum, bucket) => sum + Math.ceil(bucket.calls / 20), 0);

function median(list: Bucket[]): number {
  const sorted = list.map((bucket) => bucket.p95).sort((one, other) => one - other);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}
