/** Tools over many runs: what the URL says, how the choice of tools moved, what they are called with. Pure. */
import { moment, one, quoted, sortWord } from "./fleet";
import type { Row } from "./series";

export interface ToolsSearch {
  /** Absent means the last six hours. */
  from?: string;
  to?: string;
  /** Only calls of this agent; one, as a list of one. */
  agent?: string[];
  /** The tool that is looked at. */
  tool?: string[];
  /** The column by which rows are ordered. */
  order?: string;
}

export const TOOLS_FROM = "6h";

export function readToolsSearch(raw: Record<string, unknown>): ToolsSearch {
  const out: ToolsSearch = {
    from: moment(raw.from),
    to: moment(raw.to),
    agent: one(raw.agent),
    tool: one(raw.tool),
    order: sortWord(raw.order),
  };
  return Object.fromEntries(Object.entries(out).filter(([, value]) => value !== undefined));
}

/** One tool, now and in the time of the same length before. */
export interface ToolRow {
  name: string;
  calls: number;
  /** Null where it is not known. */
  errors: number | null;
  p50: number | null;
  p95: number | null;
  /** 95th percentile before. */
  p95Before: number | null;
  callsBefore: number;
  errorsBefore: number | null;
  /** Share of all calls of tools, of 1; null where nothing was called. */
  share: number | null;
  shareBefore: number | null;
}

/** Rows of aggregates by tool, put together. */
export function toolRows(
  now: Row[],
  errors: Row[] | undefined,
  before: Row[],
  errorsBefore: Row[] | undefined,
): ToolRow[] {
  const named = (rows: Row[]) => new Map(rows.flatMap((row) => (row.by[0] ? [[row.by[0], row] as const] : [])));
  const [ours, theirs] = [named(now), named(before)];
  // A tool that is not among the failed has no failure, but only where that was answered.
  const [failed, failedBefore] = [errors && named(errors), errorsBefore && named(errorsBefore)];
  const sum = (rows: Map<string, Row>) => [...rows.values()].reduce((all, row) => all + row.count, 0);
  const [all, allBefore] = [sum(ours), sum(theirs)];
  return [...new Set([...ours.keys(), ...theirs.keys()])].map((name) => {
    const [row, old] = [ours.get(name), theirs.get(name)];
    return {
      name,
      calls: row?.count ?? 0,
      errors: failed ? (failed.get(name)?.value ?? 0) : null,
      p50: row?.quantiles[0] ?? null,
      p95: row?.quantiles[1] ?? null,
      p95Before: old?.quantiles[1] ?? null,
      callsBefore: old?.count ?? 0,
      errorsBefore: failedBefore ? (failedBefore.get(name)?.value ?? 0) : null,
      share: all > 0 ? (row?.count ?? 0) / all : null,
      shareBefore: allBefore > 0 ? (old?.count ?? 0) / allBefore : null,
    };
  });
}

/** Calls on either side below which a mix says nothing: of many tools, chance alone moves more. */
const LEAST_CALLS = 30;
const LEAST_CALLS_A_TOOL = 10;

/**
 * How far the choice of tools moved: the share of calls that went to another tool than before (total variation), of 1.
 * Undefined where there are too few calls to say.
 */
export function selectionDrift(rows: ToolRow[]): number | undefined {
  const calls = rows.reduce((sum, row) => sum + row.calls, 0);
  const before = rows.reduce((sum, row) => sum + row.callsBefore, 0);
  const least = Math.max(LEAST_CALLS, rows.length * LEAST_CALLS_A_TOOL);
  if (calls < least || before < least) return undefined;
  return rows.reduce((sum, row) => sum + Math.abs((row.share ?? 0) - (row.shareBefore ?? 0)), 0) / 2;
}

/** Calls on either side below which a 95th percentile is the word of one call. */
const LEAST_OF_P95 = 20;

