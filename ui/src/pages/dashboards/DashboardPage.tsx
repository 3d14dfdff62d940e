/** One dashboard: looked at, arranged by hand or by keys, kept, exported. */
import { ActionIcon, Button, Menu, Modal, Select, TextInput } from "@mantine/core";
import { IconDots, IconDownload, IconLayoutGridAdd, IconPencil, IconTrash } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link, useBlocker } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { createDashboard, dashboardQuery, deleteDashboard, labelValuesQuery, putDashboard } from "@/api/dashboards";
import type { Dashboard, DashboardPanel, DashboardSpec, DashboardVariable } from "@/api/types";
import { type DashboardSearch, newPanel, settle, values } from "@/lib/dashboard";
import { buckets, rangeMs, stepFor } from "@/lib/series";
import { BoardPage } from "@/ui/Board";
import { Empty, ErrorState, SkeletonRows } from "@/ui/States";
import { TimeRange } from "@/ui/TimeRange";
import { useNow } from "@/ui/useNow";
import { useTitle } from "@/ui/useTitle";
import { Arranged } from "./Arranged";
import classes from "./Dashboards.module.css";
import { PanelEditor } from "./PanelEditor";

const route = getRouteApi("/dashboards/$id");

const KINDS: [DashboardPanel["kind"], string][] = [
  ["timeseries", "Time series"],
  ["stat", "Number"],
  ["gauge", "Gauge"],
  ["barchart", "Bars"],
  ["table", "Table"],
  ["heatmap", "Heatmap"],
  ["text", "Text"],
];

export function DashboardPage() {
  const { id } = route.useParams();
  const { data, isPending, isError, error, refetch } = useQuery(dashboardQuery(id));
  useTitle(data?.spec.title ?? "Dashboard");
  if (isPending) return <SkeletonRows rows={12} />;
  if (isError) return <ErrorState page error={error} what="the dashboard" onRetry={() => void refetch()} />;
  return <Shown key={id} dashboard={data} />;
}

