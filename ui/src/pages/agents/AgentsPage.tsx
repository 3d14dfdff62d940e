/** The agents that telemetry tells of: how busy, how well, how dear each is, and who calls whom. */

import { SegmentedControl } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { IconFeather } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { agentsQuery } from "@/api/fleet";
import { costsQuery, MONEY_REFRESH_MS } from "@/api/money";
import type { AgentEdge, AgentInfo } from "@/api/types";
import { ends, FLEET_FROM, type FleetSearch } from "@/lib/fleet";
import { failing, shownWays } from "@/lib/fleetGraph";
import { compact, duration, usd } from "@/lib/format";
import { fixed } from "@/lib/locale";
import { KindTile, STEP_KINDS, type StepKind } from "@/theme/kinds";
import { BoardPage, BoardPanel, type Column, Grid, Table, type Tone } from "@/ui/Board";
import { Empty, ErrorState, SkeletonRows } from "@/ui/States";
import { Ago } from "@/ui/Time";
import { TimeRange } from "@/ui/TimeRange";
import { useNow } from "@/ui/useNow";
import { useTitle } from "@/ui/useTitle";
import { Graph } from "./Graph";

const route = getRouteApi("/agents");

export function AgentsPage() {
  useTitle("Agents");
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const now = useNow();
  const { from, to } = ends(search.from ?? FLEET_FROM, search.to, now);
  const refetchInterval = search.to ? (false as const) : MONEY_REFRESH_MS;
  const query = useQuery({
    ...agentsQuery({ from, to, ...(search.environment?.[0] ? { environment: search.environment[0] } : {}) }),
    refetchInterval,
  });
  const costs = useQuery(
    costsQuery({ by: "agent", from, to, ...(search.environment?.[0] ? { environment: search.environment[0] } : {}) }),
  );
  const change = (more: Partial<FleetSearch>) =>
    void navigate({ search: (before) => ({ ...before, ...more }), replace: true });
  const ways = useMemo(() => shownWays(query.data?.edges ?? [], search.show), [query.data, search.show]);
  const cost = (name: string) => costs.data?.rows.find((row) => row.by[0] === name)?.cost_usd;
  const agents = query.data?.agents ?? [];
  const narrow = useMediaQuery("(max-width: 760px)", undefined, { getInitialValueInEffect: false });
  const drawn = (
    <SegmentedControl
      size="xs"
      aria-label="What is drawn"
      value={search.show ?? "tools"}
      onChange={(show) => change({ show: show === "tools" ? undefined : (show as FleetSearch["show"]) })}
      data={[
        { value: "agents", label: "Agents" },
        { value: "tools", label: "and tools" },
        { value: "all", label: "and models" },
      ]}
    />
  );

  return (
    <BoardPage
      title="Agents"
      note={query.data && compact(agents.length)}
      tools={
        <TimeRange
          exact
          bounded
          from={search.from ?? FLEET_FROM}
          to={search.to}
          onChange={(from, to) => change({ from: from === FLEET_FROM && !to ? undefined : from, to })}
        />
      }
    >
      {query.isPending ? (
        <SkeletonRows rows={12} />
      ) : query.isError && !query.data ? (
        <ErrorState error={query.error} what="the agents" onRetry={() => void query.refetch()} />
      ) : agents.length === 0 ? (
        <Empty
          icon={<IconFeather size={26} stroke={1.4} aria-hidden />}
          title="No agent in this time"
          action={<Link to="/connect">Send traces</Link>}
        >
          Agents are found by themselves: whatever a step calls its agent (
          <code className="mono">gen_ai.agent.name</code> and its kin) is one, from the moment its first run has
          settled.
        </Empty>
      ) : (
        <Grid>
          <BoardPanel
            title="Catalogue"
            about="Entered counts every time an agent began work, called by whomever; runs are those it leads. Durations lie within 10 % of the exact ones."
          >
            <Table
              label="Agents"
              columns={columns(cost)}
              rows={agents}
              rowKey={(row) => row.name}
              sort={search.order ?? "-entered"}
              onSort={(order) => change({ order })}
            />
          </BoardPanel>
          {/* A graph of many columns says nothing on a phone; the table has all of it. */}
          {!narrow && (
            <BoardPanel
              title="Who calls whom"
              about="Over all settled runs of the time, not of one. A way is as wide as it is busy, amber where two calls in a hundred fail, and red where ten do."
              tools={drawn}
            >
              <Graph ways={ways} />
            </BoardPanel>
          )}
          <BoardPanel
            title="Calls"
            about="Who calls whom, every way of it: what it takes and how often it fails."
            tools={narrow && drawn}
          >
            <Table label="Calls" columns={WAYS} rows={ways as AgentEdge[]} rowKey={wayKey} sort="-calls" />
          </BoardPanel>
        </Grid>
      )}
    </BoardPage>
  );
}

