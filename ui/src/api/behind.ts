/** What is asked to explain an alert or an incident: runs and issues near a time, and one run looked into. */
import { queryOptions } from "@tanstack/react-query";
import type { RunsSearch } from "@/lib/filter";
import { ApiError, api, must } from "./client";

/** Issues of a time that are shown. */
const ISSUES = 6;

type Near = Pick<RunsSearch, "agent" | "tool" | "model" | "environment"> & {
  from: string;
  to?: string | undefined;
  sort: string;
};

/** The first runs of a filter, in an order. */
export const runsNearQuery = (near: Near, limit: number) =>
  queryOptions({
    queryKey: ["runs-near", near, limit],
    queryFn: ({ signal }) => must(api.GET("/api/v1/runs", { params: { query: { ...near, limit } as never }, signal })),
    staleTime: 30_000,
  });

/** A run explained: what failed, what detectors saw, where it left what such runs do. */
export const investigateQuery = (traceId: string) =>
  queryOptions({
    queryKey: ["investigate", traceId],
    queryFn: ({ signal }) =>
      must(api.GET("/api/v1/runs/{trace_id}/investigate", { params: { path: { trace_id: traceId } }, signal })),
    staleTime: 60_000,
  });

/** Whether what was asked for is not there, or no longer: any other failure says nothing of that. */
export const isGone = (error: unknown) => error instanceof ApiError && error.status === 404;

/** Issues seen since a time that need somebody, last seen first; where `resolved`, also those that were resolved since. */
export const issuesNearQuery = (near: { from: string; agent?: string[] }, resolved: boolean) =>
  queryOptions({
    queryKey: ["issues-near", near, resolved],
    queryFn: ({ signal }) =>
      must(
        api.GET("/api/v1/issues", {
          params: {
            query: {
              ...near,
              state: ["open", "regressed", "acknowledged", ...(resolved ? ["resolved"] : [])],
              limit: ISSUES,
            },
          },
          signal,
        }),
      ),
    staleTime: 15_000,
  });
