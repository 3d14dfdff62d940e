/** One agent: how it does, what it calls and who calls it, its versions with what changed between them. */

import { Button } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { IconChartBar, IconRoute } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { agentChangesQuery, agentsQuery, sqlQuery } from "@/api/fleet";
import { costsQuery, MONEY_REFRESH_MS } from "@/api/money";
import type { Change } from "@/api/types";
import { type AgentSearch, ends, FLEET_FROM, type Version, versions, versionsSql } from "@/lib/fleet";
import { shownWays } from "@/lib/fleetGraph";
import { compact, duration, plural, usd } from "@/lib/format";
import { fixed } from "@/lib/locale";
import { BrakeStrip } from "@/pages/incident/BrakeStrip";
import { BoardPage, BoardPanel, type Column, Figure, Figures, Grid, Table } from "@/ui/Board";
import { ErrorState, SkeletonRows } from "@/ui/States";
import { Ago } from "@/ui/Time";
import { TimeRange } from "@/ui/TimeRange";
import { useNow } from "@/ui/useNow";
import { useTitle } from "@/ui/useTitle";
import { failedTone, WAYS, wayKey } from "./AgentsPage";
import { Changes } from "./Changes";
import { Graph } from "./Graph";

const route = getRouteApi("/agents/agent");

export function AgentPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { name } = search;
  useTitle(name);
  const now = useNow();
  const { from, to } = ends(search.from ?? FLEET_FROM, search.to, now);
  const refetchInterval = search.to ? (false as const) : MONEY_REFRESH_MS;
  const query = useQuery({
    ...agentsQuery({ from, to, ...(search.environment?.[0] ? { environment: search.environment[0] } : {}) }),
    refetchInterval,
  });
  const cost = useQuery({ ...costsQuery({ by: "agent", from, to }), refetchInterval });
  const found = useQuery({ ...sqlQuery(versionsSql(name, { from, to })), refetchInterval });
  const narrow = useMediaQuery("(max-width: 760px)", undefined, { getInitialValueInEffect: false });
  const list = useMemo(() => versions(found.data?.rows ?? []), [found.data]);
  const change = (more: Partial<AgentSearch>) =>
    void navigate({ search: (before) => ({ ...before, ...more }), replace: true });
  const agent = query.data?.agents.find((each) => each.name === name);
  const entered = agent?.entered;
  const money = cost.data?.rows.find((row) => row.by[0] === name);
  const ways = useMemo(() => shownWays(query.data?.edges ?? [], "all", name), [query.data, name]);
  const edges = (query.data?.edges ?? []).filter(
    (edge) => edge.caller === name || (edge.kind === "agent" && edge.callee === name),
  );
  const chosen = list.find((each) => each.version === search.version?.[0]);
  const known = query.data !== undefined;
  /** A number once it is known: what is still asked for is no dash, and what failed no zero. */
  const told = (asked: { isPending: boolean }, value: () => string) => (asked.isPending ? "…" : value());
  const failure = <ErrorState error={query.error} what="its calls" onRetry={() => void query.refetch()} />;
  const at = chosen ? list.indexOf(chosen) : -1;
  const against = list.find((each) => each.version === search.against) ?? list[at + 1];

  return (
    <BoardPage
      title={name}
      note={<Link to="/agents">All agents</Link>}
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
      <div style={{ display: "flex", flexWrap: "wrap", gap: 8, marginBottom: 12 }}>
        <Button
          variant="default"
          size="compact-sm"
          leftSection={<IconRoute size={14} stroke={1.8} />}
          renderRoot={(props) => (
            <Link {...props} to="/runs" search={{ agent: [name], from: search.from, to: search.to }} />
          )}
        >
          Its runs
        </Button>
        <Button
          variant="default"
          size="compact-sm"
          leftSection={<IconChartBar size={14} stroke={1.8} />}
          renderRoot={(props) => (
            <Link {...props} to="/overview" search={{ agent: [name], from: search.from, to: search.to }} />
          )}
        >
          Its charts
        </Button>
      </div>
      <BrakeStrip agent={name} />
      <Figures label={`Figures of ${name}`}>
        <Figure
          name="Entered"
          value={told(query, () => compact(entered?.calls))}
          note={agent ? `leads ${plural(agent.runs, "run")}` : ""}
        />
        <Figure
          name="Failed"
          value={told(query, () =>
            entered && entered.calls > 0 ? `${fixed((entered.errors / entered.calls) * 100, 1)} %` : "–",
          )}
          tone={entered && failedTone(entered)}
          note={entered ? `${compact(entered.errors)} times` : ""}
        />
        <Figure
          name="Duration p95"
          value={told(query, () => duration(entered?.p95_ms))}
          note={entered ? `p50 ${duration(entered.p50_ms)}` : ""}
        />
        <Figure
          name="Own cost"
          value={
            <Link
              to="/costs"
              search={{ agent: [name], by: "user", from: search.from, to: search.to }}
              title="Who spends it"
            >
              {told(cost, () => usd(money?.cost_usd))}
            </Link>
          }
          note={money?.delegated_usd ? `${usd(money.delegated_usd)} delegated` : "of its own calls"}
        />
        <Figure
          name="LLM calls"
          value={told(query, () => (known ? compact(agent?.called.llm ?? 0) : "–"))}
          note={known ? `and ${compact(agent?.called.tool ?? 0)} of tools` : ""}
        />
      </Figures>
      <Grid>
        <BoardPanel
          title="Versions"
          about="Runs in which the agent takes part, by the version they name. Choose one to see what changed in its prompt, tools and model against the version before."
        >
          {found.isPending ? (
            <SkeletonRows rows={3} />
          ) : found.isError ? (
            <ErrorState error={found.error} what="the versions" onRetry={() => void found.refetch()} />
          ) : (
            <Table
              label="Versions"
              columns={columns(list, name)}
              rows={list}
              rowKey={(row) => row.version}
              selected={(row) => row === chosen}
              empty="No run of it in this time."
            />
          )}
        </BoardPanel>
        {chosen && against && (
          <Changes
            agent={name}
            newer={chosen}
            older={against}
            others={list}
            onAgainst={(version) => change({ against: version })}
          />
        )}
        <Seen agent={name} range={{ from, to }} />
        {/* A graph of many columns says nothing on a phone; the table has all of it. */}
        {!narrow && (
          <BoardPanel title="What it calls, and who calls it" about="Over all settled runs of the time.">
            {query.isPending ? <SkeletonRows rows={5} /> : known ? <Graph ways={ways} /> : failure}
          </BoardPanel>
        )}
        <BoardPanel title="Calls">
          {query.isPending ? (
            <SkeletonRows rows={5} />
          ) : known ? (
            <Table
              label="Calls"
              columns={WAYS}
              rows={edges}
              rowKey={wayKey}
              sort="-calls"
              empty="It called nothing in this time."
            />
          ) : (
            failure
          )}
        </BoardPanel>
      </Grid>
    </BoardPage>
  );
}

