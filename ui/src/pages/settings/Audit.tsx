/** Who did what: the audit log, newest first, and whether an entry of it was changed or taken out. */
import { Button, SegmentedControl } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { auditCheckQuery, auditQuery } from "@/api/settings";
import type { AuditCheck, AuditEntry } from "@/api/types";
import { absolute, count, plural } from "@/lib/format";
import { BoardPanel, type Column, Grid, Nothing, Table } from "@/ui/Board";
import { ErrorState, SkeletonRows } from "@/ui/States";
import classes from "./Settings.module.css";

const route = getRouteApi("/settings/$section");

const COLUMNS: Column<AuditEntry>[] = [
  { key: "at", name: "When", left: true, cell: (row) => <span className="tnum">{absolute(row.at, "second")}</span> },
  { key: "actor", name: "Who", left: true, cell: (row) => row.actor.replace(/^user:/, "") },
  { key: "action", name: "What", left: true, cell: (row) => <code className="mono">{row.action}</code> },
  { key: "target", name: "To what", left: true, cell: (row) => row.target },
  {
    key: "detail",
    name: "More",
    left: true,
    wide: true,
    cell: (row) => <span title={row.said ?? row.detail}>{row.said ?? row.detail}</span>,
  },
  { key: "seq", name: "Number", cell: (row) => count(row.seq) },
];

export function Audit() {
  const { of = "people" } = route.useSearch();
  const navigate = route.useNavigate();
  const check = useQuery(auditCheckQuery(of));
  return (
    <Grid>
      <BoardPanel
        title="Audit log"
        about="Each entry holds the hash of all before it, so that a changed or missing one is noticed. Entries cannot be removed here; retention may take the oldest."
        tools={
          <SegmentedControl
            size="xs"
            aria-label="Whose deeds"
            value={of}
            onChange={(next) => void navigate({ search: next === "agents" ? { of: "agents" } : {}, replace: true })}
            data={[
              { value: "people", label: "People and keys" },
              { value: "agents", label: "Agents" },
            ]}
          />
        }
      >
        {check.isPending ? (
          <SkeletonRows rows={8} />
        ) : check.data ? (
          <Entries of={of} check={check.data} />
        ) : (
          <ErrorState error={check.error} what="the audit log" onRetry={() => void check.refetch()} />
        )}
      </BoardPanel>
    </Grid>
  );
}

function Entries({ of, check }: { of: "people" | "agents"; check: AuditCheck }) {
  const query = useInfiniteQuery(auditQuery(of, check));
  const entries = query.data?.pages.flatMap((page) => page.entries) ?? [];
  return (
    <>
      <div className={classes.logHead}>
        {/* Of no entries none is changed: that says nothing. */}
        {(check.entries > 0 || !check.ok) && (
          <span data-tone={check.ok ? "good" : "bad"} role={check.ok ? undefined : "alert"}>
            {check.ok
              ? `Whole: ${plural(check.entries, "entry", "entries")} of the server, none changed or taken out`
              : `Not whole: ${check.broken.join("; ")}`}
          </span>
        )}
        {check.emptied > 0 && (
          <span className="faint">{plural(check.emptied, "entry", "entries")} lost their words by retention</span>
        )}
      </div>
      {query.isPending ? (
        <SkeletonRows rows={8} />
      ) : !query.data ? (
        <ErrorState error={query.error} what="the entries" onRetry={() => void query.refetch()} />
      ) : (
        <Table
          label="Audit log"
          columns={COLUMNS}
          rows={entries}
          rowKey={(row) => String(row.seq)}
          empty={
            <Nothing>
              {of === "agents"
                ? "No agent did anything that is written down."
                : "Nobody did anything in this project yet."}
            </Nothing>
          }
        />
      )}
      {query.hasNextPage && (
        <Button
          className={classes.older}
          variant="default"
          loading={query.isFetchingNextPage}
          onClick={() => void query.fetchNextPage()}
        >
          Older entries
        </Button>
      )}
    </>
  );
}
