/** What all parts of the overview ask about: the time, its buckets, the scope. */
import { useQuery } from "@tanstack/react-query";
import { aggregateQuery } from "@/api/queries";
import type { scopeOf } from "@/lib/overview";
import type { Buckets } from "@/lib/series";

/** How often numbers are asked for while the range ends now. */
export const REFRESH_MS = 5000;

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

/** An aggregate over the range of the page, kept up to date while the range ends now. */
export function useAggregate(
  ask: Ask,
  question: Record<string, string>,
  { overTime = true, shift = 0, enabled = true } = {},
) {
  const { starts, stepMs } = ask.time;
  const ends = {
    from: new Date((starts[0] ?? 0) - shift).toISOString(),
    to: new Date((starts.at(-1) ?? 0) + stepMs - shift).toISOString(),
  };
  return useQuery({
    ...aggregateQuery({ ...ask.scope, ...question, ...ends, ...(overTime ? { step: ask.step } : {}) }),
    enabled,
    refetchInterval: ask.live && shift === 0 ? REFRESH_MS : false,
  });
}
