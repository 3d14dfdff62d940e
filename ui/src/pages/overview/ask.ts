/** What all parts of the overview ask about: the time, its buckets, the scope. */

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { LIVE_MS } from "@/api/pace";
import { aggregateQuery, alertHistoryQuery, changesQuery, seenQuery } from "@/api/queries";
import { alertMarks, changeMarks, driftMarks, ofAgent } from "@/lib/marks";
import type { scopeOf } from "@/lib/overview";
import type { Buckets, Mark } from "@/lib/series";

/** How often numbers are asked for while the range ends now. */
export const REFRESH_MS = LIVE_MS;

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

/** What happened meanwhile, for every chart: alerts from when they fired until they ended, deploys and other changes, drift. */
export function useMarks(ask: Pick<Ask, "time" | "scope" | "live">): Mark[] {
  const start = ask.time.starts[0] ?? 0;
  const end = (ask.time.starts.at(-1) ?? 0) + ask.time.stepMs;
  const { data } = useQuery({
    ...alertHistoryQuery(new Date(start).toISOString()),
    refetchInterval: ask.live ? REFRESH_MS : false,
  });
  const { agent, environment } = ask.scope;
  const { data: changed } = useQuery({
    ...changesQuery({
      from: new Date(start).toISOString(),
      to: new Date(end).toISOString(),
      ...(agent ? { agent: [agent] } : {}),
      ...(environment ? { environment: [environment] } : {}),
    }),
    refetchInterval: ask.live ? REFRESH_MS : false,
  });
  const { data: drift } = useQuery({
    ...seenQuery({
      from: new Date(start).toISOString(),
      to: new Date(end).toISOString(),
      detector: ["drift"],
      ...(agent ? { agent: [agent] } : {}),
    }),
    refetchInterval: ask.live ? REFRESH_MS : false,
  });
  return useMemo(
    () => [
      ...alertMarks(ofAgent(data?.events ?? [], agent), start, end),
      ...changeMarks(changed?.changes ?? []),
      ...driftMarks(drift?.findings ?? []),
    ],
    [data, changed, drift, agent, start, end],
  );
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
