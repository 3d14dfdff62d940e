/** Tools over many runs: which are called, which fail, which became slow, whether agents choose others than before. */

import { CloseButton } from "@mantine/core";
import { IconTool } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { LIVE_MS } from "@/api/pace";
import { aggregateQuery } from "@/api/queries";
import { compact, dated, duration } from "@/lib/format";
import { fixed } from "@/lib/locale";
import { buckets, courses, rangeMs, stepFor } from "@/lib/series";
import { type Slower, slowerSince } from "@/lib/slower";
import {
  DRIFT,
  isSlower,
  MOVED,
  selectionDrift,
  TOOLS_FROM,
  type ToolRow,
  type ToolsSearch,
  toolRows,
} from "@/lib/tools";
import { useMarks } from "@/pages/overview/ask";
import { BoardPage, BoardPanel, board, type Column, Figure, Figures, Grid, Table } from "@/ui/Board";
import { Spark } from "@/ui/Spark";
import { Empty, ErrorState, SkeletonRows } from "@/ui/States";
import { TimeRange } from "@/ui/TimeRange";
import { useNow } from "@/ui/useNow";
import { useTitle } from "@/ui/useTitle";
import { ZoomOut } from "@/ui/ZoomOut";
import { CALLS, ToolChart } from "./ToolChart";
import { slowerText, ToolDetail } from "./ToolDetail";

const route = getRouteApi("/tools");

