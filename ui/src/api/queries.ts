/** What the pages ask the server, with the keys under which answers are kept. */
import { infiniteQueryOptions, MutationCache, QueryCache, QueryClient, queryOptions } from "@tanstack/react-query";
import { apiQuery, FACETS, type RunsSearch } from "@/lib/filter";
import { STEPS_AT_ONCE } from "@/lib/fold";
import { type SessionsSearch, sessionsApiQuery } from "@/lib/sessions";
import { ApiError, api, must } from "./client";
import { projectHeaders } from "./project";

/** Rows per page of a list. */
export const PAGE_ROWS = 100;

/** The server asked who one is: then the page has to ask too, whatever it had been told before. */
const askedWho = (error: Error) => {
  if (error instanceof ApiError && error.status === 401 && queryClient.getQueryState(["me"])?.status === "success")
    void queryClient.invalidateQueries({ queryKey: ["me"] });
};

export const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError: askedWho }),
  mutationCache: new MutationCache({ onError: askedWho }),
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      gcTime: 5 * 60_000,
      refetchOnWindowFocus: false,
      // An answer that says no will say no again; silence may not, and a server that is starting (503) will be ready soon.
      retry: (times, error) => {
        if (!(error instanceof ApiError)) return times < 2;
        return error.status === 503 ? times < 20 : error.status > 500 && times < 2;
      },
      retryDelay: (times) => Math.min(1000, 400 * 2 ** times),
    },
  },
});

/** The filter as the list endpoints take it. */
const listQuery = (search: RunsSearch) => apiQuery(search) as Record<string, never>;

export async function fetchRuns(search: RunsSearch, cursor?: string, signal?: AbortSignal) {
  const query = { ...listQuery(search), limit: PAGE_ROWS, ...(cursor ? { cursor } : {}) };
  return must(api.GET("/api/v1/runs", { params: { query }, signal }));
}

/** How the list is shown is no part of the question. */
const question = ({ live: _, columns: __, peek: ___, chosen: ____, ...search }: RunsSearch) => search;

export const runsQuery = (search: RunsSearch) =>
  infiniteQueryOptions({
    queryKey: ["runs", question(search)],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => fetchRuns(search, pageParam, signal),
    getNextPageParam: (last) => last.next ?? undefined,
    staleTime: Number.POSITIVE_INFINITY,
  });

/** Values with counts; of other fields than those in the list where they are asked for. */
export const facetsQuery = (search: RunsSearch, fields: readonly string[] = FACETS) => {
  const { sort: _, ...rest } = question(search);
  return queryOptions({
    queryKey: ["facets", rest, ...(fields === FACETS ? [] : fields)],
    queryFn: ({ signal }) =>
      must(
        api.GET("/api/v1/runs", {
          params: { query: { ...listQuery(rest), limit: 1, facets: fields.join(",") } },
          signal,
        }),
      ),
    placeholderData: (before) => before,
  });
};

/** The newest run there is, whatever its age: tells "nothing yet" from "nothing in this range". */
export const newestRunQuery = queryOptions({
  queryKey: ["newest-run"],
  queryFn: ({ signal }) => must(api.GET("/api/v1/runs", { params: { query: { limit: 1 } }, signal })),
});

export const summaryQuery = (from: string, to: string | undefined) =>
  queryOptions({
    queryKey: ["summary", from, to],
    queryFn: ({ signal }) =>
      must(
        api.GET("/api/v1/summary", {
          params: { query: { ...(from === "all" ? {} : { from }), ...(to ? { to } : {}) } },
          signal,
        }),
      ),
    placeholderData: (before) => before,
  });

/** Numbers for charts; `question` holds the parameters of `/api/v1/aggregate`. */
export const aggregateQuery = (question: Record<string, string | string[]>) =>
  queryOptions({
    queryKey: ["aggregate", question],
    queryFn: ({ signal }) => must(api.GET("/api/v1/aggregate", { params: { query: question as never }, signal })),
    placeholderData: (before) => before,
  });

const steps = (traceId: string, query: Record<string, string | number>, signal: AbortSignal) =>
  must(
    api.GET("/api/v1/runs/{trace_id}", {
      params: { path: { trace_id: traceId }, query: { content: "none", ...query } },
      signal,
    }),
  );

