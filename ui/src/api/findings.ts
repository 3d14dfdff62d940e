/** What the lists of issues and findings ask the server. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { type FindingsSearch, type IssuesSearch, statesOf } from "@/lib/issues";
import { api, must } from "./client";
import { PAGE_ROWS } from "./queries";

/** By which detector, how grave, of which agent, as the API asks for it. */
const narrowing = ({ detector, severity, of }: Pick<FindingsSearch, "detector" | "severity" | "of">) => ({
  ...(detector ? { detector: [detector] } : {}),
  ...(severity ? { severity: [severity] } : {}),
  ...(of ? { agent: [of] } : {}),
});

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
              ...narrowing({ detector, severity, of }),
              ...(pageParam ? { cursor: pageParam } : {}),
            },
          },
          signal,
        }),
      ),
    getNextPageParam: (last) => last.next ?? undefined,
  });

/** Issues of a group of states, last seen first where no other order is asked for. */
export const issuesListQuery = ({ q, order, state = "active", detector, severity, of }: IssuesSearch) =>
  infiniteQueryOptions({
    queryKey: ["issues", q, order, state, detector, severity, of],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      must(
        api.GET("/api/v1/issues", {
          params: {
            query: {
              state: statesOf(state),
              ...(q ? { q } : {}),
              ...(order ? { sort: order } : {}),
              limit: PAGE_ROWS,
              ...narrowing({ detector, severity, of }),
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
