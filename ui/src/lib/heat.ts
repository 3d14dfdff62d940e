/** Runs by how much of something they took, over time, as cells of a heatmap. Pure. */
import type { ScopeField } from "./overview";
import type { Buckets } from "./series";

/** Levels in which an amount doubles. */
export const PER_OCTAVE = 2;

/** What runs are told apart by: columns of the view `runs`. */
export type Amount = "duration_ms" | "total_tokens" | "steps";

/** Parts of one in which an amount is counted: durations have nanoseconds, the others are whole. */
const PARTS: Record<Amount, number> = { duration_ms: 1_000_000, total_tokens: 1, steps: 1 };

/** One cell: runs that started in a bucket and took as much as a level says. */
export interface Cell {
  /** Place of the bucket. */
  at: number;
  level: number;
  count: number;
}

/** The lower end of a level, rounded for the eye. */
export const edge = (level: number): number => Math.round(2 ** (level / PER_OCTAVE));

/** The least and the most that a level holds: a list bounded by them has exactly its runs. */
export function bounds(level: number, of: Amount): { least: number | undefined; most: number } {
  const first = (level: number) => Math.ceil(2 ** (level / PER_OCTAVE) * PARTS[of]);
  // The lowest level also holds what is less than one.
  return { least: level <= 0 ? undefined : first(level) / PARTS[of], most: (first(level + 1) - 1) / PARTS[of] };
}

/** What a level holds, in words. */
export function span(level: number, of: Amount, format: (value: number) => string): string {
  const { least, most } = bounds(level, of);
  const [from, to] = [format(least ?? 0), format(most)];
  return from === to ? from : `${from} to ${to}`;
}

/** The level an amount lies in, with its fraction. */
export const levelOf = (value: number) => Math.log2(Math.max(1, value)) * PER_OCTAVE;

const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;

/** Counts of runs by bucket and level, asked of the view `runs`. */
export function heatSql(
  { starts, stepMs }: Buckets,
  scope: Partial<Record<ScopeField, string>>,
  of: Amount = "duration_ms",
): string {
  const iso = (at: number) => quoted(new Date(at).toISOString());
  // An agent's runs are all that it works in, as in the list and in the other charts.
  const filters = Object.entries(scope).map(([field, value]) =>
    field === "agent" ? ` AND array_has(agent_names, ${quoted(value)})` : ` AND ${field} = ${quoted(value)}`,
  );
  return (
    `SELECT date_bin(INTERVAL '${stepMs / 1000} seconds', started_at) AS time, ` +
    `floor(log2(greatest(${of}, 1)) * ${PER_OCTAVE}) AS level, count(*) AS runs FROM runs ` +
    `WHERE started_at >= ${iso(starts[0] ?? 0)} AND started_at < ${iso((starts.at(-1) ?? 0) + stepMs)} ` +
    `AND ${of} IS NOT NULL${filters.join("")} GROUP BY 1, 2 ORDER BY 1, 2`
  );
}

/** Cells out of the rows of {@link heatSql}. */
export function cells(rows: unknown[][], { starts }: Buckets): Cell[] {
  const at = new Map(starts.map((start, place) => [start, place]));
  return rows.flatMap(([time, level, count]) => {
    const place = at.get(Date.parse(String(time)));
    return place === undefined || typeof level !== "number" || typeof count !== "number"
      ? []
      : [{ at: place, level, count }];
  });
}
