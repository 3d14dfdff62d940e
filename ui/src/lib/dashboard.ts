/** Dashboards: what their URL says, how panels lie on the grid, what is put into queries, what answers mean. Pure. */

import type { DashboardPanel, DashboardSpec, DashboardVariable } from "@/api/types";
import { moment } from "./fleet";
import { bytes, compact, duration, usd } from "./format";
import { digits, upTo } from "./locale";
import type { Buckets, Series } from "./series";

export const COLUMNS = 24;
/** Rows of the highest panel. */
export const ROWS_MAX = 40;

export type DashboardSearch = {
  /** Absent means what the dashboard says. */
  from?: string;
  to?: string;
  /** It is being arranged. */
  edit?: "yes";
  /** The panel that is being written. */
  panel?: string;
} & { [variable in `var-${string}`]?: string };

export function readDashboardSearch(raw: Record<string, unknown>): DashboardSearch {
  const out: DashboardSearch = {
    from: moment(raw.from),
    to: moment(raw.to),
    edit: raw.edit === "yes" ? "yes" : undefined,
    panel: typeof raw.panel === "string" && raw.panel !== "" ? raw.panel : undefined,
  };
  for (const [key, value] of Object.entries(raw))
    if (/^var-\w+$/.test(key) && (typeof value === "string" || typeof value === "number"))
      out[key as `var-${string}`] = String(value);
  return Object.fromEntries(Object.entries(out).filter(([, value]) => value !== undefined));
}

type Place = Pick<DashboardPanel, "x" | "y" | "w" | "h">;

const overlap = (one: Place, other: Place) =>
  one.x < other.x + other.w && other.x < one.x + one.w && one.y < other.y + other.h && other.y < one.y + one.h;

const clamp = (value: number, least: number, most: number) => Math.max(least, Math.min(most, Math.round(value)));

/** A place inside of the grid. */
export const inside = ({ x, y, w, h }: Place): Place => {
  const width = clamp(w, 2, COLUMNS);
  return { x: clamp(x, 0, COLUMNS - width), y: clamp(y, 0, 5000), w: width, h: clamp(h, 2, ROWS_MAX) };
};

/** Panels without gaps above them and without one lying on another; one that was moved stays where it was put, others give way. */
export function settle(panels: DashboardPanel[], moved?: string): DashboardPanel[] {
  const order = [...panels].sort(
    (one, other) => one.y - other.y || Number(other.id === moved) - Number(one.id === moved) || one.x - other.x,
  );
  const placed: DashboardPanel[] = [];
  for (const panel of order) {
    let y = panel.y;
    const at = (row: number) => ({ ...panel, y: row });
    while (placed.some((each) => overlap(each, at(y)))) y += 1;
    while (y > 0 && !placed.some((each) => overlap(each, at(y - 1)))) y -= 1;
    placed.push(at(y));
  }
  // In the order they were given: what is drawn keeps its place in the document.
  return panels.map((panel) => placed.find((each) => each.id === panel.id)!);
}

/** The panels with one of them elsewhere or of another size. */
export function arrange(panels: DashboardPanel[], id: string, to: Partial<Place>): DashboardPanel[] {
  return settle(
    panels.map((panel) => (panel.id === id ? { ...panel, ...inside({ ...panel, ...to }) } : panel)),
    id,
  );
}

/** A free id. */
export function freshId(panels: { id: string }[]): string {
  for (let at = panels.length + 1; ; at += 1) if (!panels.some((panel) => panel.id === `p${at}`)) return `p${at}`;
}

/** A new panel below all others. */
export const newPanel = (panels: DashboardPanel[], kind: DashboardPanel["kind"]): DashboardPanel => ({
  id: freshId(panels),
  kind,
  title: "",
  description: "",
  x: 0,
  y: Math.max(0, ...panels.map((panel) => panel.y + panel.h)),
  w: kind === "stat" || kind === "gauge" ? 6 : 12,
  h: kind === "stat" || kind === "gauge" ? 5 : 8,
  queries: kind === "text" ? [] : [{ language: "promql", query: "", legend: "" }],
  text: kind === "text" ? "Words, in **Markdown**." : "",
  unit: "short",
  stacked: false,
  thresholds: [],
});