export const wayKey = (row: AgentEdge) => `${row.caller}\n${row.kind}\n${row.callee}`;

const failed = (errors: number, calls: number) =>
  calls === 0 ? "–" : errors === 0 ? "0" : `${compact(errors)} (${fixed((errors / calls) * 100, 1)} %)`;

/** What fails is as grave in numbers as in the graph. */
export const failedTone = (of: Pick<AgentEdge, "calls" | "errors">): Tone | undefined => {
  const much = failing(of);
  return much && (much === "many" ? "bad" : "warn");
};

const columns = (cost: (name: string) => number | undefined): Column<AgentInfo>[] => [
  {
    key: "name",
    name: "Agent",
    left: true,
    wide: true,
    sort: (row) => row.name,
    cell: (row) => (
      <Link
        to="/agents/agent"
        search={(before) => ({ ...before, name: row.name, order: undefined })}
        className="cut"
        title={row.name}
      >
        {row.name}
      </Link>
    ),
  },
  {
    key: "runs",
    name: "Runs",
    roomy: true,
    sort: (row) => row.runs,
    cell: (row) =>
      row.runs > 0 ? (
        <Link to="/runs" search={(before) => ({ agent: [row.name], from: before.from, to: before.to })}>
          {compact(row.runs)}
        </Link>
      ) : (
        <span className="faint">0</span>
      ),
  },
  { key: "entered", name: "Entered", sort: (row) => row.entered.calls, cell: (row) => compact(row.entered.calls) },
  {
    key: "failed",
    name: "Failed",
    sort: (row) => (row.entered.calls > 0 ? row.entered.errors / row.entered.calls : null),
    cell: (row) => failed(row.entered.errors, row.entered.calls),
    tone: (row) => failedTone(row.entered),
  },
  { key: "p50", name: "p50", sort: (row) => row.entered.p50_ms, cell: (row) => duration(row.entered.p50_ms) },
  { key: "p95", name: "p95", sort: (row) => row.entered.p95_ms, cell: (row) => duration(row.entered.p95_ms) },
  { key: "llm", name: "LLM calls", sort: (row) => row.called.llm ?? 0, cell: (row) => compact(row.called.llm ?? 0) },
  {
    key: "tool",
    name: "Tool calls",
    sort: (row) => row.called.tool ?? 0,
    cell: (row) => compact(row.called.tool ?? 0),
  },
  {
    key: "agent",
    name: "Delegates",
    sort: (row) => row.called.agent ?? 0,
    cell: (row) => compact(row.called.agent ?? 0),
  },
  {
    key: "cost",
    name: "Own cost",
    sort: (row) => cost(row.name),
    cell: (row) => (
      <Link to="/costs" search={{ agent: [row.name], by: "model" }} title="By model">
        {usd(cost(row.name))}
      </Link>
    ),
  },
  { key: "last", name: "Last", sort: (row) => row.entered.last_at, cell: (row) => <Ago at={row.entered.last_at} /> },
];

export const WAYS: Column<AgentEdge>[] = [
  {
    key: "caller",
    name: "Caller",
    left: true,
    cell: (row) =>
      row.caller ? (
        <Link to="/agents/agent" search={(before) => ({ ...before, name: row.caller ?? "" })}>
          {row.caller}
        </Link>
      ) : (
        <span className="faint">outside</span>
      ),
  },
  {
    key: "callee",
    name: "Called",
    left: true,
    wide: true,
    cell: (row) => (
      <span style={{ display: "flex", gap: 8, alignItems: "center", minWidth: 0 }}>
        <KindTile kind={STEP_KINDS.includes(row.kind as StepKind) ? (row.kind as StepKind) : "other"} />
        <span className="cut" title={row.callee}>
          {row.callee}
        </span>
      </span>
    ),
  },
  { key: "calls", name: "Calls", sort: (row) => row.calls, cell: (row) => compact(row.calls) },
  {
    key: "errors",
    name: "Failed",
    cell: (row) => failed(row.errors, row.calls),
    tone: failedTone,
  },
  { key: "mean", name: "Mean", roomy: true, cell: (row) => duration(row.mean_ms) },
  { key: "p50", name: "p50", cell: (row) => duration(row.p50_ms) },
  { key: "p95", name: "p95", cell: (row) => duration(row.p95_ms) },
];
