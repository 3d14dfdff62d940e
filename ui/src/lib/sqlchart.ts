/** A SQL answer as a chart: which column lies along the axis, which are drawn. Pure. */
import { absolute } from "./format";
import { inline } from "./json";
import type { Series } from "./series";
import { isNumeric } from "./sql";
import { measureOf } from "./unit";

interface Answer {
  columns: { name: string; type: string }[];
  rows: unknown[][];
}

export interface Drawing {
  /** Name of the column along the axis. */
  x: string;
  /** What stands along the axis, in the order of the rows, or of time. */
  labels: string[];
  series: Series[];
  /** Moments and numbers are joined by lines, names get bars. */
  kind: "lines" | "bars";
  /** Places of `series` that share an axis: what is counted in other units has its own, and so have numbers far apart in size. */
  panels: number[][];
  /** Rows beyond what a chart can show. */
  left: number;
}

/** Places along the axis, and lines, of one chart. */
const PLACES = 500;
const BARS = 40;
const LINES = 12;

const isTime = (type: string) => /^(timestamp|date|time)/i.test(type.trim());

/** Columns that may lie along the axis. */
export const axes = (answer: Answer): string[] => answer.columns.map((column) => column.name);

/** What is drawn; undefined where nothing can be: no number, or no rows. */
export function drawing(answer: Answer, asked?: string): Drawing | undefined {
  const { columns, rows } = answer;
  const numeric = columns.map((column) => isNumeric(column.type));
  const first = (fits: (at: number) => boolean) => columns.findIndex((_, at) => fits(at));
  let x = columns.findIndex((column) => column.name === asked);
  if (x < 0) x = first((at) => isTime(columns[at]!.type));
  if (x < 0) x = first((at) => !numeric[at]);
  if (x < 0) x = 0;
  const values = columns.flatMap((_, at) => (at !== x && numeric[at] ? [at] : []));
  if (values.length === 0 || rows.length === 0) return undefined;
  const names = columns.flatMap((column, at) => (at !== x && !numeric[at] && !isTime(column.type) ? [at] : []));
  const ordered = isTime(columns[x]!.type) || numeric[x]!;
  const sorted = ordered ? [...rows].sort((one, other) => compare(one[x], other[x])) : rows;

  const labels = [...new Set(sorted.map((row) => label(row[x], columns[x]!.type)))];
  const most = ordered ? PLACES : BARS;
  const shown = labels.slice(0, most);
  const place = new Map(shown.map((text, at) => [text, at]));
  // One number and one more name: a line for each name. Otherwise a line for each number.
  const pivot = values.length === 1 && names.length > 0 ? names[0] : undefined;
  const lines = new Map<string, (number | null)[]>();
  for (const row of sorted) {
    const at = place.get(label(row[x], columns[x]!.type));
    if (at === undefined) continue;
    for (const column of values) {
      const name = pivot === undefined ? columns[column]!.name : inline(row[pivot]);
      let line = lines.get(name);
      if (!line) {
        line = shown.map(() => null);
        lines.set(name, line);
      }
      const value = row[column];
      if (typeof value === "number") line[at] = (line[at] ?? 0) + value;
    }
  }
  const series = [...lines].slice(0, LINES).map(([name, line]) => ({ name, values: line }));
  return {
    x: columns[x]!.name,
    labels: shown,
    series,
    panels: pivot === undefined ? bySize(series) : [series.map((_, at) => at)],
    kind: ordered ? "lines" : "bars",
    left: labels.length - shown.length,
  };
}

/** Series whose largest values are further apart than this do not share an axis. */
const APART = 20;

/** What a column counts, by its name: milliseconds and runs on one axis could not be read. */
const unit = ({ name }: Series) => measureOf(name).of;

/** Series that can be read on one axis, together; in their order. */
function bySize(series: readonly Series[]): number[][] {
  const sizes = series.map((each) => Math.max(0, ...each.values.map((value) => Math.abs(value ?? 0))));
  const panels: number[][] = [];
  for (const at of [...sizes.keys()].sort((one, other) => sizes[other]! - sizes[one]!)) {
    // The last one of its unit has those nearest in size.
    const last = panels.findLast(([first]) => unit(series[first!]!) === unit(series[at]!));
    if (last && (sizes[at] === 0 || sizes[last[0]!]! <= sizes[at]! * APART)) last.push(at);
    else panels.push([at]);
  }
  return panels.map((panel) => panel.sort((one, other) => one - other)).sort((one, other) => one[0]! - other[0]!);
}

function compare(one: unknown, other: unknown): number {
  if (typeof one === "number" && typeof other === "number") return one - other;
  return String(one).localeCompare(String(other));
}

const label = (value: unknown, type: string): string => {
  if (value === null || value === undefined) return "none";
  if (isTime(type) && typeof value === "string" && !Number.isNaN(Date.parse(value)) && /T|\d:\d/.test(value))
    return absolute(value, "second");
  return inline(value);
};
