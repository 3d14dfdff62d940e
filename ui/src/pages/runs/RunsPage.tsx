/** What ran: the list of runs with everything to narrow it down, live. */
import { ActionIcon, Button, Drawer, Tooltip } from "@mantine/core";
import { useDisclosure, useLocalStorage, useMediaQuery } from "@mantine/hooks";
import { IconArrowUp, IconFilter, IconLayoutSidebar } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo, useRef } from "react";
import { newestRunQuery } from "@/api/queries";
import { PageHeader } from "@/layout/PageHeader";
import { CHOSEN_MAX, cleared, DEFAULT_FROM, isFiltered } from "@/lib/filter";
import { absolute, count, plural } from "@/lib/format";
import { FirstTrace } from "@/pages/connect/FirstTrace";
import { rememberList } from "@/ui/lastList";
import { Empty, ErrorState, SkeletonRows } from "@/ui/States";
import { TimeRange } from "@/ui/TimeRange";
import { useKeys } from "@/ui/useKeys";
import { useTitle } from "@/ui/useTitle";
import { ColumnChoice } from "./ColumnChoice";
import { Facets } from "./Facets";
import { FilterBar } from "./FilterBar";
import { LiveToggle } from "./LiveToggle";
import { Marked } from "./Marked";
import { Peek } from "./Peek";
import classes from "./RunsPage.module.css";
import { RunsTable } from "./RunsTable";
import { SummaryStrip } from "./SummaryStrip";
import { useRuns } from "./useRuns";
import { Views } from "./Views";

