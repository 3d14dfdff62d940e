import { expect, test } from "vitest";
import type { Run, RunsAnswer } from "@/api/types";
import { ask, until, withBrowser } from "./browser";
import { newTraceId, sendSpans, supportRun } from "./otlp";

const visit = withBrowser();
const rows = "[role=row][aria-rowindex]";
const runs = (query: string) => ask<RunsAnswer>(`/api/v1/runs?${query}`);

/** Sends a run that no other test has, and waits until the server lists it. */
async function send(agoMs = 3000): Promise<{ mark: string; trace: string }> {
  const mark = `mark${newTraceId().slice(0, 10)}`;
  const trace = newTraceId();
  await sendSpans({ trace, start: Date.now() - agoMs, service: "e2e-runs" }, supportRun(mark, `session-${mark}`));
  await until(
    () => runs(`q=${mark}`),
    (answer) => answer.total === 1,
    "the run in the list",
  );
  return { mark, trace };
}

test("the runs are listed newest first", async () => {
  await send();
  await visit("/runs", async (page) => {
    await page.locator(rows).first().waitFor();
    expect(await page.locator("h1").textContent()).toBe("Runs");
    expect(await page.getByRole("columnheader", { name: "Started" }).getAttribute("aria-sort")).toBe("descending");
  });
});

test("search narrows the list, and the link says so", async () => {
  const { mark, trace } = await send();
  await send();
  await visit("/runs", async (page) => {
    await page.locator(rows).first().waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type(mark);
    await until(
      () => page.locator(rows).count(),
      (n) => n === 1,
      "one row",
    );
    expect(page.url()).toContain(`q=${mark}`);
    const row = page.locator(rows).first();
    expect(await row.getByRole("link").getAttribute("href")).toContain(trace);
    expect(await row.textContent()).toContain("Where is parcel");

    await page.reload();
    await until(
      () => page.locator(rows).count(),
      (n) => n === 1,
      "one row after reloading",
    );
    expect(await page.getByLabel("Search runs").inputValue()).toBe(mark);
  });
});

test("facets count, restrict, and can be taken back", async () => {
  const { mark } = await send();
  await visit("/runs", async (page) => {
    const facet = page.getByRole("region", { name: "Filter by value" });
    await facet.getByRole("button", { name: "Service" }).waitFor();
    const value = facet.getByRole("checkbox", { name: "Service e2e-runs" });
    // Rare values wait behind "more".
    for (const more of (await facet.getByRole("button", { name: /\d+ more$/ }).all()).reverse()) await more.click();
    await value.click();
    await page.getByRole("link", { name: "Remove filter service e2e-runs" }).waitFor();
    expect(new URL(page.url()).searchParams.getAll("service")).toEqual(["e2e-runs"]);
    const { total } = await runs("service=e2e-runs&from=24h");
    await until(
      () => page.locator("header", { has: page.locator("h1") }).textContent(),
      (text) => text!.includes(`${total} run`),
      "the number of runs",
    );

    await page.getByLabel("Search runs").fill(mark);
    await until(
      () => page.locator(rows).count(),
      (n) => n === 1,
      "one row",
    );
    await page.getByRole("link", { name: "Clear filters" }).click();
    await until(
      async () => new URL(page.url()).search,
      (search) => search === "",
      "an address without filters",
    );
    expect(await page.getByLabel("Search runs").inputValue()).toBe("");
  });
});

test("nothing found says how to find more", async () => {
  await visit("/runs?q=thisisnowhere&status=abandoned", async (page) => {
    await page.getByRole("heading", { name: "No run matches" }).waitFor();
    await page.getByRole("link", { name: "Clear filters" }).last().click();
    await page.locator(rows).first().waitFor();
  });
});

test("columns sort on the server", async () => {
  await send();
  await visit("/runs", async (page) => {
    await page.getByRole("columnheader", { name: "Duration" }).getByRole("link").click();
    await until(
      async () => page.url(),
      (url) => url.includes("sort=-duration_ms"),
      "the order in the address",
    );
    const longest = (await runs("from=24h&sort=-duration_ms&limit=1")).runs[0]!;
    await until(
      () => page.locator(rows).first().getByRole("link").getAttribute("href"),
      (href) => href!.includes(longest.trace_id),
      "the longest run on top",
    );
    expect(await page.getByRole("columnheader", { name: "Duration" }).getAttribute("aria-sort")).toBe("descending");
  });
});