export function ToolsPage() {
  const search = route.useSearch();
  useTitle(search.tool?.[0] ?? "Tools");
  const navigate = route.useNavigate();
  const [asked, tool] = [search.agent?.[0], search.tool?.[0]];
  const now = useNow();
  const [start, end] = rangeMs(search.from ?? TOOLS_FROM, search.to, now);
  const [step, stepMs] = stepFor(end - start);
  const [first, last] = [Math.floor(start / stepMs) * stepMs, Math.ceil(end / stepMs) * stepMs];
  const time = useMemo(() => buckets(first, last, stepMs), [first, last, stepMs]);
  const range = { from: new Date(first).toISOString(), to: new Date(last).toISOString() };
  const earlier = { from: new Date(2 * first - last).toISOString(), to: range.from };
  // Steps are counted for an agent where they carry its name; where none does, all tools say more than an empty page.
  const own = useQuery({
    ...aggregateQuery({ of: "steps", by: "tool", agent: asked ?? "", ...range }),
    enabled: asked !== undefined,
  });
  const nameless = asked !== undefined && own.isSuccess && !own.data.rows.some((row) => row.by[0]);
  const agent = nameless ? undefined : asked;
  const of = { of: "steps", by: "tool", ...(agent ? { agent } : {}) };
  const live = { refetchInterval: search.to ? (false as const) : LIVE_MS };
  const durations = { ...of, measure: "duration_ms", quantiles: "0.5,0.95" };
  const errors = { ...of, measure: "errors" };
  const ours = useQuery({ ...aggregateQuery({ ...durations, ...range }), ...live });
  const failed = useQuery({ ...aggregateQuery({ ...errors, ...range }), ...live });
  const theirs = useQuery(aggregateQuery({ ...durations, ...earlier }));
  const course = useQuery({
    ...aggregateQuery({ ...of, measure: "duration_ms", quantiles: "0.95", step, ...range }),
    ...live,
  });
  const slow = useMemo(() => slowerSince(course.data?.rows ?? []), [course.data]);
  const lines = useMemo(
    () =>
      courses(
        (course.data?.rows ?? []).map((row) => ({ ...row, value: row.count })),
        time,
        Date.now(),
      ),
    [course.data, time],
  );
  const failedBefore = useQuery(aggregateQuery({ ...errors, ...earlier }));
  const missing = [failed, theirs, course, failedBefore].find((each) => each.isError);
  const again = () => {
    for (const each of [failed, theirs, course, failedBefore]) if (each.isError) void each.refetch();
  };
  const compared = theirs.data && course.data;
  const rows = useMemo(
    () => toolRows(ours.data?.rows ?? [], failed.data?.rows, theirs.data?.rows ?? [], failedBefore.data?.rows),
    [ours.data, failed.data, theirs.data, failedBefore.data],
  );
  const change = (more: Partial<ToolsSearch>) =>
    void navigate({ search: (before) => ({ ...before, ...more }), replace: true });
  const stretch = (from: number, to: number) =>
    change({ from: new Date(from).toISOString(), to: new Date(to).toISOString() });
  const calls = rows.reduce((sum, row) => sum + row.calls, 0);
  const errorsNow = rows.reduce((sum, row) => sum + (row.errors ?? 0), 0);
  const drift = selectionDrift(rows);
  const slower = rows.filter((row) => isSlower(row) || slow.has(row.name));
  const chart = { time, step, agent, live: !search.to, onStretch: stretch };
  const marks = useMarks({ time, scope: agent ? { agent } : {}, live: !search.to });

  return (
    <BoardPage
      title="Tools"
      note={ours.data && compact(rows.length)}
      tools={
        <>
          {search.to && <ZoomOut ends={[start, end]} onStretch={stretch} />}
          <TimeRange
            exact
            bounded
            from={search.from ?? TOOLS_FROM}
            to={search.to}
            onChange={(from, to) => change({ from: from === TOOLS_FROM && !to ? undefined : from, to })}
          />
        </>
      }
    >
      {asked && (
        <div className={board.tools}>
          <span className={board.chip}>
            agent {asked}
            <CloseButton
              size={24}
              iconSize={12}
              aria-label="Of all agents"
              onClick={() => change({ agent: undefined })}
            />
          </span>
          {nameless && (
            <span className="muted">
              No call of a tool carries this agent's name (gen_ai.agent.name), so tools of all agents are shown.
            </span>
          )}
        </div>
      )}
      {ours.isPending ? (
        <SkeletonRows rows={12} />
      ) : ours.isError && !ours.data ? (
        <ErrorState error={ours.error} what="the tools" onRetry={() => void ours.refetch()} />
      ) : rows.length === 0 ? (
        <Empty
          icon={<IconTool size={26} stroke={1.4} aria-hidden />}
          title="No tool was called in this time"
          action={<Link to="/runs">Look at the runs</Link>}
        >
          Steps of the kind tool are counted here, from the moment they arrive. Choose a longer time, or see whether the{" "}
          <Link to="/doctor">doctor</Link> finds that tools are not told at all.
        </Empty>
      ) : (
        <>
          {missing && <ErrorState error={missing.error} what="all of the tools' numbers" onRetry={again} />}
          <Figures label="Tools">
            <Figure name="Calls" value={compact(calls)} note={`${rows.filter((row) => row.calls > 0).length} tools`} />
            <Figure
              name="Failed"
              value={failed.data && calls > 0 ? `${fixed((errorsNow / calls) * 100, 1)} %` : "–"}
              tone={errorsNow > calls * 0.05 ? "bad" : undefined}
              note={failed.data ? `${compact(errorsNow)} calls` : failed.isError ? "not known" : "…"}
            />
            <Figure
              name="Choice of tools"
              value={drift === undefined ? "–" : `${fixed(drift * 100, 0)} % moved`}
              tone={drift === undefined ? undefined : drift >= DRIFT ? "warn" : "good"}
              note={
                theirs.isError
                  ? "not known: what was before did not load"
                  : theirs.isPending
                    ? "…"
                    : drift === undefined
                      ? "too few calls to say"
                      : "of calls go to other tools than before"
              }
            />
            <Figure
              name="Slower than before"
              value={compared ? compact(slower.length) : "–"}
              tone={compared && slower.length > 0 ? "warn" : undefined}
              note={
                !compared
                  ? "…"
                  : slower.length > 0
                    ? firstNames(slower.map((row) => row.name))
                    : "no tool by half or more"
              }
            />
          </Figures>
          <Grid>
            {tool && (
              <ToolDetail
                tool={tool}
                range={range}
                slower={slow.get(tool)}
                {...chart}
                onClose={() => change({ tool: undefined })}
              />
            )}
            <BoardPanel
              title="All tools"
              about="Before is the time of the same length just before. A share that moves while nothing fails is the first sign of a silent failure."
            >
              <Table
                label="Tools"
                columns={columns(search, slow, lines, drift !== undefined)}
                rows={rows}
                rowKey={(row) => row.name}
                sort={search.order ?? "-calls"}
                onSort={(sort) => change({ order: sort === "-calls" ? undefined : sort })}
                selected={(row) => row.name === tool}
              />
            </BoardPanel>
            {!tool &&
              CALLS.map((panel) => <ToolChart key={panel.title} panel={panel} {...chart} marks={marks} span={6} />)}
          </Grid>
        </>
      )}
    </BoardPage>
  );
}

