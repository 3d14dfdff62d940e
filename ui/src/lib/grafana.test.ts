import { expect, test } from "vitest";
import { SAMPLE } from "./dashboard";
import { importDashboard } from "./grafana";

/** As Grafana 11 exports, shortened. */
const GRAFANA = {
  title: "Agents",
  schemaVersion: 39,
  time: { from: "now-24h", to: "now" },
  templating: {
    list: [
      { type: "datasource", name: "ds", query: "prometheus" },
      {
        type: "query",
        name: "agent",
        label: "Agent",
        query: { query: "label_values(agent_requests_total, agent_id)" },
        current: { value: ["$__all"] },
      },
      { type: "custom", name: "percentile", query: "0.5, 0.95", current: { value: "0.95" } },
    ],
  },
  panels: [
    {
      type: "row",
      title: "Folded",
      gridPos: { x: 0, y: 0, w: 24, h: 1 },
      panels: [
        {
          type: "stat",
          title: "Runs",
          gridPos: { x: 0, y: 1, w: 6, h: 4 },
          targets: [{ expr: "sum(x)", legendFormat: "__auto" }],
        },
      ],
    },
    {
      type: "timeseries",
      title: "Tokens",
      description: "by model",
      gridPos: { x: 6, y: 1, w: 18, h: 8 },
      fieldConfig: {
        defaults: {
          unit: "percentunit",
          min: 0,
          custom: { stacking: { mode: "normal" } },
          thresholds: {
            steps: [
              { color: "green", value: null },
              { color: "red", value: 0.8 },
            ],
          },
        },
      },
      targets: [{ expr: 'rate(t{agent="$agent"}[$__rate_interval])', legendFormat: "{{model}}" }],
    },
    { type: "text", gridPos: { x: 0, y: 9, w: 6, h: 4 }, options: { content: "# Hello" } },
    { type: "piechart", title: "Shares", gridPos: { x: 0, y: 13, w: 6, h: 4 }, targets: [] },
    { type: "bargauge", title: "Loki", gridPos: { x: 0, y: 13, w: 30, h: 4 }, targets: [{ query: '{a="b"}' }] },
  ],
};

test("panels of the kinds we have come over with queries, places, units, thresholds; the rest is named", () => {
  const { spec, left } = importDashboard(JSON.stringify({ dashboard: GRAFANA, meta: {} }));
  expect([spec.title, spec.from]).toEqual(["Agents", "24h"]);
  expect(spec.panels!.map((panel) => panel.kind)).toEqual(["stat", "timeseries", "text", "barchart"]);
  expect(spec.panels![1]).toMatchObject({
    title: "Tokens",
    x: 6,
    w: 18,
    h: 8,
    unit: "percentunit",
    stacked: true,
    min: 0,
    queries: [{ language: "promql", query: 'rate(t{agent="$agent"}[$__rate_interval])', legend: "{{model}}" }],
  });
  expect(spec.panels![1]!.thresholds!.map((each) => each.tone)).toEqual(["ok", "bad"]);
  expect(spec.panels![2]!.text).toBe("# Hello");
  expect(spec.panels!.every((panel) => panel.x + panel.w <= 24)).toBe(true);
  expect(spec.variables).toEqual([
    { name: "agent", label: "Agent", label_values: "agent_id", of: "agent_requests_total", options: [], value: "" },
    { name: "percentile", label: "", label_values: "", of: "", options: ["0.5", "0.95"], value: "0.95" },
  ]);
  expect(left).toHaveLength(2);
  expect(left.join("\n")).toMatch(/Shares: .*piechart[\s\S]*Loki: a query/);
});

test("what was exported here comes back as it was", () => {
  expect(importDashboard(JSON.stringify(SAMPLE))).toEqual({ spec: SAMPLE, left: [] });
});

test("what is no dashboard is refused in words", () => {
  expect(() => importDashboard("{")).toThrow(/no JSON/);
  expect(() => importDashboard("[]")).toThrow(/object/);
  expect(() => importDashboard('{"title":"x"}')).toThrow(/no panels/);
});
