/** What whoever watches sees by itself: deployments and alerts on the charts. */
import type { Page } from "playwright-core";
import { inject, test } from "vitest";
import { until, withBrowser } from "./browser";
import { shown } from "./trouble";

const visit = withBrowser();
/** A chart once it is drawn, by its title; what it says is in its label. */
const says = (page: Page, title: string, words: RegExp) =>
  until(
    () => page.getByRole("img", { name: new RegExp(`^${title}\\.`) }).getAttribute("aria-label"),
    (label) => words.test(label ?? ""),
    `${words} on ${title}`,
  );

test("deployments and alerts stand on the charts", async () => {
  const trouble = await shown(inject("troubles").oncall);
  await visit(`/overview?agent=${trouble.agent}&from=1h`, async (page) => {
    for (const title of ["Runs by outcome", "Latency of runs", "Cost by agent"]) {
      await says(page, title, new RegExp(`deploy of ${trouble.agent}: ${trouble.change}: \\d{4}-`));
      await says(page, title, /E2eRunsFail: \d{4}-/);
    }
  });
});
