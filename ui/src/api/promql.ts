/** What is asked of the server in PromQL. Its answers have the form that Prometheus gives them, which no OpenAPI document describes. */
import { queryOptions } from "@tanstack/react-query";
import { ApiError, fetchWatched } from "./client";
import { headersOf } from "./project";

export interface PromSample {
  metric: Record<string, string>;
  /** Seconds since 1970, and the value as text; absent for native histograms. */
  value?: [number, string];
}

export interface PromSeries {
  metric: Record<string, string>;
  values?: [number, string][];
}

export type PromAnswer =
  | { resultType: "matrix"; result: PromSeries[] }
  | { resultType: "vector"; result: PromSample[] }
  | { resultType: "scalar" | "string"; result: [number, string] };

/** An answer with what the evaluator had to remark. */
export interface Told<T> {
  data: T;
  warnings: string[];
}

interface Envelope<T> {
  status: "success" | "error";
  data?: T;
  error?: string;
  warnings?: string[];
  infos?: string[];
}

async function prometheus<T>(
  path: string,
  params: Record<string, string>,
  signal?: AbortSignal,
  project?: string,
): Promise<Told<T>> {
  const response = await fetchWatched(
    new Request(`/prometheus/api/v1/${path}?${new URLSearchParams(params)}`, {
      headers: { accept: "application/json", ...(project ? headersOf(project) : {}) },
      signal,
    }),
  );
  const body = (await response.json().catch(() => undefined)) as Envelope<T> | { detail?: string } | undefined;
  if (body && "status" in body && body.status === "success" && body.data !== undefined)
    return { data: body.data, warnings: [...(body.warnings ?? []), ...(body.infos ?? [])] };
  const said = body && "error" in body ? body.error : body && "detail" in body ? body.detail : undefined;
  throw new ApiError(response.status, "The query cannot be answered", said ?? response.statusText);
}

/** Values of a query over time; `start` and `end` in milliseconds, `step` in seconds; in the tab's project unless another is named. */
export const rangeQuery = (query: string, start: number, end: number, step: number, project?: string) =>
  queryOptions({
    queryKey: ["promql-range", query, start, end, step, project],
    queryFn: ({ signal }) =>
      prometheus<PromAnswer>(
        "query_range",
        { query, start: String(start / 1000), end: String(end / 1000), step: String(step) },
        signal,
        project,
      ),
    placeholderData: (before) => before,
    staleTime: 15_000,
  });

/** Values of a query at one moment, in milliseconds; in the tab's project unless another is named. */
export const instantQuery = (query: string, time: number | undefined, project?: string) =>
  queryOptions({
    queryKey: ["promql-instant", query, time, project],
    queryFn: ({ signal }) =>
      prometheus<PromAnswer>(
        "query",
        { query, ...(time === undefined ? {} : { time: String(time / 1000) }) },
        signal,
        project,
      ),
    placeholderData: (before) => before,
    staleTime: 15_000,
  });

/** Metrics there are, with what they are. */
export const metricsQuery = queryOptions({
  queryKey: ["promql-metrics"],
  queryFn: async ({ signal }) => {
    const [names, meta] = await Promise.all([
      prometheus<string[]>("label/__name__/values", {}, signal),
      prometheus<Record<string, { type: string; help: string; unit: string }[]>>("metadata", {}, signal),
    ]);
    return names.data.map((name) => {
      const of = meta.data[name] ?? meta.data[name.replace(/_(bucket|count|sum|total)$/, "")];
      return { name, type: of?.[0]?.type ?? "", help: of?.[0]?.help ?? "" };
    });
  },
  staleTime: 60_000,
});

/** Names of the labels that series of a selector have. */
export const labelsQuery = (selector: string) =>
  queryOptions({
    queryKey: ["promql-labels", selector],
    queryFn: async ({ signal }) =>
      (await prometheus<string[]>("labels", selector ? { "match[]": selector } : {}, signal)).data,
    staleTime: 60_000,
  });

/** Values of a label among series of a selector. */
export const labelValuesQuery = (label: string, selector: string) =>
  queryOptions({
    queryKey: ["promql-values", label, selector],
    queryFn: async ({ signal }) =>
      (
        await prometheus<string[]>(
          `label/${encodeURIComponent(label)}/values`,
          selector ? { "match[]": selector } : {},
          signal,
        )
      ).data,
    staleTime: 60_000,
  });