test("j, k and Enter walk and open, and the way back keeps the filters", async () => {
  await send();
  await send();
  await visit("/runs?service=e2e-runs&live=false", async (page) => {
    await page.locator(rows).nth(1).waitFor();
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await page.keyboard.press("k");
    const href = await page.locator(rows).first().getByRole("link").getAttribute("href");
    await page.keyboard.press("Enter");
    await page.getByRole("tree").waitFor();
    expect(page.url()).toContain(href!);
    await page.keyboard.press("Escape");
    await page.locator(rows).first().waitFor();
    expect(page.url()).toContain("service=e2e-runs");
  });
});

test("a run shows up by itself while live is on, and not while it is off", async () => {
  await send();
  await visit("/runs?service=e2e-runs", async (page) => {
    await page.locator(rows).first().waitFor();
    await page.getByRole("button", { name: "Live" }).waitFor();
    const { trace } = await send(500);
    await page.locator(`${rows} a[href*="${trace}"]`).waitFor({ timeout: 10_000 });

    await page.keyboard.press("l");
    await until(
      async () => page.url(),
      (url) => url.includes("live=false"),
      "live off in the address",
    );
    const later = await send(400);
    await page.waitForTimeout(2500);
    expect(await page.locator(`${rows} a[href*="${later.trace}"]`).count()).toBe(0);
  });
});

test("a reader further down is not moved: new runs wait behind a button", async () => {
  const { total } = await runs("from=24h");
  for (let more = total; more < 60; more += 1)
    await sendSpans(
      { trace: newTraceId(), start: Date.now() - 60_000, service: "e2e-filler" },
      supportRun(`filler${more}`, "filler"),
    );
  await visit("/runs", async (page) => {
    await page.locator(rows).first().waitFor();
    const list = page.getByRole("region", { name: "List of runs" });
    await list.evaluate((element) => element.scrollTo(0, 400));
    const top = () => list.evaluate((element) => element.scrollTop);
    const before = await top();
    expect(before).toBeGreaterThan(100);
    await send(200);
    await page.getByRole("button", { name: /new runs?$/ }).waitFor();
    expect(await top()).toBe(before);
    await page.getByRole("button", { name: /new runs?$/ }).click();
    await until(top, (value) => value === 0, "the top of the list");
  });
});

test("more rows come while scrolling, each once", async () => {
  const { total } = await runs("limit=1");
  for (let more = total; more < 130; more += 1)
    await sendSpans(
      { trace: newTraceId(), start: Date.now() - 90_000, service: "e2e-filler" },
      supportRun(`filler${more}`, "filler"),
    );
  await visit("/runs?from=all&live=false", async (page) => {
    await page.locator(rows).first().waitFor();
    const list = page.getByRole("region", { name: "List of runs" });
    const seen = new Set<string>();
    await until(
      async () => {
        for (const href of await page
          .locator(`${rows} a`)
          .evaluateAll((links) => links.map((link) => link.getAttribute("href")!)))
          seen.add(href);
        await list.evaluate((element) => element.scrollBy(0, 500));
        return seen.size;
      },
      (size) => size >= 120,
      "120 different rows",
    );
  });
});

test("an empty server teaches how to send the first trace", async () => {
  await visit("/runs", async (page) => {
    // The server under test has runs; this page is told that there are none.
    await page.route("**/api/v1/runs?*", (route) =>
      route.fulfill({ json: { runs: [] as Run[], next: null, total: 0, facets: {} } }),
    );
    await page.reload();
    await page.getByRole("heading", { name: "Send a trace" }).waitFor();
    expect(await page.locator("pre").first().textContent()).toContain("opentelemetry");
    // Other clients of the server may send something at any time: then the light says so already.
    await page.getByText(/Waiting for a trace|A trace arrived/).waitFor();
    await page.unroute("**/api/v1/runs?*");
    await send(0);
    await page.locator(rows).first().waitFor();
  });
});
