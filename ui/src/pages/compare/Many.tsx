/** More than two runs beside each other: a row each, with what lies far from the middle of them marked. */
import { useQueries } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { runNumbersQuery } from "@/api/compare";
import type { Run } from "@/api/types";
import { comparing, spread } from "@/lib/compare";
import { compact, count, duration, usd } from "@/lib/format";
import { BoardPanel, type Column, Grid, Table, type Tone } from "@/ui/Board";
import { ErrorState, SkeletonRows } from "@/ui/States";
import { StatusMark } from "@/ui/StatusMark";
import { Ago } from "@/ui/Time";

interface Props {
  ids: string[];
  order: string | undefined;
  onOrder: (order: string) => void;
}

interface Amount {
  key: string;
  name: string;
  of: (run: Run) => number | null | undefined;
  say: (value: number | null | undefined) => string;
}

const AMOUNTS: Amount[] = [
  { key: "duration", name: "Duration", of: (run) => run.duration_ms, say: duration },
  { key: "steps", name: "Steps", of: (run) => run.steps, say: compact },
  { key: "rounds", name: "Rounds", of: (run) => run.rounds, say: compact },
  { key: "tools", name: "Tool calls", of: (run) => run.tool_calls, say: compact },
  { key: "errors", name: "Errors", of: (run) => run.errors, say: compact },
  { key: "tokens", name: "Tokens", of: (run) => run.usage.total_tokens, say: compact },
  { key: "cost", name: "Cost", of: (run) => run.cost_usd, say: usd },
];

/** So many times the middle is worth a look. */
const FAR = 2;

export function Many({ ids, order, onOrder }: Props) {
  const answers = useQueries({ queries: ids.map(runNumbersQuery) });
  const failed = answers.find((answer) => answer.isError);
  const runs = answers.flatMap(({ data }) => data ?? []);
  if (runs.length === 0 && !failed) return <SkeletonRows rows={ids.length} />;
  const middles = new Map(AMOUNTS.map(({ key, of }) => [key, spread(runs.map(of))?.middle]));
  const tone = ({ key, of }: Amount, run: Run): Tone | undefined => {
    const [value, middle] = [of(run), middles.get(key)];
    return value != null && middle != null && value > middle * FAR ? "warn" : undefined;
  };
  const columns: Column<Run>[] = [
    {
      key: "run",
      name: "Run",
      left: true,
      wide: true,
      cell: (run) => (
        <span style={{ display: "flex", gap: 8, alignItems: "center", minWidth: 0 }}>
          <StatusMark status={run.status} />
          <Link to="/runs/$traceId" params={{ traceId: run.trace_id }} className="cut" title={run.input_preview ?? ""}>
            {run.agent ?? run.name}
          </Link>
          {/* What the name leaves: it tells runs apart sooner than what was asked. */}
          <span className="faint cut" style={{ flex: "1 1 0" }}>
            {run.input_preview}
          </span>
        </span>
      ),
    },
    { key: "began", name: "Began", sort: (run) => run.started_at, cell: (run) => <Ago at={run.started_at} /> },
    ...AMOUNTS.map((amount) => ({
      key: amount.key,
      name: amount.name,
      sort: amount.of,
      cell: (run: Run) => amount.say(amount.of(run)),
      tone: (run: Run) => tone(amount, run),
    })),
    {
      key: "pair",
      name: "Step by step",
      silent: true,
      cell: (run) =>
        run.trace_id === ids[0] ? (
          <span className="faint">the first</span>
        ) : (
          <Link to="/compare" search={comparing([ids[0]!, run.trace_id])}>
            with the first
          </Link>
        ),
    },
  ];
  return (
    <Grid>
      <BoardPanel
        title="The runs"
        about={`Marked is what is more than ${FAR} times the median of these runs. From each one click leads to its steps beside those of the first.`}
      >
        {failed && <ErrorState error={failed.error} what="one of the runs" onRetry={() => void failed.refetch()} />}
        <Table
          label="The runs"
          columns={columns}
          rows={runs}
          rowKey={(run) => run.trace_id}
          sort={order}
          onSort={onOrder}
        />
      </BoardPanel>
      <BoardPanel
        title="Together"
        span={6}
        about={`Of ${count(runs.length)} runs; what a run does not know is left out.`}
      >
        <Table label="Together" columns={TOGETHER} rows={together(runs)} rowKey={(row) => row.name} />
      </BoardPanel>
    </Grid>
  );
}

interface Row {
  name: string;
  low: string;
  middle: string;
  high: string;
}

const TOGETHER: Column<Row>[] = [
  { key: "name", name: "Number", silent: true, left: true, wide: true, cell: (row) => row.name },
  { key: "low", name: "Lowest", cell: (row) => row.low },
  { key: "middle", name: "Median", cell: (row) => row.middle },
  { key: "high", name: "Highest", cell: (row) => row.high },
];

const together = (runs: Run[]): Row[] =>
  AMOUNTS.map(({ name, of, say }) => {
    const found = spread(runs.map(of));
    return { name, low: say(found?.low), middle: say(found?.middle), high: say(found?.high) };
  });