/** What stands for each variable. */
export function values(variables: DashboardVariable[], search: DashboardSearch): Record<string, string> {
  return Object.fromEntries(variables.map(({ name, value }) => [name, search[`var-${name}`] ?? value ?? ""]));
}

export interface Range {
  /** Ends in milliseconds. */
  from: number;
  to: number;
  stepMs: number;
}

/** Series of Tawny have a point every 15 seconds; a rate needs several of them. */
const POINT_MS = 15_000;
const seconds = (ms: number) => `${Math.max(1, Math.round(ms / 1000))}s`;

/** A query with everything put in that stands for something: `$agent`, `${agent}`, `$__interval` and the like. */
export function filled(query: string, language: "promql" | "sql", of: Record<string, string>, range: Range): string {
  const sql = language === "sql";
  const own: Record<string, string> = {
    __interval: sql ? `${Math.max(1, Math.round(range.stepMs / 1000))} seconds` : seconds(range.stepMs),
    __interval_ms: String(range.stepMs),
    __rate_interval: seconds(Math.max(4 * POINT_MS, range.stepMs + POINT_MS)),
    __range: seconds(range.to - range.from),
    __range_s: String(Math.round((range.to - range.from) / 1000)),
    __from: sql ? `'${new Date(range.from).toISOString()}'` : String(range.from),
    __to: sql ? `'${new Date(range.to).toISOString()}'` : String(range.to),
  };
  return query.replace(/\$\{(\w+)(?::\w+)?\}|\[\[(\w+)(?::\w+)?\]\]|\$(\w+)/g, (all, ...names: unknown[]) => {
    const name = names.slice(0, 3).find((each): each is string => typeof each === "string");
    if (name === undefined) return all;
    const value = own[name];
    if (value !== undefined) return value;
    const chosen = of[name];
    if (chosen === undefined) return all;
    // A quote in a value must not end the text it stands in.
    if (sql) return (chosen || "%").replaceAll("'", "''");
    return chosen === "" ? ".*" : chosen.replace(/["\\]/g, "\\$&");
  });
}

/** How numbers of a unit read; the names are Grafana's. */
export function reads(unit: string | undefined, most = 2): (value: number | null) => string {
  const or = (say: (value: number) => string) => (value: number | null) =>
    value === null || !Number.isFinite(value) ? "–" : say(value);
  switch (unit) {
    case "s":
      return or((value) => duration(value * 1000));
    case "ms":
      return or(duration);
    case "percent":
      return or((value) => `${trimmed(value, most)} %`);
    case "percentunit":
      return or((value) => `${trimmed(value * 100, most)} %`);
    case "currencyUSD":
      return or(usd);
    case "bytes":
    case "decbytes":
      return or((value) => bytes(Math.round(value)));
    case "reqps":
    case "ops":
      return or((value) => `${trimmed(value)}/s`);
    default:
      return or((value) => (Math.abs(value) >= 1000 ? compact(value) : trimmed(value)));
  }
}

const trimmed = (value: number, most = 2) => {
  const size = Math.abs(value);
  if (size >= 1) return upTo(value, size >= 100 ? 0 : most);
  return size > 0 && size < 1e-6 ? value.toExponential(2) : digits(value, 3);
};

/** The tone of a number: of the highest threshold it reaches. */
export function toneOf(
  panel: Pick<DashboardPanel, "thresholds">,
  value: number | null,
): "good" | "warn" | "bad" | undefined {
  if (value === null) return undefined;
  const reached = [...(panel.thresholds ?? [])]
    .sort((one, other) => one.value - other.value)
    .filter((each) => value >= each.value);
  const tone = reached.at(-1)?.tone;
  return tone === "ok" ? "good" : tone;
}

/** One series as Prometheus' API answers. */
export interface PromSeries {
  metric: Record<string, string>;
  values?: [number, string][];
  value?: [number, string];
}

/** The name of a series: the legend with its labels put in, else the labels. */
export function seriesName(metric: Record<string, string>, legend: string | undefined): string {
  if (legend && legend !== "__auto")
    return legend.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name: string) => metric[name] ?? "");
  const { __name__: name, ...labels } = metric;
  const said = Object.entries(labels).map(([key, value]) =>
    Object.keys(labels).length === 1 ? value : `${key}=${value}`,
  );
  return said.join(", ") || name || "value";
}

