import { expect, test } from "vitest";
import { ask, until, usableByAll, withBrowser } from "./browser";
import { newTraceId } from "./otlp";

const visit = withBrowser();
const title = `Night ${newTraceId().slice(0, 6)}`;

interface Dashboards {
  dashboards: { id: string; title: string }[];
}
interface Dashboard {
  spec: { panels: { id: string; title: string; x: number; y: number; w: number; h: number }[] };
}

/** As Grafana exports. */
const GRAFANA = JSON.stringify({
  title,
  schemaVersion: 39,
  time: { from: "now-1h" },
  panels: [
    { type: "stat", title: "One", gridPos: { x: 0, y: 0, w: 6, h: 4 }, targets: [{ expr: "vector(42)" }] },
    { type: "table", title: "Two", gridPos: { x: 6, y: 0, w: 6, h: 4 }, targets: [{ expr: "vector(7)" }] },
    { type: "piechart", title: "Shares", gridPos: { x: 0, y: 4, w: 6, h: 4 } },
  ],
});

const mine = async () => {
  const { dashboards } = await ask<Dashboards>("/api/v1/dashboards");
  const found = dashboards.find((each) => each.title === title);
  return found && { id: found.id, ...(await ask<Dashboard>(`/api/v1/dashboards/${found.id}`)) };
};

test("a dashboard of Grafana is imported, arranged by keys, kept, and shows its numbers", async () => {
  await visit("/dashboards", async (page) => {
    await page.getByRole("button", { name: "Import" }).click();
    await page.getByLabel("The JSON").fill(GRAFANA);
    await page.getByText(/no panel of the kind piechart/).waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Import" }).click();
    await page.getByRole("heading", { name: title }).waitFor();
    await page.getByText("42", { exact: true }).waitFor();
    await page.getByRole("button", { name: "What to do with the dashboard" }).click();
    await page.getByRole("menuitem", { name: "Arrange" }).click();
    const move = page.getByRole("button", { name: "Move One: arrow keys" });
    await move.focus();
    await page.keyboard.press("ArrowRight");
    await page.getByRole("button", { name: "Resize One: arrow keys" }).focus();
    await page.keyboard.press("ArrowDown");
    await page.getByRole("button", { name: "Keep", exact: true }).click();
    const kept = await until(mine, (answer) => answer?.spec.panels[0]?.x === 1, "the panel moved, and kept");
    expect(kept!.spec.panels.map(({ x, y, w, h }) => [x, y, w, h])).toEqual([
      [1, 0, 6, 5],
      [6, 5, 6, 4],
    ]);
  });
});

test("a panel is written and shows at once what it asks", async () => {
  const found = await until(mine, (answer) => answer !== undefined, "the dashboard");
  await visit(`/dashboards/${found!.id}?edit=yes`, async (page) => {
    await page.getByRole("button", { name: "Add" }).click();
    await page.getByRole("menuitem", { name: "Number" }).click();
    await page.getByLabel("Title", { exact: true }).last().fill("Mine");
    await page.getByLabel("Question 1", { exact: true }).fill("vector(17)");
    await page.getByRole("region", { name: "How it looks" }).getByText("17", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Done" }).click();
    await page.getByRole("button", { name: "Keep", exact: true }).click();
    await until(
      mine,
      (answer) => answer?.spec.panels.some((panel) => panel.title === "Mine") ?? false,
      "the new panel kept",
    );
  });
});

test("a dashboard is readable by everybody, also on a phone", async () => {
  const found = await until(mine, (answer) => answer !== undefined, "the dashboard");
  await visit(`/dashboards/${found!.id}`, (page) => usableByAll(page, () => page.getByText("42", { exact: true })));
});
