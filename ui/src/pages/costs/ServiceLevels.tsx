/** What workflows promise of each run, and how they keep it. */

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { slaQuery } from "@/api/money";
import type { SlaWorkflow } from "@/api/types";
import { compact } from "@/lib/format";
import { fixed } from "@/lib/locale";
import { BoardPanel, Chips, type Column, Nothing, Table, type Tone } from "@/ui/Board";
import { ErrorState, SkeletonRows } from "@/ui/States";
import { Ago } from "@/ui/Time";

const share = (value: number | null | undefined) =>
  value == null ? "–" : `${fixed(value * 100, value > 0.9995 || value === 0 ? 0 : 2)} %`;
/** Used up faster than this, somebody is paged. */
const FAST_BURN = 14.4;

const burning = (rate: number | null | undefined): Tone | undefined =>
  rate == null || rate <= 1 ? undefined : rate > FAST_BURN ? "bad" : "warn";

const COLUMNS: Column<SlaWorkflow>[] = [
  {
    key: "workflow",
    name: "Workflow",
    left: true,
    wide: true,
    cell: (row) => (
      <Link to="/runs" search={{ workflow: [row.workflow], from: `${row.days}d` }} className="cut">
        {row.workflow}
      </Link>
    ),
  },
  {
    key: "promises",
    name: "Promises of each run",
    left: true,
    cell: (row) => <Chips of={Object.entries(row.promises).map(([what, how]) => `${what} ${how}`)} />,
  },
  {
    key: "kept",
    name: "Kept",
    cell: (row) => share(row.attainment),
    tone: (row) => (row.attainment == null ? undefined : row.attainment < row.target ? "bad" : "good"),
  },
  { key: "target", name: "Target", cell: (row) => share(row.target) },
  { key: "runs", name: "Runs", cell: (row) => `${compact(row.runs)} in ${row.days} d` },
  {
    key: "left",
    name: "Error budget left",
    cell: (row) => share(row.error_budget_left),
    tone: (row) => (row.error_budget_left == null ? undefined : row.error_budget_left < 0 ? "bad" : undefined),
  },
  ...(["1h", "6h", "3d"] as const).map(
    (window): Column<SlaWorkflow> => ({
      key: window,
      name: `Burn ${window}`,
      cell: (row) => (row.burn_rate[window] == null ? "–" : `${fixed(row.burn_rate[window], 1)}×`),
      tone: (row) => burning(row.burn_rate[window]),
    }),
  ),
  {
    key: "latest",
    name: "Last broken",
    cell: (row) =>
      row.latest[0] ? (
        <Link
          to="/runs/$traceId"
          params={{ traceId: row.latest[0].trace_id }}
          title={row.latest[0].broken.map((one) => `${one.objective}: ${one.was}, promised ${one.promised}`).join("\n")}
        >
          <Ago at={row.latest[0].started_at} />
        </Link>
      ) : (
        "never"
      ),
  },
];

export function ServiceLevels() {
  const { data, isPending, isError, error, refetch } = useQuery(slaQuery);
  return (
    <BoardPanel
      title="Service levels"
      about="A run keeps its promise or does not. Burn is how many times faster than evenly the error budget is used up; at 1 it lasts exactly."
    >
      {isPending ? (
        <SkeletonRows rows={2} />
      ) : isError ? (
        <ErrorState error={error} what="the service levels" onRetry={() => void refetch()} />
      ) : data.workflows.length === 0 ? (
        <Nothing>
          No workflow promises anything. Start the server with --sla and a file that says, for each workflow, how long a
          run may take and what it may cost.
        </Nothing>
      ) : (
        <Table label="Service levels" columns={COLUMNS} rows={data.workflows} rowKey={(row) => row.workflow} />
      )}
    </BoardPanel>
  );
}
