/** The runs filter and its place in the URL: what a link says is what the list shows. */

import { count, duration } from "./format";

/** Fields that take several values: any of them (OR) within a field, all fields together (AND). */
export const FACETS = ["status", "agent", "service", "model", "tool", "workflow", "environment", "version"] as const;
export type Facet = (typeof FACETS)[number];

/** Fields that may be filtered by value but have no list of counts. */
export const OTHERS = ["session", "user", "tag"] as const;
export type Field = Facet | (typeof OTHERS)[number];
export const FIELDS: readonly Field[] = [...FACETS, ...OTHERS];

/** Numeric bounds the server knows. */
export const BOUNDS = [
  "min_duration_ms",
  "max_duration_ms",
  "min_tokens",
  "max_tokens",
  "min_steps",
  "max_steps",
] as const;
export type Bound = (typeof BOUNDS)[number];

export const SORTS = ["started_at", "duration_ms", "total_tokens", "cost_usd", "errors", "steps", "llm_calls"] as const;
export type SortField = (typeof SORTS)[number];

/** `-` in front means largest first. */
export type Sort = SortField | `-${SortField}`;

/** The search part of a runs URL. Absent means: not restricted (`from`: the last 24 hours). */
export type RunsSearch = { [field in Field]?: string[] } & { [bound in Bound]?: number } & {
  q?: string;
  /** The text is also looked for in what was said, not only in names and previews. */
  in?: "content";
  from?: string;
  to?: string;
  errors?: boolean;
  sort?: Sort;
  /** `false` when the reader stopped the live view. */
  live?: boolean;
  /** Columns that are shown, by id; absent means those that fit. */
  columns?: string[];
  /** The run that is looked at beside the list. */
  peek?: string;
  /** Runs that were chosen, for what is done with several. */
  chosen?: string[];
};

/** Runs that an address can hold as chosen. */
export const CHOSEN_MAX = 100;

export const DEFAULT_FROM = "24h";
export const DEFAULT_SORT: Sort = "-started_at";

/** What the address of every page may say: which of their projects somebody with several looks at. */
export interface ProjectSearch {
  project?: string;
}

export function readProject(raw: Record<string, unknown>): ProjectSearch {
  const project = text(raw.project);
  return project ? { project } : {};
}

const TRACE_ID = /^[0-9a-f]{32}$/;

/** Reads what a URL says; whatever it cannot mean is left out rather than guessed. */
export function readSearch(raw: Record<string, unknown>): RunsSearch {
  const out: RunsSearch = {};
  for (const field of FIELDS) {
    const values = list(raw[field]);
    if (values.length > 0) out[field] = values;
  }
  for (const bound of BOUNDS) {
    const value = text(raw[bound]);
    const parsed = value === undefined ? Number.NaN : Number(value);
    const whole = bound.endsWith("_ms") || Number.isInteger(parsed);
    if (Number.isFinite(parsed) && parsed >= 0 && whole) out[bound] = parsed;
  }
  const q = text(raw.q)?.trim();
  if (q) out.q = q;
  if (raw.in === "content") out.in = "content";
  for (const end of ["from", "to"] as const) {
    const value = text(raw[end]);
    if (value && isTime(value)) out[end] = value;
  }
  if (String(raw.errors) === "true") out.errors = true;
  if (String(raw.live) === "false") out.live = false;
  const columns = text(raw.columns)?.split(",").filter(Boolean);
  if (columns && columns.length > 0) out.columns = columns;
  const peek = text(raw.peek);
  if (peek && TRACE_ID.test(peek)) out.peek = peek;
  const chosen = list(raw.chosen).filter((id) => TRACE_ID.test(id));
  if (chosen.length > 0) out.chosen = chosen.slice(0, CHOSEN_MAX);
  const sort = text(raw.sort);
  if (sort && SORTS.includes(sort.replace(/^-/, "") as SortField) && sort !== DEFAULT_SORT) out.sort = sort as Sort;
  return out;
}

const text = (value: unknown): string | undefined =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;

function list(value: unknown): string[] {
  const values = Array.isArray(value) ? value : value === undefined ? [] : [value];
  return [...new Set(values.map(text).filter((item): item is string => !!item))];
}

const isTime = (value: string) => value === "all" || /^\d+[smhdw]$/.test(value) || !Number.isNaN(Date.parse(value));

