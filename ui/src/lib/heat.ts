/** Durations of runs as cells of a heatmap. Pure. */
import type { ScopeField } from "./overview";
import type { Buckets } from "./series";

/** Levels in which a duration doubles. */
export const PER_OCTAVE = 2;

/** One cell: runs that started in a bucket and took as long as a level says. */
export interface Cell {
  /** Place of the bucket. */
  at: number;
  level: number;
  count: number;
}

/** The lower end of a level, in milliseconds. */
export const edge = (level: number) => Math.round(2 ** (level / PER_OCTAVE));

const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;

/** Counts of runs by bucket and level, asked of the view `runs`. */
export function durationsSql({ starts, stepMs }: Buckets, scope: Partial<Record<ScopeField, string>>): string {
  const iso = (at: number) => quoted(new Date(at).toISOString());
  const filters = Object.entries(scope).map(([field, value]) => ` AND ${field} = ${quoted(value)}`);
  return (
    `SELECT date_bin(INTERVAL '${stepMs / 1000} seconds', started_at) AS time, ` +
    `floor(ln(greatest(duration_ms, 1)) / ln(2) * ${PER_OCTAVE}) AS level, count(*) AS runs FROM runs ` +
    `WHERE started_at >= ${iso(starts[0] ?? 0)} AND started_at < ${iso((starts.at(-1) ?? 0) + stepMs)} ` +
    `AND duration_ms IS NOT NULL${filters.join("")} GROUP BY 1, 2 ORDER BY 1, 2`
  );
}

/** Cells out of the rows of {@link durationsSql}. */
export function cells(rows: unknown[][], { starts }: Buckets): Cell[] {
  const at = new Map(starts.map((start, place) => [start, place]));
  return rows.flatMap(([time, level, count]) => {
    const place = at.get(Date.parse(String(time)));
    return place === undefined || typeof level !== "number" || typeof count !== "number"
      ? []
      : [{ at: place, level, count }];
  });
}
