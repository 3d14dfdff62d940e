/** What a panel asks and how it reads, with the panel itself below. */
import {
  Button,
  Checkbox,
  CloseButton,
  Drawer,
  NumberInput,
  SegmentedControl,
  Select,
  Textarea,
  TextInput,
} from "@mantine/core";
import type { DashboardPanel, DashboardQuery } from "@/api/types";
import classes from "./Dashboards.module.css";
import { PanelView, type View } from "./PanelView";

const KINDS = [
  { value: "timeseries", label: "Time series" },
  { value: "stat", label: "Number" },
  { value: "gauge", label: "Gauge" },
  { value: "barchart", label: "Bars" },
  { value: "table", label: "Table" },
  { value: "heatmap", label: "Heatmap" },
  { value: "text", label: "Text" },
];

const UNITS = [
  { value: "short", label: "Plain number" },
  { value: "s", label: "Seconds" },
  { value: "ms", label: "Milliseconds" },
  { value: "percent", label: "Percent (0 to 100)" },
  { value: "percentunit", label: "Share (0 to 1)" },
  { value: "currencyUSD", label: "Dollars" },
  { value: "bytes", label: "Bytes" },
  { value: "reqps", label: "A second" },
];

interface Props {
  panel: DashboardPanel;
  view: View;
  onChange: (panel: DashboardPanel) => void;
  onClose: () => void;
}

export function PanelEditor({ panel, view, onChange, onClose }: Props) {
  const set = (more: Partial<DashboardPanel>) => onChange({ ...panel, ...more });
  const queries = panel.queries ?? [];
  const setQuery = (at: number, more: Partial<DashboardQuery>) =>
    set({ queries: queries.map((query, place) => (place === at ? { ...query, ...more } : query)) });
  const units = UNITS.some((unit) => unit.value === panel.unit)
    ? UNITS
    : [...UNITS, { value: panel.unit ?? "", label: panel.unit || "none" }];
  return (
    <Drawer
      opened
      onClose={onClose}
      position="right"
      size="lg"
      title="Panel"
      closeButtonProps={{ "aria-label": "Close" }}
    >
      <div className={classes.form}>
        <div className={classes.pair}>
          <TextInput
            label="Title"
            data-autofocus
            value={panel.title ?? ""}
            onChange={(event) => set({ title: event.currentTarget.value })}
          />
          <Select
            label="Shown as"
            allowDeselect={false}
            value={panel.kind}
            data={KINDS}
            onChange={(kind) => kind && set({ kind: kind as DashboardPanel["kind"] })}
          />
        </div>
        {panel.kind === "text" ? (
          <Textarea
            label="Words (Markdown)"
            autosize
            minRows={6}
            value={panel.text ?? ""}
            onChange={(event) => set({ text: event.currentTarget.value })}
          />
        ) : (
          <>
            {queries.map((query, at) => (
              <fieldset key={at} className={classes.form} style={{ margin: 0, padding: 0, border: 0 }}>
                <legend className="sr">Question {at + 1}</legend>
                <div className={classes.actions} style={{ alignItems: "center" }}>
                  <SegmentedControl
                    size="xs"
                    aria-label={`Language of question ${at + 1}`}
                    value={query.language}
                    onChange={(language) => setQuery(at, { language: language as DashboardQuery["language"] })}
                    data={[
                      { value: "promql", label: "PromQL" },
                      { value: "sql", label: "SQL" },
                    ]}
                  />
                  {queries.length > 1 && (
                    <CloseButton
                      aria-label={`Remove question ${at + 1}`}
                      title="Remove"
                      onClick={() => set({ queries: queries.filter((_, place) => place !== at) })}
                    />
                  )}
                </div>
                <Textarea
                  className={classes.query}
                  aria-label={`Question ${at + 1}`}
                  placeholder={
                    query.language === "sql"
                      ? "SELECT agent, count(*) AS runs FROM runs WHERE started_at >= $__from GROUP BY agent"
                      : "sum by (agent_id) (rate(agent_requests_total[$__rate_interval]))"
                  }
                  autosize
                  minRows={3}
                  maxRows={14}
                  spellCheck={false}
                  value={query.query}
                  onChange={(event) => setQuery(at, { query: event.currentTarget.value })}
                />
                {query.language === "promql" && (
                  <TextInput
                    label="Name of a series"
                    placeholder="{{agent_id}}"
                    value={query.legend ?? ""}
                    onChange={(event) => setQuery(at, { legend: event.currentTarget.value })}
                  />
                )}
              </fieldset>
            ))}
            <p className="faint">
              <code className="mono">$__from</code>, <code className="mono">$__to</code>,{" "}
              <code className="mono">$__interval</code>, <code className="mono">$__rate_interval</code>,{" "}
              <code className="mono">$__range</code> and <code className="mono">$name</code> of a variable are put in.
              In SQL over time, the first time column is the time: date_bin(INTERVAL '$__interval', started_at).
            </p>
            {queries.length < 10 && (
              <Button
                variant="default"
                size="compact-sm"
                style={{ justifySelf: "start" }}
                onClick={() => set({ queries: [...queries, { language: "promql", query: "", legend: "" }] })}
              >
                Another question
              </Button>
            )}
            <div className={classes.pair}>
              <Select
                label="Unit"
                allowDeselect={false}
                value={panel.unit || "short"}
                data={units}
                onChange={(unit) => unit && set({ unit })}
              />
              {panel.kind === "timeseries" && (
                <Checkbox
                  label="Bars, one on the other"
                  mt={28}
                  checked={panel.stacked ?? false}
                  onChange={(event) => set({ stacked: event.currentTarget.checked })}
                />
              )}
            </div>
            {panel.kind === "gauge" && (
              <div className={classes.pair}>
                <NumberInput
                  label="Least"
                  value={panel.min ?? ""}
                  onChange={(value) => set({ min: typeof value === "number" ? value : undefined })}
                />
                <NumberInput
                  label="Most"
                  value={panel.max ?? ""}
                  onChange={(value) => set({ max: typeof value === "number" ? value : undefined })}
                />
              </div>
            )}
          </>
        )}
        <section className={classes.panel} style={{ height: 260 }} aria-label="How it looks">
          <PanelView panel={{ ...panel, h: 6 }} view={view} />
        </section>
        <Button style={{ justifySelf: "start" }} onClick={onClose}>
          Done
        </Button>
      </div>
    </Drawer>
  );
}
