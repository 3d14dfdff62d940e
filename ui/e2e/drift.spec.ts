/** Drift, of which no single run shows anything: on the charts, as an incident, and between two versions of an agent. */
import { readFile } from "node:fs/promises";
import type { Page } from "playwright-core";
import { beforeAll, expect, inject, test } from "vitest";
import { until, usableByAll, withBrowser } from "./browser";
import { columnAt } from "./chart";
import { driftOf, NEW, noticed, OLD } from "./drift";

const visit = withBrowser();
const drift = inject("drift");
const UTC = { timezoneId: "UTC" };
let incident: string;

beforeAll(async () => {
  await noticed(drift);
  incident = `/incidents/${await driftOf(drift)}`;
});

const said = (page: Page, title: string) => page.getByRole("img", { name: new RegExp(`^${title}\\.`) });

test.each([
  ["overview", ["Runs by outcome", "Latency of runs", "Cost by model", "Tool calls"]],
  ["deep-dive", ["Tool calls", "Findings"]],
])("drift is marked on the charts of the %s where it began, not where it was noticed", async (path, titles) => {
  await visit(
    `/${path}?agent=${drift.agent}&from=1h`,
    async (page) => {
      for (const title of titles) {
        const label = await until(
          () => said(page, title).getAttribute("aria-label"),
          (label) => /\bDrift: /.test(label ?? ""),
          `drift on ${title}`,
        );
        const at = Date.parse(
          `${/\bDrift: .*?: (\d{4}-\d\d-\d\d \d\d:\d\d)\.(?: |$)/.exec(label!)![1]!.replace(" ", "T")}Z`,
        );
        expect(at, label!).toBe(Math.floor(drift.onset / 60_000) * 60_000);
      }
      // The heatmap has it too, and so has the tooltip of its column.
      await page.getByRole("img", { name: /^Durations of runs over time.*Drift: / }).waitFor();
      const chart = said(page, "Tool calls");
      await columnAt(page, chart, drift.onset);
      expect(await chart.textContent()).toMatch(/◆ Drift: /);
    },
    UTC,
  );
});

test("an incident of drift begins with its first run, not with the one that made it certain", async () => {
  await visit(
    incident,
    async (page) => {
      const since = new Date(drift.onset).toISOString().slice(0, 19).replace("T", " ");
      await page.getByRole("region", { name: "What happened" }).getByText(`Since ${since}`).waitFor();
      const two = page.getByRole("region", { name: "Last good run and first bad one" });
      await until(
        () => two.getByRole("link").evaluateAll((links) => links.map((link) => link.getAttribute("href") ?? "")),
        (links) =>
          [drift.before, drift.since[0]!].every((trace) => links.some((href) => href.startsWith(`/runs/${trace}`))),
        "the last run before it and the first one of it",
      );
      // All runs since then do otherwise.
      const hit = page.getByRole("region", { name: "Who was hit" });
      expect(await hit.textContent()).toMatch(new RegExp(`Runs${drift.since.length}.*Users2`));
      const download = page.waitForEvent("download");
      await hit.getByRole("link", { name: "Who was hit, as a file" }).click();
      const lines = (await readFile(await (await download).path(), "utf8")).trim().split("\n").slice(1);
      expect(lines.map((line) => line.split(",")[1])).toEqual(drift.since);
      expect(new Set(lines.map((line) => line.split(",")[2]))).toEqual(new Set(drift.users));
      expect(lines.every((line) => /,0\.\d+$/.test(line))).toBe(true);
    },
    UTC,
  );
});

test("what changed before it is told by the pipeline, and seen in its runs: version, model, prompt, tools, index", async () => {
  await visit(incident, async (page) => {
    const changes = page.getByRole("region", { name: "What changed just before" });
    const row = (kind: string) => changes.getByRole("listitem").filter({ hasText: kind });
    await row("deployed").getByText(drift.deploy).waitFor();
    await row("index").getByText(drift.index).waitFor();
    await row("model")
      .getByText(new RegExp(`${NEW.model}.*${OLD.model}`))
      .waitFor();
    for (const kind of ["prompt", "tools"]) {
      const first = row(kind).getByRole("link", { name: "first run" }).first();
      expect(await first.getAttribute("href")).toBe(`/runs/${drift.since[0]}`);
    }
    await usableByAll(page, (narrow) => narrow.getByRole("region", { name: "Who was hit" }));
  });
});

test("versions of an agent stand beside each other, with what changed in prompt, tools and model", async () => {
  await visit(`/agents/agent?name=${drift.agent}`, async (page) => {
    const versions = page.getByRole("group", { name: "Versions", exact: true });
    await until(
      () => versions.locator("tbody tr").allTextContents(),
      (rows) => rows.length === 2 && /^2\.0/.test(rows[0]!) && /^1\.0/.test(rows[1]!),
      "both versions, the newer first",
    );
    await versions.getByRole("link", { name: NEW.version, exact: true }).click();
    const changed = page.getByRole("region", { name: `What changed in ${NEW.version}` });
    await until(
      () => changed.locator("dl").textContent(),
      (text) => text === `Model${OLD.model} → ${NEW.model}Toolsnew: search_notesPromptchanged`,
      "the three changes",
    );
    // Word by word: only what differs is marked.
    const marked = (name: string) =>
      changed.getByRole("figure").filter({ hasText: name }).locator("mark").allTextContents();
    expect((await marked("Before")).join(" ")).toMatch(/Look every order up/);
    expect((await marked("Now")).join(" ")).toMatch(/Trust the notes/);
    expect((await marked("Now")).join(" ")).not.toMatch(/refund desk/);
    expect(new URL(page.url()).searchParams.get("version")).toContain(NEW.version);
    await usableByAll(page, (narrow) => narrow.getByRole("region", { name: `What changed in ${NEW.version}` }));
  });
});
