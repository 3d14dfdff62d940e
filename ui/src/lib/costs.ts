/** What the URL of the costs page says, and how its questions are put. Pure. */
import type { RunsSearch } from "./filter";
import { moment, one, sortWord } from "./fleet";
import { type Buckets, type Row, rangeMs } from "./series";

/** What costs can be grouped and filtered by, in the order of the menu. */
export const COST_KEYS = [
  ["agent", "Agent"],
  ["model", "Model"],
  ["user", "User"],
  ["workflow", "Workflow"],
  ["session", "Session"],
  ["run", "Run"],
  ["tool", "Tool"],
  ["provider", "Provider"],
  ["version", "Version"],
  ["environment", "Environment"],
  ["source", "How it is known"],
] as const;
export type CostKey = (typeof COST_KEYS)[number][0];

/** Every key filters by its name; one value, as a list of one. */
export type CostsSearch = { [key in CostKey]?: string[] } & {
  /** Absent means the last 24 hours. */
  from?: string;
  to?: string;
  /** Absent means by agent. */
  by?: CostKey;
  /** Another model the same traffic is priced on. */
  instead?: string;
  /** The column by which rows are ordered. */
  order?: string;
};

export const COSTS_FROM = "24h";
export const COSTS_ORDER = "-cost";

export function readCostsSearch(raw: Record<string, unknown>): CostsSearch {
  const out: CostsSearch = {
    from: moment(raw.from),
    to: moment(raw.to),
    by: COST_KEYS.find(([key]) => key === raw.by)?.[0],
    instead: one(raw.instead)?.[0],
    order: sortWord(raw.order),
  };
  for (const [key] of COST_KEYS) out[key] = one(raw[key]);
  return Object.fromEntries(Object.entries(out).filter(([, value]) => value !== undefined));
}

/** The filters as the API takes them. */
export function costFilters(search: CostsSearch): Record<string, string> {
  return Object.fromEntries(COST_KEYS.flatMap(([key]) => (search[key]?.[0] ? [[key, search[key][0]]] : [])));
}

/** The two ends in words of the API: whole hours, as sums are kept. */
export function costRange(search: CostsSearch, now: number): { from: string; to: string; stepMs: number } {
  const [from, to] = rangeMs(search.from ?? COSTS_FROM, search.to, now);
  const hour = 3_600_000;
  return {
    from: new Date(Math.floor(from / hour) * hour).toISOString(),
    to: new Date(Math.ceil(to / hour) * hour).toISOString(),
    // An hour a bar while there are not too many of them.
    stepMs: to - from <= 4 * 24 * hour ? hour : 24 * hour,
  };
}

/** Rows of costs as rows of an aggregate, so that they can be drawn like one. */
export const asRows = (
  rows: { time?: string | null; by: (string | null)[]; calls: number; cost_usd: number }[],
): Row[] =>
  rows.map((row) => ({ time: row.time ?? null, by: row.by, count: row.calls, value: row.cost_usd, quantiles: [] }));

/** Keys that the list of runs cannot filter by. */
const UNKNOWN_TO_RUNS: CostKey[] = ["provider", "source", "run"];

/** The dearest runs of a stretch of time, as far as filters restrict them that the list of runs knows too. */
export function dearest(search: CostsSearch, range: { from: string; to: string }): RunsSearch {
  const known = COST_KEYS.flatMap(([key]) =>
    search[key] && !UNKNOWN_TO_RUNS.includes(key) ? [[key, search[key]] as const] : [],
  );
  return { ...Object.fromEntries(known), from: range.from, to: range.to, sort: "-cost_usd" };
}

/** The runs behind a row; undefined where the list of runs knows no such filter. */
export function runsOf(
  search: CostsSearch,
  key: CostKey,
  value: string | null,
  range: { from: string; to: string },
): RunsSearch | undefined {
  if (value === null || UNKNOWN_TO_RUNS.includes(key)) return undefined;
  return dearest({ ...search, [key]: [value] }, range);
}

/** The buckets of a stretch. */
export function costBuckets(range: { from: string; to: string; stepMs: number }): Buckets {
  const starts: number[] = [];
  const { stepMs } = range;
  for (let at = Math.floor(Date.parse(range.from) / stepMs) * stepMs; at < Date.parse(range.to); at += stepMs)
    starts.push(at);
  return { starts, stepMs };
}
