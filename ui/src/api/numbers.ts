/** What the overview and the deep dive ask about: a stretch of time, its buckets, a scope; and the questions of their numbers. */
import { type OverviewSearch, scopeOf, versusMs } from "@/lib/overview";
import { type Buckets, buckets, rangeMs, stepFor } from "@/lib/series";
import { aggregateQuery, queryClient } from "./queries";

export interface Ask {
  from: string;
  to: string | undefined;
  step: string;
  time: Buckets;
  scope: ReturnType<typeof scopeOf>;
  /** How much earlier the comparison is, in milliseconds; absent without one. */
  shift: number | undefined;
  live: boolean;
}

/** The stretch of time of an address at a moment, in whole buckets: it moves only when a new one begins. */
export function stretchOf(search: OverviewSearch, now: number) {
  const from = search.from ?? "6h";
  const [start, end] = rangeMs(from, search.to, now);
  const [step, stepMs] = stepFor(end - start);
  return { from, step, stepMs, first: Math.floor(start / stepMs), last: Math.ceil(end / stepMs) };
}

export function askOf(search: OverviewSearch, stretch: ReturnType<typeof stretchOf>): Ask {
  const { from, step, stepMs, first, last } = stretch;
  const time = buckets(first * stepMs, last * stepMs, stepMs);
  return { from, to: search.to, step, time, scope: scopeOf(search), shift: versusMs(search.vs), live: !search.to };
}

/** A question in the parameters of `/api/v1/aggregate`. */
export type Question = Record<string, string | string[]>;

/** An aggregate over the stretch of time; `shift` asks about one so many milliseconds earlier. */
export function numbersQuery(ask: Ask, question: Question, { overTime = true, shift = 0 } = {}) {
  const { starts, stepMs } = ask.time;
  const ends = {
    from: new Date((starts[0] ?? 0) - shift).toISOString(),
    to: new Date((starts.at(-1) ?? 0) + stepMs - shift).toISOString(),
  };
  return aggregateQuery({ ...ask.scope, ...question, ...ends, ...(overTime ? { step: ask.step } : {}) });
}

/** Statuses of runs that are over: what a run at work has taken so far is less than it will. */
const OVER = ["ok", "error", "abandoned"];

/** Quantiles of runs. */
export const QUANTILES = { quantiles: "0.5,0.95,0.99", status: OVER };

/** The numbers behind the three answers. */
export const ANSWERS = {
  /** Over time, as two charts have it too: one question for all of them. */
  statuses: { by: "status" },
  latency: { measure: "duration_ms", ...QUANTILES },
  cost: { measure: "cost_usd" },
  /** Of all runs: what those at work have taken is taken. */
  tokens: { measure: "tokens", quantiles: QUANTILES.quantiles },
} satisfies Record<string, Question>;

/** Asks for the first of the three answers, before the code that shows it is there, and before anything else is asked. */
export const askFirst = (search: OverviewSearch) =>
  void queryClient.prefetchQuery(numbersQuery(askOf(search, stretchOf(search, Date.now())), ANSWERS.statuses));
