/** What the pages about money ask the server. */

import { queryOptions } from "@tanstack/react-query";
import { api, must } from "./client";
import { LIVE_MS } from "./pace";

/** Money changes as runs settle. */
export const MONEY_REFRESH_MS = LIVE_MS;

/** Costs by keys and time; `question` holds the parameters of `/api/v1/costs`. */
export const costsQuery = (question: Record<string, string>) =>
  queryOptions({
    queryKey: ["costs", question],
    queryFn: ({ signal }) => must(api.GET("/api/v1/costs", { params: { query: question as never }, signal })),
    placeholderData: (before) => before,
  });

export const forecastQuery = queryOptions({
  queryKey: ["costs-forecast"],
  queryFn: ({ signal }) => must(api.GET("/api/v1/costs/forecast", { signal })),
});

export const unpricedQuery = (since: string) =>
  queryOptions({
    queryKey: ["costs-unpriced", since],
    queryFn: ({ signal }) =>
      must(api.GET("/api/v1/costs/unpriced", { params: { query: { from: since } as never }, signal })),
    placeholderData: (before) => before,
  });

/** The same traffic on another model. */
export const whatIfQuery = (question: Record<string, string>) =>
  queryOptions({
    queryKey: ["what-if", question],
    queryFn: ({ signal }) => must(api.GET("/api/v1/costs/what-if", { params: { query: question as never }, signal })),
    retry: false,
    placeholderData: (before) => before,
  });

export const budgetsQuery = queryOptions({
  queryKey: ["budgets"],
  queryFn: ({ signal }) => must(api.GET("/api/v1/budgets", { signal })),
});

export const slaQuery = queryOptions({
  queryKey: ["sla"],
  queryFn: ({ signal }) => must(api.GET("/api/v1/sla", { signal })),
});

export const pricesQuery = queryOptions({
  queryKey: ["prices"],
  queryFn: ({ signal }) => must(api.GET("/api/v1/prices", { signal })),
});

/** A TOML file in place of what is in use. */
export const putText = (path: "/api/v1/prices" | "/api/v1/budgets", text: string) =>
  must(
    api.PUT(path, {
      body: text as never,
      bodySerializer: (body: unknown) => body as string,
      headers: { "content-type": "application/toml" },
    } as never),
  );