/** Half as slow again as before, and by more than a person notices. */
export const isSlower = ({ p95, p95Before, calls, callsBefore }: ToolRow): boolean =>
  p95 !== null &&
  p95Before !== null &&
  Math.min(calls, callsBefore) >= LEAST_OF_P95 &&
  p95 > p95Before * 1.5 &&
  p95 - p95Before > 50;

/** From this share on the choice of tools has moved: a tenth of all calls. */
export const DRIFT = 0.1;
/** And a tool's own part in it is worth a mark from here on: a twentieth of all calls. */
export const MOVED = 0.05;

/** What a tool was called with, the most frequent first: beginnings of arguments with how often, how often failed, and a run. */
export function argumentsSql(tool: string, range: { from: string; to: string }, agent?: string): string {
  return (
    `SELECT input_preview AS arguments, count(*) AS calls, count(*) FILTER (WHERE status = 'error') AS failed, ` +
    `quantiles(duration_ms, 0.5) AS ms, last_value(trace_id ORDER BY started_at) AS trace_id, ` +
    `last_value(span_id ORDER BY started_at) AS span_id FROM spans ` +
    `WHERE kind = 'tool' AND coalesce(tool_name, name) = ${quoted(tool)} AND started_at >= ${quoted(range.from)} ` +
    `AND started_at < ${quoted(range.to)}${agent ? ` AND agent = ${quoted(agent)}` : ""} ` +
    `GROUP BY 1 ORDER BY calls DESC LIMIT 500`
  );
}

export interface Called {
  text: string | null;
  calls: number;
  failed: number;
  ms: number | null;
  traceId: string;
  spanId: string;
}

export const called = (rows: unknown[][]): Called[] =>
  rows.map(([text, calls, failed, ms, traceId, spanId]) => ({
    text: typeof text === "string" ? text : null,
    calls: Number(calls ?? 0),
    failed: Number(failed ?? 0),
    ms: Array.isArray(ms) && typeof ms[0] === "number" ? ms[0] : null,
    traceId: String(traceId ?? ""),
    spanId: String(spanId ?? ""),
  }));

/** One argument by its name. */
export interface Argument {
  name: string;
  /** Calls that give it. */
  calls: number;
  /** Of these, failed. */
  failed: number;
  types: string[];
  /** Different values seen. */
  values: number;
  /** The most frequent ones. */
  most: string[];
}

const VALUES_SHOWN = 3;

/** Arguments by name, from the calls whose arguments are whole JSON objects; and how many calls those are. */
export function argumentsOf(rows: Called[]): { arguments: Argument[]; read: number; all: number } {
  const found = new Map<string, { calls: number; failed: number; types: Set<string>; values: Map<string, number> }>();
  let read = 0;
  let all = 0;
  for (const row of rows) {
    all += row.calls;
    const object = parsed(row.text);
    if (!object) continue;
    read += row.calls;
    for (const [name, value] of Object.entries(object)) {
      const one = found.get(name) ?? { calls: 0, failed: 0, types: new Set(), values: new Map() };
      one.calls += row.calls;
      one.failed += row.failed;
      one.types.add(value === null ? "null" : Array.isArray(value) ? "array" : typeof value);
      const text = typeof value === "string" ? value : JSON.stringify(value);
      one.values.set(text, (one.values.get(text) ?? 0) + row.calls);
      found.set(name, one);
    }
  }
  const list = [...found].map(([name, { calls, failed, types, values }]) => ({
    name,
    calls,
    failed,
    types: [...types].sort(),
    values: values.size,
    most: [...values]
      .sort(([, one], [, other]) => other - one)
      .slice(0, VALUES_SHOWN)
      .map(([text]) => text),
  }));
  return {
    arguments: list.sort((one, other) => other.calls - one.calls || one.name.localeCompare(other.name)),
    read,
    all,
  };
}

function parsed(text: string | null): Record<string, unknown> | undefined {
  if (!text?.startsWith("{")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === "object" ? (value as Record<string, unknown>) : undefined;
  } catch {
    // Previews end after 200 characters.
    return undefined;
  }
}