/** The query the API understands. */
export function apiQuery(search: RunsSearch): Record<string, string | number | boolean | string[]> {
  const out: Record<string, string | number | boolean | string[]> = {};
  for (const field of FIELDS) if (search[field]) out[field] = search[field];
  for (const bound of BOUNDS) if (search[bound] !== undefined) out[bound] = search[bound];
  if (search.q) out.q = search.q;
  if (search.q && search.in) out.in = search.in;
  const from = search.from ?? DEFAULT_FROM;
  if (from !== "all") out.from = from;
  if (search.to) out.to = search.to;
  if (search.errors) out.errors = true;
  if (search.sort) out.sort = search.sort;
  return out;
}

/** Turns one value of a field on, or off if it is on. */
export function toggle(search: RunsSearch, field: Field, value: string): RunsSearch {
  const now = search[field] ?? [];
  const next = now.includes(value) ? now.filter((item) => item !== value) : [...now, value];
  const out = { ...search };
  if (next.length > 0) out[field] = next;
  else delete out[field];
  return out;
}

/** The order after a click on a column: largest first, then smallest first, then the usual order again. */
export function nextOrder<F extends string, O extends string>(now: string, field: F, usual: O): F | `-${F}` | O {
  return now === `-${field}` ? field : now === field ? usual : `-${field}`;
}

/** How a list in this order runs by a column, where it is sorted by it. */
export const directionOf = (sort: string, field: string | undefined): "ascending" | "descending" | undefined =>
  sort === `-${field}` ? "descending" : sort === field ? "ascending" : undefined;

/** The list sorted by a column, as {@link nextOrder} has it. */
export function nextSort(search: RunsSearch, field: SortField): RunsSearch {
  const next = nextOrder(search.sort ?? DEFAULT_SORT, field, DEFAULT_SORT);
  const { sort: _, ...rest } = search;
  return next === DEFAULT_SORT ? rest : { ...rest, sort: next };
}

/** One removable restriction, for the chips. */
export interface Chip {
  key: string;
  label: string;
  value: string;
  without: RunsSearch;
}

/** Every restriction but text and time, in the order of the fields. */
export function chips(search: RunsSearch): Chip[] {
  const out: Chip[] = [];
  for (const field of FIELDS) {
    for (const value of search[field] ?? []) {
      out.push({ key: `${field}=${value}`, label: field, value, without: toggle(search, field, value) });
    }
  }
  const names: Record<Bound, string> = {
    min_duration_ms: "duration ≥",
    max_duration_ms: "duration ≤",
    min_tokens: "tokens ≥",
    max_tokens: "tokens ≤",
    min_steps: "steps ≥",
    max_steps: "steps ≤",
  };
  for (const bound of BOUNDS) {
    const value = search[bound];
    if (value === undefined) continue;
    const { [bound]: _, ...without } = search;
    out.push({
      key: bound,
      label: names[bound],
      value: bound.endsWith("_ms") ? duration(value) : count(value),
      without,
    });
  }
  if (search.errors) {
    const { errors: _, ...without } = search;
    out.push({ key: "errors", label: "errors", value: "in any step", without });
  }
  return out;
}

/** Whether anything but the time range restricts the list. */
export const isFiltered = (search: RunsSearch) => !!search.q || chips(search).length > 0;

/** The same list without its restrictions; order, range and live stay. */
export function cleared(search: RunsSearch): RunsSearch {
  const { from, to, sort, live, columns, chosen } = search;
  return Object.fromEntries(
    Object.entries({ from, to, sort, live, columns, chosen }).filter(([, value]) => value !== undefined),
  );
}

/** Search parameters as a query string, lists as repeated keys, so that links can be read and typed by people. */
export function stringifySearch(search: Record<string, unknown>): string {
  const out = new URLSearchParams();
  for (const [key, value] of Object.entries(search)) {
    if (value === undefined || value === null) continue;
    // Columns are one choice; other lists are repeated keys.
    if (key === "columns") out.append(key, String(value));
    else for (const item of Array.isArray(value) ? value : [value]) out.append(key, String(item));
  }
  const query = out.toString();
  return query ? `?${query}` : "";
}

/** The inverse of {@link stringifySearch}: text for one, a list for several of a key. */
export function parseSearch(query: string): Record<string, unknown> {
  const params = new URLSearchParams(query);
  const out: Record<string, unknown> = {};
  for (const key of new Set(params.keys())) {
    const values = params.getAll(key);
    out[key] = values.length > 1 ? values : values[0];
  }
  return out;
}
