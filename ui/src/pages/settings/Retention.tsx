/** How long telemetry is kept, and what goes next. */
import { useQuery } from "@tanstack/react-query";
import { storeQuery } from "@/api/settings";
import type { StoreReport } from "@/api/types";
import { compact } from "@/lib/format";
import { span } from "@/lib/settings";
import { BoardPanel, type Column, Grid, Nothing, Table } from "@/ui/Board";
import { ErrorState, SkeletonRows } from "@/ui/States";
import { Ago } from "@/ui/Time";

type Layer = StoreReport["retention"][number];
const LAYERS: Column<Layer>[] = [
  { key: "project", name: "Project", left: true, wide: true, cell: (row) => row.project },
  { key: "layer", name: "Layer", left: true, cell: (row) => row.layer },
  { key: "kept", name: "Kept", cell: (row) => span(row.keep_seconds) },
  {
    key: "next",
    name: "Goes next",
    cell: (row) =>
      row.next ? (
        <>
          {compact(row.next.rows)} rows <Ago at={row.next.at} className="faint" />
        </>
      ) : (
        "nothing"
      ),
  },
  {
    key: "gone",
    name: "Gone",
    cell: (row) =>
      row.dropped ? (
        <>
          {compact(row.dropped.rows)} rows up to <Ago at={row.dropped.at} />
        </>
      ) : (
        "nothing"
      ),
  },
];

export function Retention() {
  const { data, isPending, isError, error, refetch } = useQuery(storeQuery);
  if (isPending) return <SkeletonRows rows={6} />;
  if (isError) return <ErrorState error={error} what="how long things are kept" onRetry={() => void refetch()} />;
  return (
    <Grid>
      <BoardPanel
        title="Telemetry"
        about="By layer: the words of steps may go earlier than the steps. Set with --retention when the server starts."
      >
        <Table
          label="Retention of telemetry"
          columns={LAYERS}
          rows={data.retention}
          rowKey={(row) => `${row.project}\n${row.layer}`}
          empty={
            <Nothing>
              Everything is kept for ever. To change that, start the server with --retention, for example
              spans=90d,bodies=30d.
            </Nothing>
          }
        />
      </BoardPanel>
    </Grid>
  );
}
