/** Dashboards of the project: a new one, one of Grafana's, or those there are. */
import { Button, FileButton, Modal, Textarea } from "@mantine/core";
import { IconFileImport, IconLayoutGrid, IconPlus } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { createDashboard, dashboardsQuery } from "@/api/dashboards";
import type { DashboardInfo, DashboardSpec } from "@/api/types";
import { EMPTY, SAMPLE } from "@/lib/dashboard";
import { count, plural } from "@/lib/format";
import { type Imported, importDashboard } from "@/lib/grafana";
import { BoardPage, BoardPanel, type Column, Grid, Table } from "@/ui/Board";
import { Empty, ErrorState, SkeletonRows } from "@/ui/States";
import { Ago } from "@/ui/Time";
import { useTitle } from "@/ui/useTitle";
import classes from "./Dashboards.module.css";

const COLUMNS: Column<DashboardInfo>[] = [
  {
    key: "title",
    name: "Dashboard",
    left: true,
    wide: true,
    cell: (row) => (
      <Link to="/dashboards/$id" params={{ id: row.id }} className="cut" title={row.description || row.title}>
        {row.title}
      </Link>
    ),
  },
  { key: "panels", name: "Panels", cell: (row) => count(row.panels) },
  { key: "by", name: "Changed by", left: true, cell: (row) => row.updated_by },
  { key: "at", name: "Changed", cell: (row) => <Ago at={row.updated_at} /> },
];

export function DashboardsPage() {
  useTitle("Dashboards");
  const query = useQuery(dashboardsQuery);
  const client = useQueryClient();
  const navigate = useNavigate();
  const [importing, setImporting] = useState(false);
  const make = useMutation({
    mutationFn: createDashboard,
    onSuccess: (made) => {
      void client.invalidateQueries({ queryKey: ["dashboards"] });
      void navigate({
        to: "/dashboards/$id",
        params: { id: made.id },
        search: made.spec.panels?.length ? {} : { edit: "yes" },
      });
    },
  });
  const buttons = (
    <>
      <Button
        variant="default"
        leftSection={<IconFileImport size={15} stroke={1.8} />}
        onClick={() => setImporting(true)}
      >
        Import
      </Button>
      <Button
        leftSection={<IconPlus size={15} stroke={2} />}
        loading={make.isPending}
        onClick={() => make.mutate(EMPTY)}
      >
        New
      </Button>
    </>
  );
  return (
    <BoardPage title="Dashboards" tools={buttons}>
      {make.isError && (
        <p role="alert" data-tone="bad">
          {make.error.message}
        </p>
      )}
      {query.isPending ? (
        <SkeletonRows rows={6} />
      ) : query.isError ? (
        <ErrorState error={query.error} what="the dashboards" onRetry={() => void query.refetch()} />
      ) : query.data.dashboards.length === 0 ? (
        <Empty
          icon={<IconLayoutGrid size={26} stroke={1.4} aria-hidden />}
          title="No dashboard yet"
          action={
            <Button variant="default" loading={make.isPending} onClick={() => make.mutate(SAMPLE)}>
              Begin with one of ours
            </Button>
          }
        >
          Panels ask PromQL or SQL, are arranged by hand, and are kept as JSON. A dashboard of Grafana can be imported
          as it is exported.
        </Empty>
      ) : (
        <Grid>
          <BoardPanel title={plural(query.data.dashboards.length, "dashboard")}>
            <Table label="Dashboards" columns={COLUMNS} rows={query.data.dashboards} rowKey={(row) => row.id} />
          </BoardPanel>
        </Grid>
      )}
      <Modal
        opened={importing}
        onClose={() => setImporting(false)}
        title="Import a dashboard"
        size="lg"
        closeButtonProps={{ "aria-label": "Close" }}
      >
        <Import
          pending={make.isPending}
          onImport={(spec) => {
            setImporting(false);
            make.mutate(spec);
          }}
        />
      </Modal>
    </BoardPage>
  );
}

function Import({ pending, onImport }: { pending: boolean; onImport: (spec: DashboardSpec) => void }) {
  const [text, setText] = useState("");
  let read: Imported | undefined;
  let wrong = "";
  if (text.trim() !== "") {
    try {
      read = importDashboard(text);
    } catch (error) {
      wrong = error instanceof Error ? error.message : String(error);
    }
  }
  return (
    <div className={classes.form}>
      <p className="muted">
        JSON of a dashboard: exported here, or by Grafana (Share, Export). Read are stat, time series, table, bar chart,
        heatmap, gauge and text panels with queries in PromQL, and variables by label_values.
      </p>
      <Textarea
        className={classes.query}
        label="The JSON"
        minRows={8}
        maxRows={16}
        autosize
        spellCheck={false}
        value={text}
        error={wrong || undefined}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      {read && (
        <div aria-live="polite">
          <p>
            <strong>{read.spec.title}</strong>, {plural(read.spec.panels?.length ?? 0, "panel")}
          </p>
          {read.left.length > 0 && (
            <>
              <p data-tone="warn">Left out:</p>
              <ul className={classes.left}>
                {read.left.map((line) => (
                  <li key={line}>{line}</li>
                ))}
              </ul>
            </>
          )}
        </div>
      )}
      <div className={classes.actions}>
        <FileButton
          accept="application/json,.json"
          onChange={(file) => void file?.text().then(setText)}
          inputProps={{ "aria-label": "File" }}
        >
          {(props) => (
            <Button variant="default" {...props}>
              From a file
            </Button>
          )}
        </FileButton>
        <Button disabled={!read} loading={pending} onClick={() => read && onImport(read.spec)}>
          Import
        </Button>
      </div>
    </div>
  );
}
