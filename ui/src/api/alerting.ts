/** What the pages of alerts ask the server. */

import { queryOptions } from "@tanstack/react-query";
import { api, must } from "./client";
import { LIVE_MS } from "./pace";

/** How often what fires is asked for. */
export const ALERTS_MS = LIVE_MS;
/** How often values of rules are asked for: each costs a query a rule, and rules are not evaluated more often. */
export const RULES_MS = 30_000;
/** Events of the history that are shown. */
export const EVENTS_SHOWN = 500;

export const alertsQuery = queryOptions({
  queryKey: ["alerts"],
  queryFn: ({ signal }) => must(api.GET("/api/v1/alerts", { signal })),
  refetchInterval: ALERTS_MS,
});

/** One alert with what shows it and what happened to it; it stays known after its end. */
export const alertQuery = (fingerprint: string) =>
  queryOptions({
    queryKey: ["alerts", fingerprint],
    queryFn: ({ signal }) =>
      must(api.GET("/api/v1/alerts/{fingerprint}", { params: { path: { fingerprint } }, signal })),
    refetchInterval: ALERTS_MS,
  });

export const rulesQuery = queryOptions({
  queryKey: ["rules"],
  queryFn: ({ signal }) => must(api.GET("/api/v1/rules", { signal })),
  refetchInterval: ALERTS_MS,
});

export const ruleValuesQuery = queryOptions({
  queryKey: ["rule-values"],
  queryFn: ({ signal }) => must(api.GET("/api/v1/rules/values", { signal })),
  refetchInterval: RULES_MS,
  staleTime: RULES_MS / 2,
});

/** What a rule looks at now; `group` tells rules of one name apart. */
export const explainQuery = (name: string, group: string) =>
  queryOptions({
    queryKey: ["rule", name, group],
    queryFn: ({ signal }) =>
      must(api.GET("/api/v1/rules/{name}/explain", { params: { path: { name }, query: { group } }, signal })),
    refetchInterval: RULES_MS,
    staleTime: 5_000,
  });

export const alertHistoryQuery = (from: string, name?: string) =>
  queryOptions({
    queryKey: ["alert-history", from, name],
    queryFn: ({ signal }) =>
      must(
        api.GET("/api/v1/alerts/history", {
          params: { query: { from, limit: EVENTS_SHOWN, ...(name ? { name } : {}) } },
          signal,
        }),
      ),
    refetchInterval: ALERTS_MS,
    placeholderData: (before) => before,
  });

export const reviewQuery = (from: string) =>
  queryOptions({
    queryKey: ["alert-review", from],
    queryFn: ({ signal }) => must(api.GET("/api/v1/alerts/review", { params: { query: { from } }, signal })),
    placeholderData: (before) => before,
  });

export const silencesQuery = queryOptions({
  queryKey: ["silences"],
  queryFn: ({ signal }) => must(api.GET("/api/v1/silences", { signal })),
  refetchInterval: ALERTS_MS,
});

/** Who looks at the page, for what is done in their name. */
export const meQuery = queryOptions({
  queryKey: ["me"],
  queryFn: ({ signal }) => must(api.GET("/api/v1/me", { signal })),
  staleTime: 10 * 60_000,
});

export const acknowledge = (fingerprint: string, by: string, comment: string) =>
  must(api.POST("/api/v1/alerts/{fingerprint}/ack", { params: { path: { fingerprint } }, body: { by, comment } }));

export interface NewSilence {
  matchers: string;
  duration: string;
  created_by: string;
  comment: string;
}

export const makeSilence = (body: NewSilence) => must(api.POST("/api/v1/silences", { body }));

export const endSilence = (id: string) => must(api.DELETE("/api/v1/silences/{id}", { params: { path: { id } } }));

export interface BacktestAsked {
  /** A rule file. */
  rules: string;
  /** Since when. */
  from: string;
}

export const backtest = (body: BacktestAsked) => must(api.POST("/api/v1/rules/backtest", { body }));
