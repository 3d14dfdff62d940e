/** Who is told of alerts, and whether a message would arrive. */
import { Button } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { useMutation, useQuery } from "@tanstack/react-query";
import { receiversQuery, testReceiver } from "@/api/settings";
import type { AlertReceiver } from "@/api/types";
import { count } from "@/lib/format";
import { BoardPanel, Chips, type Column, Grid, Nothing, Table } from "@/ui/Board";
import { ErrorState, SkeletonRows } from "@/ui/States";
import classes from "./Settings.module.css";

const COLUMNS: Column<AlertReceiver>[] = [
  { key: "name", name: "Receiver", left: true, cell: (row) => row.name },
  {
    key: "how",
    name: "Told by",
    left: true,
    cell: (row) =>
      row.integrations.length > 0 ? (
        <Chips of={row.integrations.map((each) => each.kind)} />
      ) : (
        <span className="faint">nobody is told</span>
      ),
  },
  {
    key: "routes",
    name: "Of alerts that match",
    left: true,
    wide: true,
    cell: (row) => <Chips of={row.routes.map(routeWords)} />,
  },
  {
    key: "waiting",
    name: "Messages waiting",
    cell: (row) => count(row.waiting),
    tone: (row) => (row.waiting > 0 ? "warn" : undefined),
  },
  {
    key: "test",
    name: "Try",
    silent: true,
    cell: (row) => (row.integrations.length > 0 ? <Try name={row.name} /> : null),
  },
];

/** A route as its conditions: each begins at the root, which has none and takes what no other route does. */
const routeWords = (route: string) => (route === "{}" ? "no other route" : route.replace(/^\{\}\//, ""));

function Try({ name }: { name: string }) {
  const attempt = useMutation({ mutationFn: () => testReceiver(name) });
  const failed = attempt.data?.results.filter((each) => !each.accepted) ?? [];
  return (
    <span className={classes.actions} style={{ alignItems: "center" }}>
      <span aria-live="polite">
        {attempt.isError ? (
          <span data-tone="bad">{attempt.error.message}</span>
        ) : failed.length > 0 ? (
          <span data-tone="bad" title={failed.map((each) => `${each.kind}: ${each.error}`).join("\n")}>
            {failed[0]?.kind}: {failed[0]?.error}
          </span>
        ) : attempt.data ? (
          <span data-tone="good">it was taken</span>
        ) : null}
      </span>
      <Button
        variant="default"
        size="compact-xs"
        aria-label={`Send a test message to ${name}`}
        loading={attempt.isPending}
        onClick={() => attempt.mutate()}
      >
        Test
      </Button>
    </span>
  );
}

export function Receivers() {
  const { data, isPending, isError, error, refetch } = useQuery(receiversQuery);
  const narrow = useMediaQuery("(max-width: 760px)", undefined, { getInitialValueInEffect: false });
  // What one does here stays in sight where the table is wider than the screen.
  const columns = narrow ? [COLUMNS[0]!, COLUMNS.at(-1)!, ...COLUMNS.slice(1, -1)] : COLUMNS;
  if (isPending) return <SkeletonRows rows={5} />;
  if (isError) return <ErrorState error={error} what="the receivers" onRetry={() => void refetch()} />;
  return (
    <Grid>
      <BoardPanel
        title="Receivers"
        about={
          data.file
            ? `From ${data.file}. Addresses and keys are secrets and not shown.`
            : "Set with --alertmanager-config, --slack-webhook or --pagerduty-key when the server starts."
        }
      >
        <Table
          label="Receivers"
          columns={columns}
          rows={data.receivers}
          rowKey={(row) => row.name}
          empty={<Nothing>Nobody is told of alerts: they are only seen here.</Nothing>}
        />
        {data.problems.length > 0 && (
          <ul className={classes.lines} data-tone="warn">
            {data.problems.map((problem) => (
              <li key={problem}>{problem}</li>
            ))}
          </ul>
        )}
      </BoardPanel>
    </Grid>
  );
}