const share = (value: number | null) => (value === null ? "–" : `${fixed(value * 100, 1)} %`);
const rate = (errors: number | null, calls: number) => (errors !== null && calls > 0 ? errors / calls : null);

/** `enough` calls on both sides let a tool's share be held against that of before. */
function columns(
  search: ToolsSearch,
  slow: Map<string, Slower>,
  lines: Map<string, (number | null)[]>,
  enough: boolean,
): Column<ToolRow>[] {
  return [
    {
      key: "name",
      name: "Tool",
      left: true,
      wide: true,
      sort: (row) => row.name,
      cell: (row) => (
        <Link
          to="/tools"
          from="/tools"
          search={(before) => ({ ...before, tool: [row.name] })}
          className="cut"
          title={row.name}
        >
          {row.name}
        </Link>
      ),
    },
    {
      key: "course",
      name: "Calls over time",
      left: true,
      roomy: true,
      cell: (row) => <Spark values={lines.get(row.name)} />,
    },
    {
      key: "calls",
      name: "Calls",
      sort: (row) => row.calls,
      cell: (row) => (
        <Link
          to="/runs"
          search={{ tool: [row.name], agent: search.agent, from: search.from ?? TOOLS_FROM, to: search.to }}
        >
          {compact(row.calls)}
        </Link>
      ),
    },
    {
      key: "failed",
      name: "Failed",
      sort: (row) => rate(row.errors, row.calls),
      cell: (row) => (
        <>
          {compact(row.errors)}
          {!!row.errors && <span data-roomy> ({share(rate(row.errors, row.calls))})</span>}
        </>
      ),
      tone: (row) => ((rate(row.errors, row.calls) ?? 0) > 0.05 ? "bad" : undefined),
    },
    {
      key: "failed_before",
      name: "before",
      roomy: true,
      cell: (row) => <span className="faint">{share(rate(row.errorsBefore, row.callsBefore))}</span>,
    },
    { key: "p50", name: "p50", roomy: true, sort: (row) => row.p50, cell: (row) => duration(row.p50) },
    {
      key: "p95",
      name: "p95",
      sort: (row) => row.p95,
      cell: (row) => duration(row.p95),
      tone: (row) => (isSlower(row) || slow.has(row.name) ? "warn" : undefined),
    },
    {
      key: "p95_before",
      name: "before",
      roomy: true,
      cell: (row) => <span className="faint">{duration(row.p95Before)}</span>,
    },
    // Of tools that are slower than before from the first moment on nobody knows since when: a column of dashes says nothing.
    ...(slow.size > 0 ? [since(slow)] : []),
    { key: "share", name: "Share", roomy: true, sort: (row) => row.share, cell: (row) => share(row.share) },
    {
      key: "moved",
      name: "Moved",
      sort: (row) => Math.abs((row.share ?? 0) - (row.shareBefore ?? 0)),
      cell: (row) => {
        const by = (row.share ?? 0) - (row.shareBefore ?? 0);
        return row.shareBefore === null || Math.abs(by) < 0.0005
          ? "–"
          : `${by > 0 ? "+" : "−"}${fixed(Math.abs(by) * 100, 1)} pts`;
      },
      tone: (row) => (enough && Math.abs((row.share ?? 0) - (row.shareBefore ?? 0)) >= MOVED ? "warn" : undefined),
    },
  ];
}

/** Since when each is slow. */
const since = (slow: Map<string, Slower>): Column<ToolRow> => ({
  key: "slow_since",
  name: "Slow since",
  sort: (row) => slow.get(row.name)?.since ?? null,
  cell: (row) => {
    const rise = slow.get(row.name);
    return rise ? <span title={slowerText(rise)}>{dated(new Date(rise.since).toISOString())}</span> : "–";
  },
  tone: (row) => (slow.has(row.name) ? "warn" : undefined),
});

/** The first of many names, so that a bad day keeps the figures in one line. */
const firstNames = (names: string[]) =>
  names.length > 4 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ");