export function RunsPage() {
  useTitle("Runs");
  const search = useSearch({ from: "/runs" });
  useEffect(() => rememberList(search), [search]);
  const navigate = useNavigate({ from: "/runs" });
  const narrow = useMediaQuery("(max-width: 900px)", undefined, { getInitialValueInEffect: false }) ?? false;
  const [facets, setFacets] = useLocalStorage({
    key: "tawny.facets",
    defaultValue: true,
    getInitialValueInEffect: false,
  });
  const [drawer, drawerControl] = useDisclosure(false);
  const scroller = useRef<HTMLDivElement>(null);
  const atTop = useCallback(() => (scroller.current?.scrollTop ?? 0) < 8, []);
  const live = search.live !== false;
  const from = search.from ?? DEFAULT_FROM;
  const { query, rows, waiting, showWaiting, arrived } = useRuns({ search, live, atTop });
  const setLive = (on: boolean) =>
    void navigate({ search: (before) => ({ ...before, live: on ? undefined : false }), replace: true });
  useKeys({ l: () => setLive(!live) });

  const { chosen } = search;
  const marked = useMemo<ReadonlySet<string>>(() => new Set(chosen), [chosen]);
  const mark = useCallback(
    (traceId: string) =>
      void navigate({
        search: ({ chosen = [], ...before }) => {
          const next = chosen.includes(traceId) ? chosen.filter((id) => id !== traceId) : [...chosen, traceId];
          return next.length > 0 ? { ...before, chosen: next.slice(0, CHOSEN_MAX) } : before;
        },
        replace: true,
      }),
    [navigate],
  );
  const markNone = () => void navigate({ search: (before) => ({ ...before, chosen: undefined }), replace: true });
  const closePeek = () => void navigate({ search: (before) => ({ ...before, peek: undefined }), replace: true });

  // Counts over all runs take the server's processors: the list that is waited for has them first.
  const ready = !query.isPending;
  const total = query.data?.pages[0]?.total;
  const empty = query.isSuccess && rows.length === 0;
  const newest = useQuery({ ...newestRunQuery, enabled: empty, refetchInterval: empty ? 2000 : false });
  const nothingYet = empty && newest.data?.runs.length === 0;

  return (
    <div className={classes.page}>
      <PageHeader
        title="Runs"
        note={
          total === undefined || nothingYet
            ? undefined
            : isFiltered(search)
              ? `${narrow ? count(total) : plural(total, "run")} ${total === 1 ? "matches" : "match"}`
              : // Beside the title "Runs" a number that is whole says more than a word that cuts it.
                narrow
                ? count(total)
                : plural(total, "run")
        }
      >
        <LiveToggle live={live} onChange={setLive} />
        <TimeRange
          exact
          from={from}
          to={search.to}
          onChange={(start, end) =>
            void navigate({
              search: (before) => ({ ...before, from: start === DEFAULT_FROM && !end ? undefined : start, to: end }),
            })
          }
        />
      </PageHeader>
      {nothingYet ? (
        <div className={classes.first}>
          <FirstTrace />
        </div>
      ) : (
        <>
          <SummaryStrip from={from} to={search.to} live={live} ready={ready} />
          <div
            className={classes.split}
            data-facets={(facets && !narrow) || undefined}
            data-peek={(search.peek && !narrow) || undefined}
          >
            {facets && !narrow && (
              <aside className={classes.facets} aria-label="Facets">
                <Facets search={search} live={live} ready={ready} />
              </aside>
            )}
            <div className={classes.list}>
              <FilterBar search={search}>
                {narrow ? (
                  <ActionIcon
                    variant="default"
                    size={30}
                    aria-label="Filters"
                    title="Filters"
                    onClick={drawerControl.open}
                  >
                    <IconFilter size={16} stroke={1.7} />
                  </ActionIcon>
                ) : (
                  <Tooltip label={facets ? "Hide the facets" : "Show the facets"}>
                    <ActionIcon size={30} aria-label="Facets" aria-pressed={facets} onClick={() => setFacets(!facets)}>
                      <IconLayoutSidebar size={17} stroke={1.7} />
                    </ActionIcon>
                  </Tooltip>
                )}
                <Views search={search} />
                {!narrow && <ColumnChoice search={search} />}
              </FilterBar>
              {waiting > 0 && (
                <Button
                  className={classes.pill}
                  radius="xl"
                  leftSection={<IconArrowUp size={14} stroke={2} />}
                  onClick={() => {
                    showWaiting();
                    scroller.current?.scrollTo({ top: 0 });
                  }}
                >
                  {plural(waiting, "new run")}
                </Button>
              )}
              {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
              <section className={classes.scroller} ref={scroller} tabIndex={0} aria-label="List of runs">
                {query.isPending ? (
                  <SkeletonRows rows={16} />
                ) : query.isError && rows.length === 0 ? (
                  <ErrorState error={query.error} what="the runs" onRetry={() => void query.refetch()} />
                ) : empty ? (
                  <Nothing filtered={isFiltered(search)} newest={newest.data?.runs[0]?.started_at} />
                ) : (
                  <RunsTable
                    rows={rows}
                    search={search}
                    arrived={arrived}
                    hasMore={query.hasNextPage}
                    loadingMore={query.isFetchingNextPage}
                    onMore={() => void query.fetchNextPage()}
                    scroller={scroller}
                    marked={marked}
                    onMark={mark}
                  />
                )}
              </section>
              <Marked marked={marked} onClear={markNone} />
            </div>
            {search.peek && !narrow && (
              <aside className={classes.peek} aria-label="Run">
                <Peek traceId={search.peek} onClose={closePeek} />
              </aside>
            )}
          </div>
        </>
      )}
      <Drawer
        opened={narrow && !!search.peek}
        onClose={closePeek}
        title="Run"
        position="bottom"
        size="80%"
        padding={0}
        // The run beside the list has a button of its own.
        withCloseButton={false}
        // Its name is for those who hear it: what is seen names the run itself.
        styles={{ header: { display: "none" } }}
      >
        {search.peek && <Peek traceId={search.peek} onClose={closePeek} />}
      </Drawer>
      <Drawer
        opened={drawer && narrow}
        onClose={drawerControl.close}
        title="Filters"
        size={280}
        closeButtonProps={{ "aria-label": "Close" }}
      >
        <Facets search={search} live={live} ready={ready} />
      </Drawer>
    </div>
  );
}

function Nothing({ filtered, newest }: { filtered: boolean; newest?: string }) {
  const search = useSearch({ from: "/runs" });
  if (filtered) {
    return (
      <Empty
        title="No run matches"
        action={
          <>
            <Button variant="default" renderRoot={(props) => <Link {...props} to="/runs" search={cleared(search)} />}>
              Clear filters
            </Button>
            <Button
              variant="default"
              renderRoot={(props) => <Link {...props} to="/runs" search={{ ...search, from: "all", to: undefined }} />}
            >
              Search all time
            </Button>
          </>
        }
      >
        Fewer filters or a longer time range may find some.
      </Empty>
    );
  }
  return (
    <Empty
      title="No run started in this time range"
      action={
        <Button
          variant="default"
          renderRoot={(props) => <Link {...props} to="/runs" search={{ ...search, from: "all", to: undefined }} />}
        >
          Show all time
        </Button>
      }
    >
      {newest ? `The newest run started at ${absolute(newest)}.` : "There are older runs."}
    </Empty>
  );
}