const SEEN: Column<Change>[] = [
  { key: "at", name: "When", left: true, cell: (row) => <Ago at={row.at} /> },
  { key: "kind", name: "What", left: true, cell: (row) => row.kind.replaceAll("_", " ") },
  { key: "title", name: "Change", left: true, wide: true, cell: (row) => <span title={row.title}>{row.title}</span> },
  {
    key: "source",
    name: "Known",
    left: true,
    cell: (row) => (row.source === "told" ? `told by ${row.by}` : "seen in a run"),
  },
  {
    key: "run",
    name: "Run",
    silent: true,
    cell: (row) =>
      row.trace_id ? (
        <Link to="/runs/$traceId" params={{ traceId: row.trace_id }}>
          first run
        </Link>
      ) : null,
  },
];

/** Changes that name the agent, or none. */
function Seen({ agent, range }: { agent: string; range: { from: string; to: string } }) {
  const { data, isPending, isError, error, refetch } = useQuery(agentChangesQuery(agent, range));
  return (
    <BoardPanel
      title="Changes"
      about="Told by a pipeline, or seen: the first run with another version, model, prompt or set of tools than before."
    >
      {isPending ? (
        <SkeletonRows rows={2} />
      ) : isError ? (
        <ErrorState error={error} what="the changes" onRetry={() => void refetch()} />
      ) : (
        <Table
          label="Changes"
          columns={SEEN}
          rows={data.changes}
          rowKey={(row) => row.id}
          empty="No change was told or seen in this time."
        />
      )}
    </BoardPanel>
  );
}

/** A number with how much it moved against the version before. */
function Moved({ now, before, children }: { now: number | null; before: number | null | undefined; children: string }) {
  const by = now != null && before ? now / before - 1 : 0;
  return (
    <>
      {Math.abs(by) >= 0.1 && (
        <span className="faint" title="Against the version before">
          {by > 0 ? "▲" : "▼"} {fixed(Math.abs(by * 100), 0)} %{" "}
        </span>
      )}
      {children}
    </>
  );
}

function columns(list: Version[], agent: string): Column<Version>[] {
  const before = (row: Version) => list[list.indexOf(row) + 1];
  const share = (row: Version | undefined) => (row && row.runs > 0 ? row.failed / row.runs : null);
  return [
    {
      key: "version",
      name: "Version",
      left: true,
      wide: true,
      cell: (row) =>
        before(row) ? (
          <Link
            to="/agents/agent"
            search={(now) => ({ ...now, name: agent, version: [row.version], against: undefined })}
            className="cut"
            title="What changed in it"
          >
            {row.version || "not named"}
          </Link>
        ) : (
          row.version || "not named"
        ),
    },
    {
      key: "runs",
      name: "Runs",
      cell: (row) => (
        <Link
          to="/runs"
          search={(now) => ({
            agent: [agent],
            ...(row.version ? { version: [row.version] } : {}),
            from: now.from,
            to: now.to,
          })}
        >
          {compact(row.runs)}
        </Link>
      ),
    },
    {
      key: "failed",
      name: "Failed",
      cell: (row) => `${fixed((share(row) ?? 0) * 100, 1)} %`,
      tone: (row) => ((share(row) ?? 0) > Math.max(0.02, 1.5 * (share(before(row)) ?? 0)) ? "bad" : undefined),
    },
    {
      key: "p95",
      name: "p95",
      cell: (row) => (
        <Moved now={row.p95} before={before(row)?.p95}>
          {duration(row.p95)}
        </Moved>
      ),
    },
    {
      key: "tokens",
      name: "Tokens a run",
      cell: (row) => (
        <Moved now={row.tokens} before={before(row)?.tokens}>
          {compact(row.tokens)}
        </Moved>
      ),
    },
    {
      key: "cost",
      name: "Cost a run",
      cell: (row) => (
        <Moved now={row.cost} before={before(row)?.cost}>
          {usd(row.cost)}
        </Moved>
      ),
    },
    { key: "steps", name: "Steps a run", cell: (row) => (row.steps === null ? "–" : fixed(row.steps, 1)) },
    { key: "first", name: "First", cell: (row) => <Ago at={row.first} /> },
    { key: "last", name: "Last", cell: (row) => <Ago at={row.last} /> },
  ];
}