/** A run and the shape of its steps, of large runs the upper ones and `show`; what was said is fetched per step. */
export const runQuery = (traceId: string, show?: string) =>
  queryOptions({
    queryKey: ["run", traceId],
    queryFn: ({ signal }) => steps(traceId, { limit: STEPS_AT_ONCE, ...(show ? { show } : {}) }, signal),
    staleTime: 30_000,
  });

/** The steps below one that was folded. */
export const runPartQuery = (traceId: string, under: string, limit: number) =>
  queryOptions({
    queryKey: ["run-part", traceId, under, limit],
    queryFn: ({ signal }) => steps(traceId, { under, limit }, signal),
    staleTime: 30_000,
    placeholderData: (before) => before,
  });

/** Steps of a large run that mention a text, with those above them. */
export const runFindQuery = (traceId: string, find: string) =>
  queryOptions({
    queryKey: ["run-find", traceId, find],
    queryFn: ({ signal }) => steps(traceId, { find, limit: STEPS_AT_ONCE }, signal),
    staleTime: 30_000,
    placeholderData: (before) => before,
  });

/** A run with everything that was said in it. */
export const fullRunQuery = (traceId: string) =>
  queryOptions({
    queryKey: ["run-full", traceId],
    queryFn: ({ signal }) =>
      must(
        api.GET("/api/v1/runs/{trace_id}", {
          params: { path: { trace_id: traceId }, query: { content: "full" } },
          signal,
        }),
      ),
    staleTime: 30_000,
  });

export const stepQuery = (traceId: string, spanId: string) =>
  queryOptions({
    queryKey: ["step", traceId, spanId],
    queryFn: ({ signal }) =>
      must(
        api.GET("/api/v1/runs/{trace_id}/steps/{span_id}", {
          params: { path: { trace_id: traceId, span_id: spanId } },
          signal,
        }),
      ),
    staleTime: 60_000,
  });

export const runLogsQuery = (traceId: string) =>
  queryOptions({
    queryKey: ["run-logs", traceId],
    queryFn: ({ signal }) =>
      must(api.GET("/api/v1/runs/{trace_id}/logs", { params: { path: { trace_id: traceId } }, signal })),
    staleTime: 30_000,
  });

export const runRawQuery = (traceId: string) =>
  queryOptions({
    queryKey: ["run-raw", traceId],
    queryFn: ({ signal }) =>
      must<unknown>(api.GET("/api/v1/runs/{trace_id}/raw", { params: { path: { trace_id: traceId } }, signal })),
    staleTime: 30_000,
  });

export const sessionsQuery = (search: SessionsSearch) =>
  infiniteQueryOptions({
    queryKey: ["sessions", search],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      must(
        api.GET("/api/v1/sessions", {
          params: {
            query: { ...sessionsApiQuery(search), limit: PAGE_ROWS, ...(pageParam ? { cursor: pageParam } : {}) },
          },
          signal,
        }),
      ),
    getNextPageParam: (last) => last.next ?? undefined,
  });

/** Every run of a session, oldest first. */
export const sessionRunsQuery = (session: string) =>
  infiniteQueryOptions({
    queryKey: ["session-runs", session],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      fetchRuns({ session: [session], from: "all", sort: "started_at" }, pageParam, signal),
    getNextPageParam: (last) => last.next ?? undefined,
  });

export const statusQuery = queryOptions({
  queryKey: ["status"],
  queryFn: ({ signal }) => must(api.GET("/api/v1/status", { signal })),
});

export const setupQuery = queryOptions({
  queryKey: ["setup"],
  queryFn: ({ signal }) => must(api.GET("/api/v1/setup", { signal })),
  staleTime: 10 * 60_000,
});

/** What is wrong with the instrumentation of what arrived since `from`. */
export const doctorQuery = (from: string, only: { service?: string; traceId?: string } = {}) =>
  queryOptions({
    queryKey: ["doctor", from, only],
    queryFn: ({ signal }) =>
      must(
        api.GET("/api/v1/doctor", {
          params: {
            query: {
              from,
              ...(only.service ? { service: only.service } : {}),
              ...(only.traceId ? { trace_id: only.traceId } : {}),
            },
          },
          signal,
        }),
      ),
    staleTime: 30_000,
    placeholderData: (before) => before,
  });

/** Findings shown of an issue or a run. */
export const FINDINGS_SHOWN = 20;

/** What detectors saw, of an issue or in a run, newest first. */
export const findingsQuery = (of: { fingerprint?: string; trace_id?: string }) =>
  queryOptions({
    queryKey: ["findings", of],
    queryFn: ({ signal }) =>
      must(api.GET("/api/v1/findings", { params: { query: { ...of, limit: FINDINGS_SHOWN } }, signal })),
    staleTime: 5_000,
  });

