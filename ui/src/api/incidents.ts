/** What the page of an incident asks the server, and the brake it may put on. */

import { queryOptions } from "@tanstack/react-query";
import { api, must } from "./client";
import { LIVE_MS } from "./pace";
import { inProject } from "./project";
import type { NewBrake } from "./types";

export const incidentQuery = (fingerprint: string) =>
  queryOptions({
    queryKey: ["incident", fingerprint],
    queryFn: ({ signal }) =>
      must(api.GET("/api/v1/incidents/{fingerprint}", { params: { path: { fingerprint } }, signal })),
    refetchInterval: LIVE_MS,
  });

/** Every run that was hit, as a file. */
export const hitFile = (fingerprint: string) =>
  inProject(`/api/v1/incidents/${encodeURIComponent(fingerprint)}/runs.csv`);

/** Two runs side by side. */
export const diffQuery = (left: string, right: string) =>
  queryOptions({
    queryKey: ["diff", left, right],
    queryFn: ({ signal }) =>
      must(
        api.GET("/api/v1/runs/{trace_id}/diff/{other}", {
          params: { path: { trace_id: left, other: right } },
          signal,
        }),
      ),
    staleTime: 60_000,
  });

/** Brakes in force, of all agents. */
export const brakesQuery = queryOptions({
  queryKey: ["brakes"],
  queryFn: ({ signal }) => must(api.GET("/api/v1/brakes", { signal })),
  refetchInterval: LIVE_MS,
});

export const brake = (body: NewBrake) => must(api.POST("/api/v1/brakes", { body }));

export const takeBrakeOff = (id: string) => must(api.DELETE("/api/v1/brakes/{id}", { params: { path: { id } } }));