const numeric = (text: string | undefined) => {
  const value = Number(text);
  return text === undefined || Number.isNaN(value) ? null : value;
};

/** Series over buckets; a point belongs to the bucket it begins. */
export function promOverTime(found: PromSeries[], legend: string | undefined, time: Buckets): Series[] {
  const at = new Map(time.starts.map((start, place) => [start, place]));
  return found.map(({ metric, values = [] }) => {
    const out: (number | null)[] = time.starts.map(() => null);
    for (const [seconds, text] of values) {
      const place = at.get(Math.round(seconds * 1000));
      const value = numeric(text);
      if (place !== undefined && value !== null && Number.isFinite(value)) out[place] = value;
    }
    const name = seriesName(metric, legend);
    return { name, key: name, values: out };
  });
}

/** A SQL answer over buckets: its first time is the time, its texts name the series, each number is one. */
export function sqlOverTime(
  answer: { columns: { name: string; type: string }[]; rows: unknown[][] },
  time: Buckets,
): Series[] {
  const isTime = (at: number) =>
    answer.rows.some((row) => typeof row[at] === "string" && /^\d{4}-\d\d-\d\dT/.test(String(row[at])));
  const when = answer.columns.findIndex((_, at) => isTime(at));
  if (when < 0) return [];
  const numbers = answer.columns.flatMap((_, at) =>
    answer.rows.some((row) => typeof row[at] === "number") ? [at] : [],
  );
  const texts = answer.columns.flatMap((_, at) => (at === when || numbers.includes(at) ? [] : [at]));
  const found = new Map<string, (number | null)[]>();
  for (const row of answer.rows) {
    const moment = Math.floor(Date.parse(String(row[when])) / time.stepMs) * time.stepMs;
    const place = time.starts.indexOf(moment);
    if (place < 0) continue;
    const key = texts.map((at) => String(row[at] ?? "none")).join(", ");
    for (const at of numbers) {
      const column = answer.columns[at]?.name ?? "";
      const name = key ? (numbers.length > 1 ? `${key} ${column}` : key) : column;
      const values = found.get(name) ?? time.starts.map(() => null);
      const value = row[at];
      if (typeof value === "number") values[place] = (values[place] ?? 0) + value;
      found.set(name, values);
    }
  }
  return [...found].map(([name, values]) => ({ name, key: name, values }));
}

/** How high the chart of a panel is, above names that take so much; however many there are, most of it is the chart, and one scrolls. */
export const chartHeight = (body: number, legend: number): number =>
  Math.max(60, Math.round(body * 0.55), Math.floor(body - legend));

/** The last number of a series that is one. */
export const lastOf = (series: Series): number | null => series.values.findLast((value) => value !== null) ?? null;

