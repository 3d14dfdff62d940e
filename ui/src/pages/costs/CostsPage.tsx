/** Who spends what: costs by whatever key, over time, beside what is allowed and what it will come to. */

import { Button, CloseButton, Select } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { costsQuery, forecastQuery, MONEY_REFRESH_MS } from "@/api/money";
import { inProject } from "@/api/project";
import {
  asRows,
  COST_KEYS,
  COSTS_FROM,
  COSTS_ORDER,
  type CostKey,
  type CostsSearch,
  costBuckets,
  costFilters,
  costRange,
  dearest,
  runsOf,
} from "@/lib/costs";
import { compact, count, shortId, usd } from "@/lib/format";
import { fixed } from "@/lib/locale";
import { byKey, courses, rangeMs, type Series } from "@/lib/series";
import { Legend } from "@/pages/overview/Legend";
import { BoardPage, BoardPanel, board, type Column, Figure, Figures, Grid, Meter, Nothing, Table } from "@/ui/Board";
import { ChartPending } from "@/ui/chart/ChartPending";
import { TimeChart } from "@/ui/chart/TimeChart";
import { Spark } from "@/ui/Spark";
import { ErrorState, SkeletonRows } from "@/ui/States";
import { TimeRange } from "@/ui/TimeRange";
import { useNow } from "@/ui/useNow";
import { useTitle } from "@/ui/useTitle";
import { ZoomOut } from "@/ui/ZoomOut";
import { Budgets, Passed } from "./Budgets";
import { ServiceLevels } from "./ServiceLevels";
import { Unpriced, WhatIf } from "./WhatIf";

const route = getRouteApi("/costs");

