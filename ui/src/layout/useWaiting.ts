/** What waits for somebody, beside the pages it waits on: alerts that fire, and issues that nobody has looked at. */
import { queryOptions, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { api, must } from "@/api/client";
import { type Waiting, waitingAlerts, waitingIssues } from "@/lib/waiting";

export type { Waiting };

/** Pages are drawn first: these numbers are asked for once they have had so long. */
const FIRST_MS = 2_500;
const AGAIN_MS = 15_000;
/** More than that is "99+". */
const MOST = 100;

const firingQuery = queryOptions({
  queryKey: ["alerts", "firing"],
  queryFn: ({ signal }) => must(api.GET("/api/v1/alerts", { params: { query: { state: "firing" } }, signal })),
  refetchInterval: AGAIN_MS,
});

const openQuery = queryOptions({
  queryKey: ["issues", "waiting"],
  queryFn: ({ signal }) =>
    must(api.GET("/api/v1/issues", { params: { query: { state: ["open", "regressed"], limit: MOST } }, signal })),
  // Each answer holds the issues themselves.
  refetchInterval: 4 * AGAIN_MS,
});

/** By page; what is not known, or is none, is not shown. */
export function useWaiting(): Partial<Record<string, Waiting>> {
  const [enabled, setEnabled] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setEnabled(true), FIRST_MS);
    return () => clearTimeout(timer);
  }, []);
  const alerts = useQuery({ ...firingQuery, enabled }).data?.alerts;
  const issues = useQuery({ ...openQuery, enabled }).data?.issues;
  return { "/alerts": alerts && waitingAlerts(alerts), "/issues": issues && waitingIssues(issues) };
}
