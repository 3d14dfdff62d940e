/** The dashboards that Tawny gives to Grafana are read back as its own, every panel and variable of them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { importDashboard } from "./grafana";

const folder = join(import.meta.dirname, "../../../deploy/grafana/dashboards");

interface File {
  title: string;
  panels: { type: string; title: string; datasource?: { type?: string }; targets?: { expr?: string }[] }[];
}

test.each(readdirSync(folder).filter((name) => name.endsWith(".json")))("%s", (name) => {
  const source = readFileSync(join(folder, name), "utf8");
  const file = JSON.parse(source) as File;
  const { spec, left } = importDashboard(source);
  expect(spec.title).toBe(file.title);
  // A row is a heading; what it holds stands below it.
  const panels = file.panels.filter((panel) => panel.type !== "row");
  const known = panels.filter((panel) => panel.type !== "logs");
  expect(spec.panels?.map((panel) => panel.title)).toEqual(known.map((panel) => panel.title));
  // What is asked of logs is no PromQL.
  const ofLogs = (panel: File["panels"][number]) => panel.datasource?.type === "loki";
  expect(spec.panels?.map((panel) => panel.queries?.map((query) => query.query))).toEqual(
    known.map((panel) => (ofLogs(panel) ? [] : panel.targets?.map((target) => target.expr))),
  );
  expect(left).toEqual(
    panels
      .filter(ofLogs)
      .map(({ title, type }) =>
        type === "logs"
          ? `${title}: there is no panel of the kind logs`
          : `${title}: a query in LogQL, which panels do not ask`,
      ),
  );
  expect(spec.variables).toMatchObject([{ name: "agent", label_values: "agent_id", of: "agent_requests_total" }]);
});