export function CostsPage() {
  useTitle("Costs");
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const now = useNow();
  const by = search.by ?? (search.run ? "model" : "agent");
  // The hour in which now lies; so that questions change with the hour and not with each tick.
  const hour = Math.ceil(now / 3_600_000) * 3_600_000;
  const range = useMemo(() => costRange(search, hour), [search, hour]);
  const time = useMemo(() => costBuckets(range), [range]);
  const filters = costFilters(search);
  const asked = { ...filters, from: range.from, to: range.to };
  const refetchInterval = search.to ? (false as const) : MONEY_REFRESH_MS;
  const rows = useQuery({ ...costsQuery({ ...asked, by }), refetchInterval });
  const overTime = useQuery({
    ...costsQuery({ ...asked, by, step: range.stepMs < 86_400_000 ? "hour" : "day" }),
    refetchInterval,
  });
  const forecast = useQuery({ ...forecastQuery, refetchInterval: MONEY_REFRESH_MS });
  const change = useCallback(
    (more: Partial<CostsSearch>) => void navigate({ search: (before) => ({ ...before, ...more }), replace: true }),
    [navigate],
  );
  const total = rows.data?.total;
  // What is to come is reckoned for the project alone.
  const whole = Object.keys(filters).length > 0 ? ", of the whole project" : "";
  const series = useMemo(() => byKey(asRows(overTime.data?.rows ?? []), time), [overTime.data, time]);
  const lines = useMemo(() => courses(asRows(overTime.data?.rows ?? []), time, Date.now()), [overTime.data, time]);
  const open = useCallback(
    (from: number, to: number, point?: Series) => {
      const ends = { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
      const runs = point?.key === undefined ? undefined : runsOf(search, by, point.key || null, ends);
      void navigate({ to: "/runs", search: runs ?? dearest(search, ends) });
    },
    [navigate, by, search],
  );
  const stretch = useCallback(
    (from: number, to: number) => change({ from: new Date(from).toISOString(), to: new Date(to).toISOString() }),
    [change],
  );

  return (
    <BoardPage
      title="Costs"
      tools={
        <>
          {search.to && (
            <ZoomOut ends={rangeMs(search.from ?? COSTS_FROM, search.to, Date.now())} onStretch={stretch} />
          )}
          <TimeRange
            exact
            bounded
            from={search.from ?? COSTS_FROM}
            to={search.to}
            onChange={(from, to) => change({ from: from === COSTS_FROM && !to ? undefined : from, to })}
          />
        </>
      }
    >
      <Filters search={search} onChange={change} />
      <Figures label="Money">
        <Figure
          name="Spent"
          value={usd(total?.cost_usd)}
          note={
            !total
              ? unknown(rows)
              : total.calls === 0
                ? "no calls"
                : `${compact(total.calls)} calls, ${usd(total.cost_usd / total.calls)} each`
          }
        />
        <Figure
          name="Today will come to"
          value={usd(forecast.data?.day_usd)}
          note={forecast.data ? `${usd(forecast.data.today_usd)} so far (UTC)${whole}` : unknown(forecast)}
        />
        <Figure
          name="The month will come to"
          value={usd(forecast.data?.month_usd)}
          note={
            !forecast.data
              ? unknown(forecast)
              : forecast.data.basis_days === 0
                ? `from the hours since the first spending${whole}`
                : `${usd(forecast.data.month_to_date_usd)} so far${whole}`
          }
        />
        <Figure
          name="Tokens"
          value={compact(total ? total.input_tokens + total.output_tokens : null)}
          note={
            total && total.input_tokens > 0
              ? `${percent(total.cache_read_tokens, total.input_tokens)} of the input from a cache`
              : ""
          }
        />
        <Figure
          name="Without a price"
          value={total ? percent(total.unpriced_tokens, total.input_tokens + total.output_tokens) : "–"}
          tone={total && total.unpriced_tokens > 0 ? "warn" : undefined}
          note={
            !total
              ? unknown(rows)
              : total.unpriced_tokens > 0
                ? `${compact(total.unpriced_tokens)} tokens are missing in the sum`
                : total.calls > 0
                  ? "every token has one"
                  : "no tokens"
          }
        />
      </Figures>
      <Grid>
        <BoardPanel
          title={`Cost by ${name(by).toLowerCase()}`}
          about="What calls cost, in the hour in which they began. Drag to zoom; a click leads to the runs."
          span={12}
          tools={<By by={by} onChange={(next) => change({ by: next, order: undefined })} />}
        >
          {overTime.isError ? (
            <ErrorState error={overTime.error} what="the costs" onRetry={() => void overTime.refetch()} />
          ) : overTime.isPending ? (
            <ChartPending />
          ) : series.length === 0 ? (
            <Nothing>
              Nothing was spent in this time. Costs are counted once a run has settled, half a minute after its last
              span.
            </Nothing>
          ) : (
            <>
              <TimeChart
                label={`Cost by ${name(by).toLowerCase()} over time`}
                time={time}
                series={series}
                kind="bars"
                format={usd}
                onStretch={stretch}
                onPoint={open}
              />
              <Legend series={series} />
            </>
          )}
        </BoardPanel>
        <BoardPanel
          title={search.run ? "Ledger of the run" : `Who spends it`}
          about="From the ledger: each call once, whatever told it twice. Delegated is what agents below an agent spent."
          tools={
            <Button
              component="a"
              href={inProject(`/api/v1/costs.csv?${new URLSearchParams({ ...asked, by })}`)}
              download="costs.csv"
              variant="default"
              size="compact-xs"
              leftSection={<IconDownload size={13} stroke={1.8} />}
            >
              CSV
            </Button>
          }
        >
          {rows.isPending ? (
            <SkeletonRows rows={6} />
          ) : rows.isError ? (
            <ErrorState error={rows.error} what="the costs" onRetry={() => void rows.refetch()} />
          ) : (
            <Table
              label={`Costs by ${name(by).toLowerCase()}`}
              columns={columns(search, by, range, rows.data, lines, change)}
              rows={rows.data.rows}
              rowKey={(row) => row.by.join("\n")}
              sort={search.order ?? COSTS_ORDER}
              onSort={(sort) => change({ order: sort === COSTS_ORDER ? undefined : sort })}
              empty="Nothing was spent in this time."
            />
          )}
          {rows.data?.entries_since && (
            <p className={board.note}>
              Single runs, sessions and users are known for 90 days; sums by agent and model for ever.
            </p>
          )}
        </BoardPanel>
        <Budgets />
        <Passed />
        <ServiceLevels />
        <WhatIf
          asked={{ from: range.from, to: range.to }}
          instead={search.instead}
          onChange={(instead) => change({ instead })}
        />
        <Unpriced since={range.from} />
      </Grid>
    </BoardPage>
  );
}

/** Of a number that is not there: whether it comes. */
const unknown = ({ isError }: { isError: boolean }) => (isError ? "not known: the server did not say" : "…");
const name = (key: CostKey) => COST_KEYS.find(([each]) => each === key)?.[1] ?? key;
const percent = (part: number, whole: number) =>
  whole > 0 ? `${fixed((part / whole) * 100, part > 0 && part / whole < 0.1 ? 1 : 0)} %` : "–";

function By({ by, onChange }: { by: CostKey; onChange: (by: CostKey) => void }) {
  return (
    <Select
      size="xs"
      w={150}
      aria-label="Grouped by"
      allowDeselect={false}
      value={by}
      onChange={(value) => value && onChange(value as CostKey)}
      data={COST_KEYS.map(([value, label]) => ({
        value,
        label: value === "source" ? label : `By ${label.toLowerCase()}`,
      }))}
    />
  );
}

function Filters({ search, onChange }: { search: CostsSearch; onChange: (more: Partial<CostsSearch>) => void }) {
  const set = COST_KEYS.filter(([key]) => search[key]);
  if (set.length === 0) return null;
  return (
    <div className={board.tools}>
      {set.map(([key, label]) => (
        <span key={key} className={board.chip}>
          {label.toLowerCase()}{" "}
          {key === "run" ? (
            <Link to="/runs/$traceId" params={{ traceId: search[key]![0]! }}>
              {shortId(search[key]![0]!)}
            </Link>
          ) : (
            search[key]![0]
          )}
          <CloseButton
            size={24}
            iconSize={12}
            aria-label={`Remove the filter ${label} ${search[key]![0]}`}
            onClick={() => onChange({ [key]: undefined })}
          />
        </span>
      ))}
    </div>
  );
}

interface CostRow {
  by: (string | null)[];
  calls: number;
  input_tokens: number;
  output_tokens: number;
  cache_read_tokens: number;
  unpriced_tokens: number;
  cost_usd: number;
  estimated_usd: number;
  delegated_usd?: number | null;
}

function columns(
  search: CostsSearch,
  by: CostKey,
  range: { from: string; to: string },
  { rows, total: { cost_usd: total } }: { rows: CostRow[]; total: { cost_usd: number } },
  lines: Map<string, (number | null)[]>,
  filter: (more: Partial<CostsSearch>) => void,
): Column<CostRow>[] {
  const key = (row: CostRow) => row.by[0] ?? null;
  return [
    {
      key: "name",
      name: name(by),
      left: true,
      wide: true,
      sort: key,
      cell: (row) => <Key by={by} value={key(row)} onFilter={filter} />,
    },
    {
      key: "course",
      name: "Over time",
      left: true,
      roomy: true,
      cell: (row) => <Spark values={lines.get(key(row) ?? "")} />,
    },
    {
      key: "share",
      name: "Share",
      cell: (row) => (
        <span style={{ display: "inline-block", width: 70 }}>
          <Meter percent={total > 0 ? (row.cost_usd / total) * 100 : 0} label={percent(row.cost_usd, total)} />
        </span>
      ),
    },
    {
      key: "cost",
      name: "Cost",
      sort: (row) => row.cost_usd,
      cell: (row) => {
        const runs = runsOf(search, by, key(row), range);
        const shown = row.cost_usd === 0 && row.unpriced_tokens > 0 ? "unknown" : usd(row.cost_usd);
        return runs ? (
          <Link to="/runs" search={runs} title="Its runs, the dearest first">
            {shown}
          </Link>
        ) : (
          shown
        );
      },
    },
    // Sums of it are kept by agent alone: under a filter nobody knows it.
    ...(by === "agent" && rows.some((row) => row.delegated_usd != null)
      ? [
          {
            key: "delegated",
            name: "Delegated",
            sort: (row: CostRow) => row.delegated_usd ?? null,
            cell: (row: CostRow) => usd(row.delegated_usd),
          },
        ]
      : []),
    { key: "calls", name: "Calls", sort: (row) => row.calls, cell: (row) => count(row.calls) },
    {
      key: "each",
      name: "A call",
      sort: (row) => (row.calls > 0 ? row.cost_usd / row.calls : null),
      cell: (row) => usd(row.calls > 0 ? row.cost_usd / row.calls : null),
    },
    { key: "input", name: "Tokens in", sort: (row) => row.input_tokens, cell: (row) => compact(row.input_tokens) },
    {
      key: "cached",
      name: "Cached",
      sort: (row) => (row.input_tokens > 0 ? row.cache_read_tokens / row.input_tokens : null),
      cell: (row) => percent(row.cache_read_tokens, row.input_tokens),
    },
    { key: "output", name: "Tokens out", sort: (row) => row.output_tokens, cell: (row) => compact(row.output_tokens) },
    {
      key: "unpriced",
      name: "Unpriced",
      sort: (row) => row.unpriced_tokens,
      cell: (row) => compact(row.unpriced_tokens),
      tone: (row) => (row.unpriced_tokens > 0 ? "warn" : undefined),
    },
  ];
}

/** What a row is about: a click goes deeper. */
function Key({
  by,
  value,
  onFilter,
}: {
  by: CostKey;
  value: string | null;
  onFilter: (more: Partial<CostsSearch>) => void;
}) {
  if (value === null) return <span className="faint">not said</span>;
  if (by === "run")
    return (
      <Link to="/runs/$traceId" params={{ traceId: value }} className="mono cut">
        {value}
      </Link>
    );
  // From an agent one wants its models, from a model its agents.
  const next: CostKey =
    by === "agent" ? "model" : by === "model" ? "agent" : by === "session" || by === "user" ? "run" : "agent";
  return (
    <Link
      to="/costs"
      from="/costs"
      search={(before) => ({ ...before, [by]: [value], by: next })}
      className="cut"
      title={`${value}: by ${name(next).toLowerCase()}`}
      onClick={() => onFilter({ order: undefined })}
    >
      {value}
    </Link>
  );
}