function Shown({ dashboard }: { dashboard: Dashboard }) {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const client = useQueryClient();
  // What is being arranged; kept on the server only when somebody says so.
  const [draft, setDraft] = useState<DashboardSpec>();
  const [removing, setRemoving] = useState(false);
  const spec = draft ?? dashboard.spec;
  const panels = spec.panels ?? [];
  const editing = search.edit === "yes";
  const change = (more: DashboardSearch) =>
    void navigate({ search: (before) => ({ ...before, ...more }), replace: true });
  const save = useMutation({
    mutationFn: () => putDashboard(dashboard.id, dashboard.revision, spec),
    onSuccess: (kept) => {
      client.setQueryData(dashboardQuery(dashboard.id).queryKey, kept);
      void client.invalidateQueries({ queryKey: ["dashboards"] });
      setDraft(undefined);
      change({ edit: undefined, panel: undefined });
    },
  });
  const copy = useMutation({
    mutationFn: () => createDashboard({ ...spec, title: `${spec.title} (copy)` }),
    onSuccess: (made) => {
      setDraft(undefined);
      void client.invalidateQueries({ queryKey: ["dashboards"] });
      void navigate({ to: "/dashboards/$id", params: { id: made.id }, search: {}, ignoreBlocker: true });
    },
  });
  const remove = useMutation({
    mutationFn: () => deleteDashboard(dashboard.id),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ["dashboards"] });
      void navigate({ to: "/dashboards", search: {}, ignoreBlocker: true });
    },
  });
  useBlocker({
    shouldBlockFn: ({ current, next }) =>
      draft !== undefined &&
      current.pathname !== next.pathname &&
      !window.confirm("Leave without keeping what you changed?"),
    enableBeforeUnload: draft !== undefined,
  });

  const now = useNow();
  const from = search.from ?? spec.from ?? "6h";
  const [start, end] = rangeMs(from, search.to, now);
  const [, stepMs] = stepFor(end - start, 120);
  const [first, last] = [Math.floor(start / stepMs) * stepMs, Math.ceil(end / stepMs) * stepMs];
  const time = useMemo(() => buckets(first, last, stepMs), [first, last, stepMs]);
  const range = useMemo(() => ({ from: first, to: last, stepMs }), [first, last, stepMs]);
  const of = values(spec.variables ?? [], search);
  const view = {
    time,
    range,
    of,
    live: search.to === undefined,
    onStretch: (from: number, to: number) =>
      change({ from: new Date(from).toISOString(), to: new Date(to).toISOString() }),
  };
  const edited = panels.find((panel) => panel.id === search.panel);
  const put = (next: DashboardPanel[]) => setDraft({ ...spec, panels: next });
  const add = (kind: DashboardPanel["kind"]) => {
    const panel = newPanel(panels, kind);
    put(settle([...panels, panel]));
    change({ panel: panel.id });
  };
  const failure = save.error ?? copy.error ?? remove.error;

  return (
    <BoardPage
      title={
        editing ? (
          <TextInput
            aria-label="Title"
            size="xs"
            value={spec.title}
            maxLength={200}
            onChange={(event) => setDraft({ ...spec, title: event.currentTarget.value })}
          />
        ) : (
          spec.title
        )
      }
      note={editing ? undefined : <Link to="/dashboards">All dashboards</Link>}
      tools={
        editing ? (
          <>
            <Menu position="bottom-end">
              <Menu.Target>
                <Button variant="default" leftSection={<IconLayoutGridAdd size={15} stroke={1.8} />}>
                  Add
                </Button>
              </Menu.Target>
              <Menu.Dropdown>
                {KINDS.map(([kind, name]) => (
                  <Menu.Item key={kind} onClick={() => add(kind)}>
                    {name}
                  </Menu.Item>
                ))}
              </Menu.Dropdown>
            </Menu>
            <Button
              variant="default"
              onClick={() => {
                setDraft(undefined);
                change({ edit: undefined, panel: undefined });
              }}
            >
              Cancel
            </Button>
            <Button
              disabled={draft === undefined || spec.title.trim() === ""}
              loading={save.isPending}
              onClick={() => save.mutate()}
            >
              Keep
            </Button>
          </>
        ) : (
          <>
            <TimeRange
              exact
              bounded
              from={from}
              to={search.to}
              onChange={(from, to) => change({ from: from === spec.from && !to ? undefined : from, to })}
            />
            <Menu position="bottom-end">
              <Menu.Target>
                <ActionIcon aria-label="What to do with the dashboard" title="What to do with the dashboard" size={32}>
                  <IconDots size={17} stroke={1.8} />
                </ActionIcon>
              </Menu.Target>
              <Menu.Dropdown>
                <Menu.Item leftSection={<IconPencil size={15} stroke={1.7} />} onClick={() => change({ edit: "yes" })}>
                  Arrange
                </Menu.Item>
                <Menu.Item leftSection={<IconDownload size={15} stroke={1.7} />} onClick={() => download(spec)}>
                  Export as JSON
                </Menu.Item>
                <Menu.Item leftSection={<IconLayoutGridAdd size={15} stroke={1.7} />} onClick={() => copy.mutate()}>
                  Make a copy
                </Menu.Item>
                <Menu.Divider />
                <Menu.Item leftSection={<IconTrash size={15} stroke={1.7} />} onClick={() => setRemoving(true)}>
                  Remove
                </Menu.Item>
              </Menu.Dropdown>
            </Menu>
          </>
        )
      }
    >
      {failure && (
        <p role="alert" data-tone="bad" style={{ marginBottom: 10 }}>
          {failure.message}{" "}
          {save.isError && (
            <Button variant="default" size="compact-xs" onClick={() => copy.mutate()}>
              Keep mine as another
            </Button>
          )}
        </p>
      )}
      {(spec.variables?.length ?? 0) > 0 && (
        <div className={classes.variables}>
          {spec.variables?.map((variable) => (
            <Variable
              key={variable.name}
              variable={variable}
              value={of[variable.name] ?? ""}
              onChange={(value) => change({ [`var-${variable.name}`]: value })}
            />
          ))}
        </div>
      )}
      {panels.length === 0 ? (
        <Empty
          title="Nothing on it yet"
          action={!editing && <Button onClick={() => change({ edit: "yes" })}>Arrange it</Button>}
        >
          Add a panel: a number, a chart, a table, words.
        </Empty>
      ) : (
        <Arranged
          panels={panels}
          view={view}
          editing={editing}
          onArrange={put}
          onWrite={(id) => change({ panel: id })}
          onRemove={(id) => put(settle(panels.filter((panel) => panel.id !== id)))}
        />
      )}
      {editing && edited && (
        <PanelEditor
          key={edited.id}
          panel={edited}
          view={view}
          onClose={() => change({ panel: undefined })}
          onChange={(next) => put(panels.map((panel) => (panel.id === next.id ? next : panel)))}
        />
      )}
      <Modal
        opened={removing}
        onClose={() => setRemoving(false)}
        title={`Remove ${spec.title}?`}
        closeButtonProps={{ "aria-label": "Close" }}
        centered
      >
        <p>It is gone for everybody. Export it first if it may be wanted again.</p>
        <p className={classes.actions} style={{ marginTop: 14 }}>
          <Button color="red.9" loading={remove.isPending} onClick={() => remove.mutate()}>
            Remove it
          </Button>
          <Button variant="default" onClick={() => setRemoving(false)}>
            Keep it
          </Button>
        </p>
      </Modal>
    </BoardPage>
  );
}

function Variable({
  variable,
  value,
  onChange,
}: {
  variable: DashboardVariable;
  value: string;
  onChange: (value: string) => void;
}) {
  const { data } = useQuery(labelValuesQuery(variable.label_values ?? "", variable.of || undefined));
  const name = variable.label || variable.name;
  const offered = [...new Set([...(variable.options ?? []), ...(data ?? []), ...(value ? [value] : [])])].filter(
    Boolean,
  );
  return (
    <Select
      size="xs"
      searchable
      clearable
      aria-label={name}
      placeholder={`Any ${name.toLowerCase()}`}
      value={value || null}
      onChange={(chosen) => onChange(chosen ?? "")}
      data={offered}
      clearButtonProps={{ "aria-label": `Any ${name}` }}
    />
  );
}

/** The dashboard as a file. */
function download(spec: DashboardSpec) {
  const url = URL.createObjectURL(new Blob([`${JSON.stringify(spec, null, 2)}\n`], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `${spec.title.replace(/[^\p{L}\p{N}]+/gu, "-").toLowerCase() || "dashboard"}.json`;
  link.click();
  URL.revokeObjectURL(url);
}
