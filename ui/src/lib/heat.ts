/** Runs by how much of something they took, over time, as cells of a heatmap. Pure. */
import type { ScopeField } from "./overview";
import type { Buckets } from "./series";

/** Levels in which an amount doubles. */
export const PER_OCTAVE = 2;

/** What runs are told apart by: columns of the view `runs`. */
export type Amount = "duration_ms" | "total_tokens" | "steps" | "cost_usd";

/** Parts of one that still tell runs apart. */
const FINE: Record<Amount, number> = { duration_ms: 1, total_tokens: 1, steps: 1, cost_usd: 0.0001 };

/** One cell: runs that started in a bucket and took as much as a level says. */
export interface Cell {
  /** Place of the bucket. */
  at: number;
  level: number;
  count: number;
}

/** The lower end of a level. */
export function edge(level: number, of: Amount = "duration_ms"): number {
  const value = 2 ** (level / PER_OCTAVE) * FINE[of];
  return FINE[of] < 1 ? value : Math.round(value);
}

/** The level an amount lies in, with its fraction. */
export const levelOf = (value: number, of: Amount) => Math.log2(Math.max(1, value / FINE[of])) * PER_OCTAVE;

const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;

/** Counts of runs by bucket and level, asked of the view `runs`. */
export function heatSql(
  { starts, stepMs }: Buckets,
  scope: Partial<Record<ScopeField, string>>,
  of: Amount = "duration_ms",
): string {
  const iso = (at: number) => quoted(new Date(at).toISOString());
  const filters = Object.entries(scope).map(([field, value]) => ` AND ${field} = ${quoted(value)}`);
  const amount = FINE[of] === 1 ? of : `${of} / ${FINE[of]}`;
  return (
    `SELECT date_bin(INTERVAL '${stepMs / 1000} seconds', started_at) AS time, ` +
    `floor(ln(greatest(${amount}, 1)) / ln(2) * ${PER_OCTAVE}) AS level, count(*) AS runs FROM runs ` +
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
