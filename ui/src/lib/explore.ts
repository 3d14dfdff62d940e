/** What the page of PromQL asks, and what its URL says. Pure. */
import { compactObject, text } from "./search";
import { lengthMs } from "./series";

/** Queries of one page at most. */
export const QUERIES_MAX = 8;

export interface ExploreSearch {
  /** Queries, in the order they are shown. */
  expr?: string[];
  /** Values at one moment instead of a graph. */
  mode?: "table";
  from?: string;
  to?: string;
  /** Time between points; absent means as fits the range. */
  step?: string;
  /** Stretches of colour on one another instead of lines. */
  stack?: boolean;
  /** The line that is shown alone, by its name. */
  alone?: string;
}

const time = (value: unknown) => {
  const found = text(value);
  return found && (/^\d+[smhdw]$/.test(found) || !Number.isNaN(Date.parse(found))) ? found : undefined;
};

export function readExploreSearch(raw: Record<string, unknown>): ExploreSearch {
  const given = Array.isArray(raw.expr) ? raw.expr : [raw.expr];
  const expr = given.flatMap((each) => text(each) ?? []).slice(0, QUERIES_MAX);
  const step = text(raw.step);
  return compactObject<ExploreSearch>({
    expr: expr.length > 0 ? expr : undefined,
    mode: raw.mode === "table" ? "table" : undefined,
    from: time(raw.from),
    to: time(raw.to),
    step: step && lengthMs(step) ? step : undefined,
    stack: String(raw.stack) === "true" ? true : undefined,
    alone: text(raw.alone),
  });
}

/** Prometheus' address of a graph, `g0.expr=…&g0.tab=1&g0.range_input=1h`, as ours. */
export function readGraphSearch(raw: Record<string, unknown>): ExploreSearch {
  const expr: string[] = [];
  for (let at = 0; at < QUERIES_MAX; at += 1) {
    const found = text(raw[`g${at}.expr`]);
    if (found) expr.push(found);
  }
  return readExploreSearch({
    expr,
    mode: String(raw["g0.tab"]) === "1" ? "table" : undefined,
    from: raw["g0.range_input"],
    to: raw["g0.end_input"],
  });
}

/** `A`, `B`, … for the queries of a page. */
export const letter = (at: number) => String.fromCharCode(65 + at);
