/** Grafana's dashboards as ours: panels of the kinds we have, their queries, units, thresholds, variables. Pure. */
import type { DashboardPanel, DashboardQuery, DashboardSpec, DashboardVariable } from "@/api/types";
import { freshId, inside, newPanel, settle } from "./dashboard";

/** A file that was read: what came of it, and what was left out, in words. */
export interface Imported {
  spec: DashboardSpec;
  left: string[];
}

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const objects = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isObject) : []);
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const number = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) ? value : undefined;
const at = (value: unknown, ...path: string[]): unknown =>
  path.reduce<unknown>((inner, key) => (isObject(inner) ? inner[key] : undefined), value);

/** Grafana's names of panels and ours. */
const KINDS: Record<string, DashboardPanel["kind"]> = {
  stat: "stat",
  singlestat: "stat",
  timeseries: "timeseries",
  graph: "timeseries",
  table: "table",
  "table-old": "table",
  barchart: "barchart",
  bargauge: "barchart",
  heatmap: "heatmap",
  gauge: "gauge",
  text: "text",
};

const TONES: [RegExp, "ok" | "warn" | "bad"][] = [
  [/red|#f2495c|#e02f44|#c4162a|#d44a3a/i, "bad"],
  [/yellow|orange|#ff9830|#fade2a|#eab839|#ed8128/i, "warn"],
  [/green|blue|#73bf69|#299c46|#56a64b/i, "ok"],
];

/** Whether a file is one of ours. */
const isOurs = (file: Json) =>
  objects(file.panels).every((panel) => "kind" in panel && "w" in panel) && !("schemaVersion" in file);

/** Reads a file: ours, or Grafana's as it is exported or as its API answers. Throws with words where it is neither. */
export function importDashboard(source: string): Imported {
  let file: unknown;
  try {
    file = JSON.parse(source);
  } catch (error) {
    throw new Error(`This is no JSON: ${error instanceof Error ? error.message : error}`);
  }
  if (!isObject(file)) throw new Error("A dashboard is a JSON object; this is something else.");
  // Grafana's API wraps it.
  const inner = isObject(file.dashboard) ? file.dashboard : isObject(file.spec) ? file.spec : file;
  if (!Array.isArray(inner.panels) && !Array.isArray(inner.rows))
    throw new Error("This has no panels: export a dashboard of Grafana as JSON, or one of Tawny's.");
  if (Array.isArray(inner.panels) && isOurs(inner)) return { spec: inner as unknown as DashboardSpec, left: [] };
  return fromGrafana(inner);
}

function fromGrafana(file: Json): Imported {
  const left: string[] = [];
  const panels: DashboardPanel[] = [];
  // Rows of old files hold their panels; rows of new ones do where they are folded.
  const flat = [...objects(file.panels), ...objects(file.rows).flatMap((row) => objects(row.panels))].flatMap(
    (panel) => (panel.type === "row" ? objects(panel.panels) : [panel]),
  );
  flat.forEach((source, place) => {
    const title = text(source.title) || `panel ${place + 1}`;
    const kind = KINDS[text(source.type)];
    if (!kind) {
      left.push(`${title}: there is no panel of the kind ${text(source.type) || "unknown"}`);
      return;
    }
    panels.push(panelOf(source, kind, panels, title, left));
  });
  const variables = objects(at(file, "templating", "list")).flatMap((variable) => variableOf(variable, left));
  const from = /^now-(\d+[smhdw])$/.exec(text(at(file, "time", "from")))?.[1] ?? "6h";
  return {
    spec: {
      title: text(file.title) || "Imported dashboard",
      description: text(file.description),
      from,
      variables,
      panels: settle(panels),
    },
    left,
  };
}

function panelOf(
  source: Json,
  kind: DashboardPanel["kind"],
  before: DashboardPanel[],
  title: string,
  left: string[],
): DashboardPanel {
  const defaults = at(source, "fieldConfig", "defaults");
  const place = source.gridPos;
  const fresh = newPanel(before, kind);
  const queries = objects(source.targets).flatMap((target): DashboardQuery[] => {
    const legend = text(target.legendFormat).replace(/^__auto$/, "");
    // LogQL looks like PromQL, and would find nothing.
    if ((text(at(target, "datasource", "type")) || text(at(source, "datasource", "type"))) === "loki") {
      left.push(`${title}: a query in LogQL, which panels do not ask`);
      return [];
    }
    if (text(target.expr)) return [{ language: "promql", query: text(target.expr), legend }];
    if (text(target.rawSql)) return [{ language: "sql", query: text(target.rawSql), legend }];
    left.push(`${title}: a query that is neither PromQL nor SQL`);
    return [];
  });
  const custom = at(defaults, "custom");
  const stacked = ["normal", "percent"].includes(text(at(custom, "stacking", "mode"))) || source.stack === true;
  return {
    ...fresh,
    id: freshId(before),
    title: text(source.title),
    description: text(source.description),
    ...inside({
      x: number(at(place, "x")) ?? 0,
      y: number(at(place, "y")) ?? fresh.y,
      w: number(at(place, "w")) ?? fresh.w,
      h: number(at(place, "h")) ?? fresh.h,
    }),
    queries: kind === "text" ? [] : queries.slice(0, 10),
    text: kind === "text" ? text(at(source, "options", "content")) || text(source.content) : "",
    unit: text(at(defaults, "unit")) || text(source.format) || "short",
    stacked: kind === "timeseries" && stacked,
    ...(number(at(defaults, "min")) === undefined ? {} : { min: number(at(defaults, "min")) }),
    ...(number(at(defaults, "max")) === undefined ? {} : { max: number(at(defaults, "max")) }),
    thresholds: objects(at(defaults, "thresholds", "steps")).flatMap((step) => {
      const tone = TONES.find(([colour]) => colour.test(text(step.color)))?.[1];
      // The first step has no value: it holds from below.
      return tone ? [{ value: number(step.value) ?? -1e12, tone }] : [];
    }),
  };
}

function variableOf(source: Json, left: string[]): DashboardVariable[] {
  const name = text(source.name);
  const current = at(source, "current", "value");
  const chosen = Array.isArray(current) ? text(current[0]) : text(current);
  const value = chosen === "$__all" ? "" : chosen;
  const variable = { name, label: text(source.label), label_values: "", of: "", options: [] as string[], value };
  const query = text(source.query) || text(at(source, "query", "query"));
  switch (source.type) {
    case "query": {
      const found = /^label_values\(\s*(?:(.+?)\s*,\s*)?(\w+)\s*\)$/.exec(query);
      if (!found) {
        left.push(`the variable ${name}: only label_values(…) is read, not ${query || "nothing"}`);
        return [variable];
      }
      return [{ ...variable, of: found[1] ?? "", label_values: found[2] ?? "" }];
    }
    case "custom":
    case "interval":
      return [
        {
          ...variable,
          options: query
            .split(",")
            .map((each) => each.trim())
            .filter(Boolean),
        },
      ];
    case "constant":
    case "textbox":
      return [{ ...variable, value: query || value, options: query ? [query] : [] }];
    default:
      // Tawny is the only source there is.
      return [];
  }
}
