/** Dashboards, and what their panels ask. */
import { queryOptions } from "@tanstack/react-query";
import type { PromSeries, Range } from "@/lib/dashboard";
import { ApiError, api, must, UnreachableError } from "./client";
import { projectHeaders } from "./project";
import type { DashboardSpec } from "./types";

export const dashboardsQuery = queryOptions({
  queryKey: ["dashboards"],
  queryFn: ({ signal }) => must(api.GET("/api/v1/dashboards", { signal })),
});

export const dashboardQuery = (id: string) =>
  queryOptions({
    queryKey: ["dashboard", id],
    queryFn: ({ signal }) => must(api.GET("/api/v1/dashboards/{id}", { params: { path: { id } }, signal })),
    // What somebody is arranging must not change below them.
    staleTime: Number.POSITIVE_INFINITY,
  });

export const createDashboard = (spec: DashboardSpec) => must(api.POST("/api/v1/dashboards", { body: spec }));

export const putDashboard = (id: string, revision: number, spec: DashboardSpec) =>
  must(api.PUT("/api/v1/dashboards/{id}", { params: { path: { id } }, body: { revision, spec } }));

export const deleteDashboard = async (id: string) => {
  const { error, response } = await api.DELETE("/api/v1/dashboards/{id}", { params: { path: { id } } });
  return must(Promise.resolve({ data: response.ok || undefined, error, response }));
};

/** Prometheus' API is not in the OpenAPI document: it is Prometheus'. */
async function prometheus<T>(path: string, question: Record<string, string>, signal: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`/prometheus/api/v1/${path}?${new URLSearchParams(question)}`, {
      signal,
      headers: projectHeaders(),
    });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new UnreachableError();
  }
  const answer = (await response.json().catch(() => ({}))) as { data?: T; error?: string; detail?: string };
  if (!response.ok || answer.data === undefined)
    throw new ApiError(
      response.status,
      "The question cannot be answered",
      answer.error ?? answer.detail ?? response.statusText,
    );
  return answer.data;
}

/** Series over a range, a point at each beginning of a bucket. */
export const rangeQuery = (query: string, { from, to, stepMs }: Range) =>
  queryOptions({
    queryKey: ["promql-range", query, from, to, stepMs],
    queryFn: ({ signal }) =>
      prometheus<{ result: PromSeries[] }>(
        "query_range",
        { query, start: String(from / 1000), end: String((to - stepMs) / 1000), step: String(stepMs / 1000) },
        signal,
      ),
    placeholderData: (before) => before,
    retry: false,
  });

/** What series are at a moment, or now. */
export const instantQuery = (query: string, at: number | undefined) =>
  queryOptions({
    queryKey: ["promql-instant", query, at],
    queryFn: ({ signal }) =>
      prometheus<{ resultType: string; result: PromSeries[] | [number, string] }>(
        "query",
        { query, ...(at === undefined ? {} : { time: String(at / 1000) }) },
        signal,
      ),
    placeholderData: (before) => before,
    retry: false,
  });

export const labelValuesQuery = (label: string, of: string | undefined) =>
  queryOptions({
    queryKey: ["label-values", label, of],
    queryFn: ({ signal }) =>
      prometheus<string[]>(`label/${encodeURIComponent(label)}/values`, of ? { "match[]": of } : {}, signal),
    staleTime: 60_000,
    enabled: label !== "",
  });
