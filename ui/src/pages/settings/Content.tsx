/** What of content is kept, and what was removed by that since the server started. */
import { useQuery } from "@tanstack/react-query";
import { policyQuery } from "@/api/settings";
import type { PolicyReport } from "@/api/types";
import { count } from "@/lib/format";
import { BoardPanel, type Column, Grid, Nothing, Table } from "@/ui/Board";
import { ErrorState, SkeletonRows } from "@/ui/States";
import classes from "./Settings.module.css";

type Removed = PolicyReport["removed"][number];

const COLUMNS: Column<Removed>[] = [
  { key: "field", name: "Field", left: true, wide: true, cell: (row) => <code className="mono">{row.field}</code> },
  { key: "environment", name: "Environment", left: true, cell: (row) => row.environment },
  { key: "action", name: "What was done", left: true, cell: (row) => row.action },
  { key: "times", name: "Times", sort: (row) => row.times, cell: (row) => count(row.times) },
];

export function Content() {
  const { data, isPending, isError, error, refetch } = useQuery(policyQuery);
  if (isPending) return <SkeletonRows rows={6} />;
  if (isError) return <ErrorState error={error} what="the content policy" onRetry={() => void refetch()} />;
  return (
    <Grid>
      <BoardPanel
        title="Policy"
        about="It acts once, before anything is written. It is read when the server starts."
        span={5}
      >
        {data.policies.length === 0 ? (
          <Nothing>
            <p>
              No policy: everything is kept as it was sent. A policy says by project, environment and field what becomes
              a preview, a hash or nothing, and looks for cards, keys and addresses. Start the server with{" "}
              <code className="mono">--policy</code> and a file to set one.
            </p>
          </Nothing>
        ) : (
          <ul className={classes.lines}>
            {data.policies.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
        )}
      </BoardPanel>
      <BoardPanel title="What was removed" about="Since the server started, in this project." span={7}>
        <Table
          label="What was removed"
          columns={COLUMNS}
          rows={data.removed}
          rowKey={(row) => `${row.environment}\n${row.field}\n${row.action}`}
          sort="-times"
          empty="Nothing was removed."
        />
      </BoardPanel>
    </Grid>
  );
}
