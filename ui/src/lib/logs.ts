/** The page of logs: what its URL says, and counts as bars. Pure. */
import type { LogCounts } from "@/api/types";
import type { Buckets, Series } from "./series";

export const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
export type Level = (typeof LEVELS)[number];

export interface LogsSearch {
  /** Text in body, attributes, event or service. */
  q?: string;
  /** Lowest severity. */
  severity?: Level;
  service?: string[];
  event?: string[];
  agent?: string[];
  environment?: string[];
  /** Values of attributes, `key=value`; all must hold. */
  attr?: string[];
  trace_id?: string;
  /** Absent means the last hour. */
  from?: string;
  to?: string;
  /** New records are shown as they come. */
  tail?: true;
}

export const LOGS_FROM = "1h";
/** Filters of which each may have several values. */
export const LOG_LISTS = ["service", "event", "agent", "environment", "attr"] as const;
export type LogList = (typeof LOG_LISTS)[number];

const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);

export function readLogsSearch(raw: Record<string, unknown>): LogsSearch {
  const out: LogsSearch = {
    q: text(raw.q),
    severity: LEVELS.find((level) => level === raw.severity),
    trace_id: /^[0-9a-f]{32}$/.test(String(raw.trace_id)) ? String(raw.trace_id) : undefined,
    from: moment(raw.from),
    to: moment(raw.to),
    tail: String(raw.tail) === "true" || undefined,
  };
  for (const field of LOG_LISTS) {
    const values = (Array.isArray(raw[field]) ? raw[field] : [raw[field]]).flatMap((value) => text(value) ?? []);
    if (values.length > 0) out[field] = values;
  }
  return Object.fromEntries(Object.entries(out).filter(([, value]) => value !== undefined));
}

const moment = (value: unknown) => {
  const said = text(value);
  return said && (/^\d+[smhdw]$/.test(said) || !Number.isNaN(Date.parse(said))) ? said : undefined;
};

/** The filters as the API takes them. */
export function logsQuestion(search: LogsSearch): Record<string, string | string[]> {
  // Only what is a filter of logs: an address may say more, such as the project.
  const { tail: _, from = LOGS_FROM, ...rest } = readLogsSearch({ ...search });
  return Object.fromEntries(Object.entries({ from, ...rest }).filter(([, value]) => value !== undefined));
}

/** The search with a value of a filter more, or without it where it is there. */
export function toggled(search: LogsSearch, field: LogList, value: string): LogsSearch {
  const now = search[field] ?? [];
  const next = now.includes(value) ? now.filter((each) => each !== value) : [...now, value];
  return { ...search, [field]: next.length > 0 ? next : undefined };
}

/** Counts as one series per level, the gravest first. */
export function levels(rows: LogCounts["rows"], time: Buckets): Series[] {
  const place = new Map(time.starts.map((start, at) => [start, at]));
  const found = new Map<string, number[]>();
  for (const row of rows) {
    const at = place.get(Date.parse(row.time));
    if (at === undefined) continue;
    const values = found.get(row.level) ?? time.starts.map(() => 0);
    values[at] = (values[at] ?? 0) + row.count;
    found.set(row.level, values);
  }
  return [...LEVELS, "unset"]
    .toReversed()
    .flatMap((level) => (found.has(level) ? [{ name: level, key: level, values: found.get(level)! }] : []));
}
