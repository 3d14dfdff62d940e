/** What all parts of the overview ask, kept up to date. */

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { type Ask, numbersQuery, type Question } from "@/api/numbers";
import { LIVE_MS } from "@/api/pace";
import { alertHistoryQuery, changesQuery, seenQuery } from "@/api/queries";
import { alertMarks, changeMarks, driftMarks, ofAgent } from "@/lib/marks";
import type { Mark } from "@/lib/series";

export type { Ask };

/** How often numbers are asked for while the range ends now. */
export const REFRESH_MS = LIVE_MS;

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
export function useAggregate(ask: Ask, question: Question, { overTime = true, shift = 0, enabled = true } = {}) {
  return useQuery({
    ...numbersQuery(ask, question, { overTime, shift }),
    enabled,
    refetchInterval: ask.live && shift === 0 ? REFRESH_MS : false,
  });
}
