import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Locator, Page } from "playwright-core";
import { afterAll, expect, inject, test } from "vitest";
import { SAMPLE } from "@/lib/dashboard";
import { ask, URL_UNDER_TEST, until, usableByAll, withBrowser } from "./browser";
import { newTraceId } from "./otlp";
import { SETTLED_MS } from "./settled";

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

const named = async (wanted: string) => {
  const { dashboards } = await ask<Dashboards>("/api/v1/dashboards");
  const found = dashboards.find((each) => each.title === wanted);
  return found && { id: found.id, ...(await ask<Dashboard>(`/api/v1/dashboards/${found.id}`)) };
};
const mine = () => named(title);

/** Those that were made here, by their titles. */
const made = [title];
afterAll(async () => {
  for (const each of made) {
    const found = await named(each);
    if (found) await fetch(`${URL_UNDER_TEST}/api/v1/dashboards/${found.id}`, { method: "DELETE" });
  }
});

/** Drags a handle so far, in several moves as a hand does. */
async function drag(page: Page, handle: Locator, dx: number, dy: number) {
  await handle.scrollIntoViewIfNeeded();
  const box = (await handle.boundingBox())!;
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.move(x, y);
  await page.mouse.down();
  for (const part of [0.3, 0.7, 1]) await page.mouse.move(x + dx * part, y + dy * part);
  await page.mouse.up();
}

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

test("panels are moved and resized by the pointer; what is moved stays where it was put, and others give way", async () => {
  const called = `By hand ${newTraceId().slice(0, 6)}`;
  made.push(called);
  const panel = (id: string, x: number, y: number) => ({
    ...{ id, kind: "text", title: id, x, y, w: 6, h: 4, text: "Words." },
  });
  const sent = await fetch(`${URL_UNDER_TEST}/api/v1/dashboards`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ title: called, panels: [panel("one", 0, 0), panel("two", 6, 0), panel("three", 0, 4)] }),
  });
  expect(sent.ok, await sent.clone().text()).toBe(true);
  const { id } = (await sent.json()) as { id: string };
  await visit(`/dashboards/${id}?edit=yes`, async (page) => {
    const move = page.getByRole("button", { name: "Move one: arrow keys" });
    await move.waitFor();
    // Two panels lie in twelve of the twenty-four columns.
    const [one, two] = [page.getByRole("region", { name: "one" }), page.getByRole("region", { name: "two" })];
    const column = ((await two.boundingBox())!.x - (await one.boundingBox())!.x) / 6;
    await drag(page, move, column * 6, 0);
    await drag(page, page.getByRole("button", { name: "Resize three: arrow keys" }), column * -2, 38 * 2);
    await page.getByRole("button", { name: "Keep", exact: true }).click();
    const kept = await until(
      () => named(called),
      (answer) => answer?.spec.panels.find((each) => each.id === "one")?.x === 6,
      "the panel moved, and kept",
    );
    const places = Object.fromEntries(kept!.spec.panels.map(({ id, x, y, w, h }) => [id, [x, y, w, h]]));
    // It lies where two was, which gave way; what stood below it rose.
    expect(places).toEqual({ one: [6, 0, 6, 4], two: [6, 4, 6, 4], three: [0, 0, 4, 6] });
  });
});

test("ours asks PromQL and SQL, every panel answers, and it is kept as JSON that comes back as it was", async () => {
  const spec = { ...SAMPLE, title: `Ours ${newTraceId().slice(0, 6)}` };
  made.push(spec.title);
  await visit("/dashboards", async (page) => {
    const read = async (json: string) => {
      await page.getByRole("button", { name: "Import" }).click();
      await page.getByLabel("The JSON").fill(json);
      await page.getByRole("dialog").getByRole("button", { name: "Import" }).click();
      await page.getByRole("heading", { name: spec.title }).waitFor();
    };
    await read(JSON.stringify(spec));
    for (const { title } of spec.panels!) await page.getByRole("region", { name: title, exact: true }).waitFor();
    const table = page.getByRole("region", { name: "Runs by agent" });
    await table.locator("tbody tr").first().waitFor();
    expect(await page.locator("main").getByRole("alert").allTextContents()).toEqual([]);
    await page.getByRole("button", { name: "What to do with the dashboard" }).click();
    const [file] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("menuitem", { name: "Export as JSON" }).click(),
    ]);
    const kept = JSON.parse(readFileSync(await file.path(), "utf8")) as Dashboard["spec"] & { title: string };
    expect(kept).toMatchObject({
      title: spec.title,
      panels: spec.panels!.map(({ id, x, y, w, h }) => ({ id, x, y, w, h })),
    });
    await page.getByRole("button", { name: "What to do with the dashboard" }).click();
    await page.getByRole("menuitem", { name: "Remove" }).click();
    await page.getByRole("button", { name: "Remove it" }).click();
    await page.getByRole("heading", { level: 1, name: "Dashboards" }).waitFor();
    await read(JSON.stringify(kept));
    const again = await named(spec.title);
    expect(again?.spec.panels).toEqual(kept.panels);
  });
});

const FILES = join(import.meta.dirname, "../../deploy/grafana/dashboards");

test.each(readdirSync(FILES).filter((name) => name.endsWith(".json")))(
  "%s, as Grafana has it, is imported from its file, and every panel answers",
  async (name) => {
    const { agent } = inject("fleet");
    await until(
      () => ask<{ data: string[] }>("/prometheus/api/v1/label/agent_id/values?match[]=agent_requests_total"),
      ({ data }) => data.includes(agent),
      "the agent among the series",
      SETTLED_MS,
    );
    const file = JSON.parse(readFileSync(join(FILES, name), "utf8")) as {
      title: string;
      panels: { type: string; title: string }[];
    };
    made.push(file.title);
    const shown = file.panels.filter(({ type }) => type !== "row" && type !== "logs").map((panel) => panel.title);
    await visit("/dashboards", async (page) => {
      await page.getByRole("button", { name: "Import" }).click();
      await page.getByLabel("File").setInputFiles(join(FILES, name));
      await page.getByRole("dialog").getByText(file.title, { exact: true }).waitFor();
      await page.getByRole("dialog").getByRole("button", { name: "Import" }).click();
      await page.getByRole("heading", { name: file.title }).waitFor();
      for (const each of shown) await page.getByRole("region", { name: each, exact: true }).waitFor();
      await until(
        () => page.locator("[aria-label=Loading]").count(),
        (loading) => loading === 0,
        "that nothing loads any more",
      );
      expect(await page.locator("main").getByRole("alert").allTextContents()).toEqual([]);
      // The variable offers the agents that are there.
      await page
        .getByRole("combobox", { name: "Agent" })
        .or(page.getByRole("textbox", { name: "Agent" }))
        .first()
        .click();
      await page.getByRole("option", { name: agent, exact: true }).click();
      await until(
        async () => new URL(page.url()).searchParams.get("var-agent"),
        (value) => value === agent,
        "the variable in the address",
      );
    });
  },
);
