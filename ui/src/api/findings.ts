/** What the list of findings asks the server. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import type { FindingsSearch } from "@/lib/issues";
import { api, must } from "./client";
import { PAGE_ROWS } from "./queries";

export const findingsListQuery = ({ from, to, detector, severity, of }: FindingsSearch & { from: string }) =>
  infiniteQueryOptions({
    queryKey: ["findings-list", from, to, detector, severity, of],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      must(
        api.GET("/api/v1/findings", {
          params: {
            query: {
              from,
              ...(to ? { to } : {}),
              limit: PAGE_ROWS,
              ...(detector ? { detector: [detector] } : {}),
              ...(severity ? { severity: [severity] } : {}),
              ...(of ? { agent: [of] } : {}),
              ...(pageParam ? { cursor: pageParam } : {}),
            },
          },
          signal,
        }),
      ),
    getNextPageParam: (last) => last.next ?? undefined,
  });

export const detectorsQuery = queryOptions({
  queryKey: ["detectors"],
  queryFn: ({ signal }) => must(api.GET("/api/v1/detectors", { signal })),
  staleTime: Number.POSITIVE_INFINITY,
});
