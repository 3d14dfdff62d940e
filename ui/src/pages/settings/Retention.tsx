/** How long things are kept, what goes next, and what stays whatever happens. */
import { useQuery } from "@tanstack/react-query";
import { retentionQuery } from "@/api/settings";
import type { RetentionAnswer } from "@/api/types";
import { compact } from "@/lib/format";
import { span } from "@/lib/settings";
import { BoardPanel, type Column, Grid, Nothing, Table } from "@/ui/Board";
import { ErrorState, SkeletonRows } from "@/ui/States";
import { Ago } from "@/ui/Time";
import classes from "./Settings.module.css";

type Layer = RetentionAnswer["layers"][number];
type Hold = RetentionAnswer["holds"][number];
type Derived = RetentionAnswer["derived"][number];

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

const DERIVED: Column<Derived>[] = [
  { key: "what", name: "What", left: true, cell: (row) => row.what },
  { key: "kept", name: "Kept", cell: (row) => span(row.keep_seconds) },
  { key: "by", name: "Set by", left: true, wide: true, cell: (row) => <SetBy words={row.set_by} /> },
];

/** The option is code, what follows it are words: `--retention audit=…; entries lose their words`. */
function SetBy({ words }: { words: string }) {
  const option = /^--[^;]+/.exec(words)?.[0] ?? "";
  return (
    <span className={classes.words}>
      {option && <code className="mono">{option}</code>}
      {words.slice(option.length)}
    </span>
  );
}

const HOLDS: Column<Hold>[] = [
  { key: "what", name: "What", left: true, wide: true, cell: (row) => `${row.what} ${row.value}` },
  { key: "why", name: "Why", left: true, cell: (row) => row.reason },
  { key: "by", name: "By", left: true, cell: (row) => row.by },
  { key: "at", name: "Since", cell: (row) => <Ago at={row.at} /> },
];

export function Retention() {
  const { data, isPending, isError, error, refetch } = useQuery(retentionQuery);
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
          rows={data.layers}
          rowKey={(row) => `${row.project}\n${row.layer}`}
          empty={
            <Nothing>
              <p>
                Everything is kept for ever. To change that, start the server with{" "}
                <code className="mono">--retention spans=90d,bodies=30d</code>, for example.
              </p>
            </Nothing>
          }
        />
      </BoardPanel>
      <BoardPanel title="What is derived from it" span={7}>
        <Table label="Retention of what is derived" columns={DERIVED} rows={data.derived} rowKey={(row) => row.what} />
      </BoardPanel>
      <BoardPanel title="Legal holds" about="What is under a hold stays, whatever retention and erasure say." span={5}>
        <Table
          label="Legal holds"
          columns={HOLDS}
          rows={data.holds}
          rowKey={(row) => String(row.id)}
          empty="Nothing is under a hold."
        />
      </BoardPanel>
    </Grid>
  );
}