export const decideIssue = (fingerprint: string, state: string) =>
  must(api.PATCH("/api/v1/issues/{fingerprint}", { params: { path: { fingerprint } }, body: { state } }));

export const sqlSchemaQuery = queryOptions({
  queryKey: ["sql-schema"],
  queryFn: ({ signal }) => must(api.GET("/api/v1/sql/schema", { signal })),
  staleTime: 10 * 60_000,
});

/** Rows a SQL answer is asked for; more would only slow the page. */
export const SQL_ROWS = 1000;

export const runSql = (query: string, signal?: AbortSignal) =>
  must(api.POST("/api/v1/sql", { body: { query, limit: SQL_ROWS }, signal }));

/** Log records, latest first; `question` holds the filters of `/api/v1/logs`. */
export const logsQuery = (question: Record<string, string | string[]>) =>
  infiniteQueryOptions({
    queryKey: ["logs", question],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      must(
        api.GET("/api/v1/logs", {
          params: { query: { ...question, limit: PAGE_ROWS, ...(pageParam ? { cursor: pageParam } : {}) } as never },
          signal,
        }),
      ),
    getNextPageParam: (last) => last.next ?? undefined,
    placeholderData: (before) => before,
  });

/** How many log records there are over time. */
export const logCountsQuery = (question: Record<string, string | string[]>, step: string) =>
  queryOptions({
    queryKey: ["log-counts", question, step],
    queryFn: ({ signal }) =>
      must(api.GET("/api/v1/logs/counts", { params: { query: { ...question, step } as never }, signal })),
    placeholderData: (before) => before,
  });

/** The production monitoring checklist. */
export const checklistQuery = queryOptions({
  queryKey: ["checklist"],
  queryFn: ({ signal }) => must(api.GET("/api/v1/checklist", { signal })),
});

/** What happened to alerts since a moment, newest first. */
export const alertHistoryQuery = (from: string) =>
  queryOptions({
    queryKey: ["alert-history", from],
    queryFn: ({ signal }) =>
      must(api.GET("/api/v1/alerts/history", { params: { query: { from, limit: 500 } }, signal })),
    placeholderData: (before) => before,
  });

/** What detectors saw since a moment, newest first. */
export const seenQuery = (query: { from: string; to?: string; agent?: string[]; detector?: string[] }) =>
  queryOptions({
    queryKey: ["seen", query],
    queryFn: ({ signal }) => must(api.GET("/api/v1/findings", { params: { query: { ...query, limit: 500 } }, signal })),
    placeholderData: (before) => before,
  });

/** A PromQL question over time, as Prometheus answers. */
export async function promRange(query: string, from: number, to: number, stepMs: number, signal?: AbortSignal) {
  const params = new URLSearchParams({
    query,
    start: String(from / 1000),
    end: String(to / 1000),
    step: String(stepMs / 1000),
  });
  const response = await fetch(`/prometheus/api/v1/query_range?${params}`, { signal, headers: projectHeaders() });
  const answer = (await response.json()) as {
    status: string;
    error?: string;
    data?: { result: { metric: Record<string, string>; values: [number, string][] }[] };
  };
  if (!response.ok || !answer.data) throw new ApiError(response.status, "The query failed", answer.error ?? "");
  return answer.data.result;
}

/** A few runs that mention a text, newest first. */
export const paletteRunsQuery = (q: string) =>
  queryOptions({
    queryKey: ["palette-runs", q],
    queryFn: ({ signal }) => must(api.GET("/api/v1/runs", { params: { query: { q, limit: 5, from: "30d" } }, signal })),
    placeholderData: (before) => before,
  });

/** Deploys, prompts, models and whatever else changed since a moment: told, or seen in telemetry. */
export const changesQuery = (query: { from: string; to: string; agent?: string[]; environment?: string[] }) =>
  queryOptions({
    queryKey: ["changes", query],
    queryFn: ({ signal }) => must(api.GET("/api/v1/changes", { params: { query: { ...query, limit: 50 } }, signal })),
    placeholderData: (before) => before,
  });

/** Says that a run did what it should, or not. */
export const markRun = (traceId: string, good: boolean) =>
  must(api.POST("/api/v1/runs/{trace_id}/mark", { params: { path: { trace_id: traceId } }, body: { good } }));