/** Counts up to each `le` as counts within, upwards by size: rows of a heatmap. */
export function heatRows(found: PromSeries[], time: Buckets): { upTo: number; values: (number | null)[] }[] {
  const bounds = found
    .map((series) => ({
      upTo: series.metric.le === "+Inf" ? Number.POSITIVE_INFINITY : Number(series.metric.le),
      series,
    }))
    .filter(({ upTo }) => !Number.isNaN(upTo))
    .sort((one, other) => one.upTo - other.upTo);
  let below: (number | null)[] = time.starts.map(() => 0);
  return bounds.map(({ upTo, series }) => {
    const [{ values }] = promOverTime([series], undefined, time) as [Series];
    const within = values.map((value, at) => (value === null ? null : Math.max(0, value - (below[at] ?? 0))));
    below = values;
    return { upTo, values: within };
  });
}

/** A dashboard to begin with. */
export const EMPTY: DashboardSpec = { title: "New dashboard", description: "", from: "6h", variables: [], panels: [] };

/** One that shows what panels can do, over metrics that every server has. */
export const SAMPLE: DashboardSpec = {
  title: "Agents at work",
  description: "A dashboard to begin with: change it, or throw it away.",
  from: "6h",
  variables: [
    { name: "agent", label: "Agent", label_values: "agent_id", of: "agent_requests_total", options: [], value: "" },
  ],
  panels: settle([
    {
      ...newPanel([], "stat"),
      id: "p1",
      title: "Runs",
      queries: [
        {
          language: "promql",
          query: 'sum(increase(agent_requests_total{agent_id=~"$agent"}[$__range])) or vector(0)',
          legend: "",
        },
      ],
    },
    {
      ...newPanel([], "gauge"),
      id: "p2",
      x: 6,
      title: "Ended well",
      unit: "percentunit",
      min: 0,
      max: 1,
      thresholds: [
        { value: 0, tone: "bad" },
        { value: 0.95, tone: "warn" },
        { value: 0.98, tone: "ok" },
      ],
      queries: [
        {
          language: "promql",
          query:
            'sum(increase(agent_requests_total{agent_id=~"$agent",status="success"}[$__range])) / sum(increase(agent_requests_total{agent_id=~"$agent"}[$__range]))',
          legend: "",
        },
      ],
    },
    {
      ...newPanel([], "barchart"),
      id: "p3",
      x: 12,
      h: 10,
      title: "Tool calls",
      queries: [
        {
          language: "sql",
          query:
            "SELECT tool_name, count(*) AS calls FROM spans WHERE kind = 'tool' AND started_at >= $__from AND started_at < $__to GROUP BY 1 ORDER BY 2 DESC LIMIT 12",
          legend: "",
        },
      ],
    },
    {
      ...newPanel([], "text"),
      id: "p4",
      y: 5,
      h: 5,
      title: "What is this",
      text: "Panels ask **PromQL** or **SQL**. Press *Arrange* to move them, *Write* on a panel to change what it asks.",
    },
    {
      ...newPanel([], "timeseries"),
      id: "p5",
      y: 10,
      title: "Tokens a second",
      stacked: true,
      queries: [
        {
          language: "promql",
          query: 'sum by (model) (rate(agent_tokens_total{agent_id=~"$agent"}[$__rate_interval]))',
          legend: "{{model}}",
        },
      ],
    },
    {
      ...newPanel([], "heatmap"),
      id: "p6",
      x: 12,
      y: 10,
      title: "Durations of model calls",
      unit: "s",
      queries: [
        {
          language: "promql",
          query: 'sum by (le) (increase(agent_llm_call_duration_seconds_bucket{agent_id=~"$agent"}[$__rate_interval]))',
          legend: "",
        },
      ],
    },
    {
      ...newPanel([], "table"),
      id: "p7",
      y: 18,
      w: 24,
      title: "Runs by agent",
      queries: [
        {
          language: "sql",
          query:
            "SELECT agent, count(*) AS runs, count(*) FILTER (WHERE status = 'error') AS failed, round(avg(duration_ms)) AS mean_ms, round(sum(cost_usd), 4) AS usd FROM runs WHERE started_at >= $__from AND started_at < $__to GROUP BY agent ORDER BY runs DESC",
          legend: "",
        },
      ],
    },
  ] as DashboardPanel[]),
};
