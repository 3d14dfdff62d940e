/** Questions in PromQL: several queries, drawn over time or as values at one moment. */
import { Button, Menu, SegmentedControl } from "@mantine/core";
import { IconBookmark, IconChartLine, IconPlus } from "@tabler/icons-react";
import { getRouteApi } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { PageHeader } from "@/layout/PageHeader";
import { type ExploreSearch, letter, QUERIES_MAX } from "@/lib/explore";
import { buckets, lengthMs, rangeMs, stepFor } from "@/lib/series";
import { Empty } from "@/ui/States";
import { TimeRange } from "@/ui/TimeRange";
import { useNow } from "@/ui/useNow";
import { useTitle } from "@/ui/useTitle";
import classes from "./Explore.module.css";
import { ExploreTabs } from "./ExploreTabs";
import { EXAMPLES } from "./examples";
import { Graph } from "./Graph";
import { QueryEditor } from "./QueryEditor";
import { Values } from "./Values";

const route = getRouteApi("/explore");
const DEFAULT_FROM = "1h";
const NONE: string[] = [];
/** Points of a line at most. */
const POINTS = 200;
/** Points the server gives at most are many more; so many are drawn. */
const DRAWN_MAX = 2000;

export function ExplorePage() {
  useTitle("PromQL");
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const set = (change: Partial<ExploreSearch>, replace = false) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace, resetScroll: false });
  const stretch = useCallback(
    (start: number, end: number) =>
      void navigate({
        search: ({ step: _, ...before }) => ({
          ...before,
          from: new Date(start).toISOString(),
          to: new Date(end).toISOString(),
        }),
        resetScroll: false,
      }),
    [navigate],
  );
  const queries = search.expr ?? NONE;
  const from = search.from ?? DEFAULT_FROM;
  const now = useNow();
  const [start, end] = rangeMs(from, search.to, now);
  const asked = search.step ? lengthMs(search.step) : undefined;
  const stepMs = asked && (end - start) / asked <= DRAWN_MAX ? asked : stepFor(end - start, POINTS)[1];
  const first = Math.floor(start / stepMs);
  const last = Math.ceil(end / stepMs);
  const time = useMemo(() => buckets(first * stepMs, last * stepMs, stepMs), [first, last, stepMs]);
  const change = (at: number, text: string) => {
    const next = [...queries];
    if (text.trim()) next[at] = text.trim();
    else next.splice(at, 1);
    set({ expr: next.length > 0 ? next : undefined, alone: undefined });
  };
  const shown = queries.length > 0 ? queries : [""];

  return (
    <div className={classes.page}>
      <PageHeader title="Explore">
        <TimeRange
          exact
          bounded
          from={from}
          to={search.to}
          onChange={(start, end) => set({ from: start === DEFAULT_FROM && !end ? undefined : start, to: end })}
        />
      </PageHeader>
      <ExploreTabs active="promql" />
      <div className={classes.body}>
        <div className={classes.queries}>
          {shown.map((query, at) => (
            <QueryEditor
              // A query is itself: one that is put away must not leave its text to the next.
              key={`${at} ${shown.length}`}
              name={letter(at)}
              query={query}
              onRun={(text) => change(at, text)}
              onRemove={shown.length > 1 ? () => change(at, "") : undefined}
            />
          ))}
        </div>
        <div className={classes.bar}>
          <SegmentedControl
            size="xs"
            aria-label="How the answer is shown"
            value={search.mode ?? "graph"}
            onChange={(mode) => set({ mode: mode === "table" ? "table" : undefined }, true)}
            data={[
              { value: "graph", label: "Graph" },
              { value: "table", label: "Table" },
            ]}
          />
          {!search.mode && (
            <SegmentedControl
              size="xs"
              aria-label="How series are drawn"
              value={search.stack ? "stack" : "lines"}
              onChange={(kind) => set({ stack: kind === "stack" ? true : undefined }, true)}
              data={[
                { value: "lines", label: "Lines" },
                { value: "stack", label: "Stacked" },
              ]}
            />
          )}
          <Button
            variant="default"
            leftSection={<IconPlus size={14} stroke={1.8} />}
            disabled={queries.length === 0 || queries.length >= QUERIES_MAX}
            onClick={() => set({ expr: [...queries, queries.at(-1)!], alone: undefined })}
          >
            Query
          </Button>
          <Menu position="bottom-start" width={340}>
            <Menu.Target>
              <Button variant="default" leftSection={<IconBookmark size={14} stroke={1.8} />}>
                Examples
              </Button>
            </Menu.Target>
            <Menu.Dropdown>
              {EXAMPLES.map((example) => (
                <Menu.Item key={example.title} onClick={() => set({ expr: example.queries, alone: undefined })}>
                  {example.title}
                </Menu.Item>
              ))}
            </Menu.Dropdown>
          </Menu>
        </div>
        {queries.length === 0 ? (
          <>
            <Empty title="Ask the numbers" icon={<IconChartLine size={26} stroke={1.4} aria-hidden />}>
              Everything that is counted of runs is a series: requests, failures, latency, tokens, cost, tool calls,
              findings. Begin to write, and what fits is offered; Enter runs the query. Or take one of these:
            </Empty>
            <ul className={classes.examples} aria-label="Examples">
              {EXAMPLES.map(({ title, queries }) => (
                <li key={title}>
                  <button type="button" onClick={() => set({ expr: queries, alone: undefined })}>
                    <strong>{title}</strong>
                    <code className="mono cut">{queries[0]}</code>
                  </button>
                </li>
              ))}
            </ul>
          </>
        ) : search.mode === "table" ? (
          queries.map((query, at) => (
            <Values
              key={`${letter(at)} ${query}`}
              name={queries.length > 1 ? letter(at) : undefined}
              query={query}
              time={search.to ? end : undefined}
            />
          ))
        ) : (
          <Graph
            queries={queries}
            time={time}
            kind={search.stack ? "bars" : "lines"}
            live={!search.to}
            onStretch={stretch}
            alone={search.alone}
            onAlone={(alone) => set({ alone }, true)}
          />
        )}
      </div>
    </div>
  );
}
