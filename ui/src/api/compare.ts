/** What the page that compares runs asks the server. */
import { queryOptions } from "@tanstack/react-query";
import { api, must } from "./client";

export const diffQuery = (a: string, b: string) =>
  queryOptions({
    queryKey: ["diff", a, b],
    queryFn: ({ signal }) =>
      must(api.GET("/api/v1/runs/{trace_id}/diff/{other}", { params: { path: { trace_id: a, other: b } }, signal })),
    staleTime: 60_000,
  });

/** A run's own numbers, without its steps. */
export const runNumbersQuery = (traceId: string) =>
  queryOptions({
    queryKey: ["run-numbers", traceId],
    queryFn: ({ signal }) =>
      must(
        api.GET("/api/v1/runs/{trace_id}", {
          params: { path: { trace_id: traceId }, query: { content: "none", limit: 1 } },
          signal,
        }),
      ).then(({ run }) => run),
    staleTime: 30_000,
  });

/** A run explained, and held against good runs of its kind. */
export const investigateQuery = (traceId: string) =>
  queryOptions({
    queryKey: ["investigate", traceId],
    queryFn: ({ signal }) =>
      must(api.GET("/api/v1/runs/{trace_id}/investigate", { params: { path: { trace_id: traceId } }, signal })),
    staleTime: 60_000,
  });

/** Good runs of an agent before a moment, the latest first: what a bad one is held against. */
export const goodRunsQuery = (agent: string | null | undefined, before: string) =>
  queryOptions({
    queryKey: ["good-runs", agent, before],
    queryFn: ({ signal }) =>
      must(
        api.GET("/api/v1/runs", {
          params: { query: { ...(agent ? { agent: [agent] } : {}), status: ["ok"], to: before, limit: 8 } as never },
          signal,
        }),
      ),
  });
