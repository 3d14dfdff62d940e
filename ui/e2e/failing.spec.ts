/** Where the server fails, a page says so: nothing that was not answered is shown as good news. */
import type { Page } from "playwright-core";
import { beforeAll, expect, inject, test } from "vitest";
import { URL_UNDER_TEST, until, withBrowser } from "./browser";
import { alertOf, shown } from "./trouble";

const visit = withBrowser();
const { traces, agent } = inject("fleet");
const trouble = inject("troubles").alerts;
const WHY = "The store is not to be read.";
let alert: string;

beforeAll(async () => {
  await shown(trouble);
  alert = `/alerts/${await alertOf(trouble.agent)}`;
});

/** Opens a page on a server that fails wherever an address is as said. */
const failing = (path: string, address: RegExp, work: (page: Page) => Promise<void>) =>
  visit(
    "/status",
    async (page) => {
      let failed = 0;
      await page.route(address, (route) => {
        failed += 1;
        return route.fulfill({
          status: 500,
          contentType: "application/problem+json",
          body: JSON.stringify({ type: "about:blank", title: "It failed", status: 500, detail: WHY, error: WHY }),
        });
      });
      await page.goto(URL_UNDER_TEST + path);
      await work(page);
      expect(failed).toBeGreaterThan(0);
    },
    { complaints: /500|Failed to load/ },
  );

test.each([
  ["/deep-dive", /\/api\/v1\/findings\?/, "Findings", /saw nothing/],
  ["/deep-dive", /\/api\/v1\/checklist/, "Checklist", /nothing beyond/],
  ["/deep-dive", /\/prometheus\/api\/v1\/query_range/, "Active runs and queue", /Nothing of this|No queue/],
  ["/deep-dive", /\/api\/v1\/sql$/, "Durations of runs", /Nothing of this/],
  ["/overview", /\/aggregate\?.*by=error/, "Errors by kind", /Nothing of this/],
  ["/costs", /\/costs\/unpriced/, "Models without a price", /has a price/],
  ["/costs", /\/api\/v1\/budgets/, "Levels passed", /No level/],
  ["/costs", /\/api\/v1\/budgets/, "Budgets", /No budget/],
  ["/costs", /\/api\/v1\/sla/, "Service levels", /No workflow/],
  ["/costs", /\/api\/v1\/costs\?/, "Who spends it", /Nothing was spent/],
  ["/tools", /\/aggregate\?.*by=tool.*step=/, "Calls", /Nothing of this/],
  [`/tools?tool=track_parcel`, /\/api\/v1\/sql$/, "Arguments", /No arguments|No call tells/],
  [`/compare?a=${traces[0]}`, /\/api\/v1\/runs\?/, "Compare it step by step with", /No earlier run/],
] as const)("%s: where %s fails, %s says so", async (path, address, panel, goodNews) => {
  await failing(path, address, async (page) => {
    const region = page.getByRole("region", { name: panel, exact: true });
    await region.getByRole("alert").filter({ hasText: WHY }).waitFor();
    expect(await region.textContent()).not.toMatch(goodNews);
  });
});

test.each([
  [/\/investigate/, "Worst runs", /no longer kept/],
  [/\/api\/v1\/issues\?/, "Issues of that time", /saw nothing/],
] as const)("an alert: where %s fails, %s says so", async (address, panel, goodNews) => {
  await failing(alert, address, async (page) => {
    const region = page.getByRole("region", { name: panel, exact: true });
    await region.getByRole("alert").filter({ hasText: WHY }).first().waitFor();
    expect(await region.textContent()).not.toMatch(goodNews);
    expect(await region.getByLabel("Loading").count()).toBe(0);
  });
});

test("where only the failures are not answered, nobody has none", async () => {
  const errors = /\/aggregate\?.*measure=errors/;
  await failing(`/overview?service=e2e-fleet-${agent}`, errors, async (page) => {
    const table = page.getByRole("region", { name: "Tools", exact: true });
    await table.getByRole("alert").filter({ hasText: WHY }).waitFor();
    const row = table.getByRole("row").filter({ hasText: "track_parcel" });
    expect(await row.getByRole("cell").nth(1).textContent()).toBe("–");
  });
  await failing("/tools", errors, async (page) => {
    await page.getByRole("alert").filter({ hasText: WHY }).first().waitFor();
    const failed = page.locator("dl[aria-label=Tools] dd").nth(1);
    await until(
      () => failed.textContent(),
      (text) => text === "–not known",
      "that failures are not known",
    );
    const table = page.getByRole("group", { name: "Tools", exact: true });
    const row = table.getByRole("row").filter({ hasText: "track_parcel" });
    expect(await row.getByRole("cell").nth(2).textContent()).toBe("–");
  });
});
