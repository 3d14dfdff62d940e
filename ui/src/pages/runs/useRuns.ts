/** The rows of the runs page: pages from the server, kept up to date by the live stream. */
import { type InfiniteData, useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useState } from "react";
import { useLiveRuns, useLiveState } from "@/api/live";
import { fetchRuns, runsQuery } from "@/api/queries";
import type { Run, RunsAnswer } from "@/api/types";
import { DEFAULT_SORT, type RunsSearch } from "@/lib/filter";
import { flatten, mergeHead, unseen, updated } from "@/lib/live";
import { useThrottled } from "@/ui/useThrottled";

type Pages = InfiniteData<RunsAnswer, string | undefined>;

/** New runs are fetched at most this often. */
const HEAD_MS = 1000;
/** How long a new row is marked. */
const ENTRANCE_MS = 1800;

interface Options {
  search: RunsSearch;
  live: boolean;
  /** Whether the reader looks at the top of the list: only then may rows be put there. */
  atTop: () => boolean;
}

export function useRuns({ search, live, atTop }: Options) {
  const client = useQueryClient();
  const options = useMemo(() => runsQuery(search), [search]);
  const query = useInfiniteQuery(options);
  const [waiting, setWaiting] = useState<RunsAnswer>();
  const [arrived, setArrived] = useState<ReadonlySet<string>>(new Set());
  const newestFirst = (search.sort ?? DEFAULT_SORT) === DEFAULT_SORT && !search.to;

  const put = useCallback(
    (head: RunsAnswer) => {
      setWaiting(undefined);
      client.setQueryData<Pages>(options.queryKey, (before) => {
        if (!before) return before;
        const fresh = unseen(before.pages, head);
        if (fresh.length > 0) setArrived(new Set(fresh.map((run) => run.trace_id)));
        const pages = mergeHead<Run, RunsAnswer>(before.pages, head);
        return { pages, pageParams: before.pageParams.slice(0, pages.length) };
      });
    },
    [client, options],
  );

  const refresh = useCallback(async () => {
    // What was planned while live was on is not done once it is off.
    if (!live) return;
    const head = await fetchRuns(search).catch(() => undefined);
    const before = client.getQueryData<Pages>(options.queryKey);
    if (!head || !before) return;
    if (atTop() || unseen(before.pages, head).length === 0) put(head);
    else setWaiting(head);
  }, [client, options, search, atTop, put, live]);

  // A row that is scrolled away and back has no entrance.
  useEffect(() => {
    if (arrived.size === 0) return;
    const timer = setTimeout(() => setArrived(new Set()), ENTRANCE_MS);
    return () => clearTimeout(timer);
  }, [arrived]);

  const schedule = useThrottled(refresh, HEAD_MS);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another question makes what waited worthless
  useEffect(() => setWaiting(undefined), [options]);

  // While the stream was away, or not asked for, new runs were not heard of.
  const stream = useLiveState();
  useEffect(() => {
    if (live && newestFirst && stream === "open") schedule();
  }, [live, newestFirst, stream, schedule]);

  useLiveRuns(live, (run) => {
    const before = client.getQueryData<Pages>(options.queryKey);
    if (!before) return;
    if (before.pages.some((page) => page.runs.some((each) => each.trace_id === run.trace_id))) {
      client.setQueryData<Pages>(options.queryKey, {
        ...before,
        pages: before.pages.map((page) => updated<Run, RunsAnswer>(page, [run])),
      });
    } else if (newestFirst) schedule();
  });

  const pages = query.data?.pages;
  const rows = useMemo(() => (pages ? flatten<Run>(pages) : []), [pages]);
  return {
    query,
    rows,
    /** Runs that arrived while the reader was further down. */
    waiting: waiting && pages ? unseen(pages, waiting).length : 0,
    showWaiting: () => waiting && put(waiting),
    /** Runs that came in last, for their entrance. */
    arrived,
  };
}
