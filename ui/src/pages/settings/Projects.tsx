/** Projects, by what the store holds of each. */
import { useQuery } from "@tanstack/react-query";
import { meQuery, storeQuery } from "@/api/settings";
import { bytes, compact } from "@/lib/format";
import { BoardPanel, type Column, Figure, Figures, Grid, Table } from "@/ui/Board";
import { ErrorState, SkeletonRows } from "@/ui/States";
import { Ago } from "@/ui/Time";

interface Held {
  project: string;
  rows: Record<string, number>;
  bytes: number;
  oldest: string | null;
  newest: string | null;
}

const COLUMNS: Column<Held>[] = [
  { key: "project", name: "Project", left: true, wide: true, cell: (row) => row.project },
  ...(["runs", "spans", "logs", "samples"] as const).map(
    (table): Column<Held> => ({
      key: table,
      name: table[0]!.toUpperCase() + table.slice(1),
      cell: (row) => compact(row.rows[table] ?? 0),
    }),
  ),
  { key: "bytes", name: "On disk", cell: (row) => bytes(row.bytes) },
  { key: "oldest", name: "Oldest", cell: (row) => <Ago at={row.oldest} /> },
  { key: "newest", name: "Newest", cell: (row) => <Ago at={row.newest} /> },
];

export function Projects() {
  const me = useQuery(meQuery);
  const store = useQuery(storeQuery);
  const projects = new Map<string, Held>();
  for (const table of store.data?.tables ?? []) {
    const one = projects.get(table.project) ?? {
      project: table.project,
      rows: {},
      bytes: 0,
      oldest: null,
      newest: null,
    };
    one.rows[table.table] = (one.rows[table.table] ?? 0) + table.rows;
    one.bytes += table.bytes;
    if (table.oldest && (!one.oldest || table.oldest < one.oldest)) one.oldest = table.oldest;
    if (table.newest && (!one.newest || table.newest > one.newest)) one.newest = table.newest;
    projects.set(table.project, one);
  }
  return (
    <>
      <Figures label="Who you are">
        <Figure
          name="You are"
          value={me.data?.who ?? "–"}
          note={me.data && !me.data.closed ? "nothing asks for credentials" : ""}
        />
        <Figure
          name="Project"
          value={me.data?.project ?? "–"}
          note={me.data ? `you may ${me.data.rights.join(", ")}` : ""}
        />
      </Figures>
      <Grid>
        <BoardPanel
          title="Projects"
          about="A project is there once a key of it was made or telemetry of it arrived; nobody sees another's. What has not been written into files yet is not in these figures."
        >
          {store.isPending ? (
            <SkeletonRows rows={3} />
          ) : store.isError ? (
            <ErrorState error={store.error} what="what the store holds" onRetry={() => void store.refetch()} />
          ) : (
            <Table
              label="Projects"
              columns={COLUMNS}
              rows={[...projects.values()].sort((one, other) => one.project.localeCompare(other.project))}
              rowKey={(row) => row.project}
              empty="Nothing was written into files yet."
            />
          )}
        </BoardPanel>
      </Grid>
    </>
  );
}
