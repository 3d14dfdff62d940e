/** Five tasks of someone on call. Each begins where the message about an alert leads, and has a number of clicks. */
import { readFile } from "node:fs/promises";
import type { Locator, Page } from "playwright-core";
import { beforeAll, expect, inject, test } from "vitest";
import { URL_UNDER_TEST, until, withBrowser } from "./browser";
import { noticed } from "./drift";
import { alertOf, shown } from "./trouble";

const visit = withBrowser();
const trouble = inject("troubles").oncall;
let message: string;

beforeAll(async () => {
  await shown(trouble);
  message = `/alerts/${await alertOf(trouble.agent)}`;
});

/**
 * The page of a message, as it is or, where `over`, as it will be once the alert has long ended and the server only has what it
 * kept. The browser itself counts what is clicked on it and on those it leads to.
 */
async function onCall(most: number, work: (page: Page) => Promise<void>, { from = message, over = false } = {}) {
  await visit(
    "/status",
    async (page) => {
      let clicks = 0;
      await page.exposeFunction("clicked", () => {
        clicks += 1;
      });
      await page.addInitScript(() =>
        addEventListener("click", () => (window as unknown as { clicked: () => void }).clicked(), { capture: true }),
      );
      if (over)
        await page.route(`**/api/v1${from}`, async (route) => {
          const kept = await (await route.fetch()).json();
          await route.fulfill({ json: { ...kept, alert: null } });
        });
      await page.goto(URL_UNDER_TEST + from);
      await work(page);
      expect(clicks).toBeGreaterThan(0);
      expect(clicks).toBeLessThanOrEqual(most);
    },
    { timezoneId: "UTC" },
  );
}

const says = (what: Locator, ...words: RegExp[]) =>
  until(
    () => what.textContent(),
    (text) => words.every((word) => word.test(text ?? "")),
    words.join(" and "),
  );

const STATES = [
  ["", {}],
  [", also once it is over", { over: true }],
] as const;

test.each(STATES)("why did this run fail: at most two clicks%s", async (_, state) => {
  await onCall(
    2,
    async (page) => {
      await page.getByRole("region", { name: "Worst runs" }).getByRole("listitem").first().getByRole("link").click();
      await page.getByRole("tree", { name: "Steps of the run" }).waitFor();
      const step = page.getByRole("region", { name: "Selected step" });
      await step.getByRole("heading", { name: "get_order" }).waitFor();
      await says(step, /Timeout/, /order desk did not answer/);
    },
    state,
  );
});

test.each(STATES)("which tool is slow, and since when: at most two clicks%s", async (_, state) => {
  await onCall(
    2,
    async (page) => {
      const about = page.getByRole("region", { name: "What it is about" });
      await about.getByRole("link", { name: "Tools" }).click();
      const tool = page.getByRole("region", { name: "All tools" }).getByRole("row").filter({ hasText: "get_order" });
      await tool.getByRole("link", { name: "get_order" }).click();
      const found = await until(
        async () =>
          /Slow since (\S+ \S+): p95 (\S+ \S+), before (\S+ m?s)/.exec(
            (await page.locator("main").textContent()) ?? "",
          ),
        (match) => match !== null,
        "since when it is slow",
      );
      // Between the last good run, of ten minutes ago, and the first bad one, of four minutes ago; buckets are minutes long.
      const since = Date.parse(`${found![1]!.replace(" ", "T")}Z`);
      expect(since).toBeGreaterThan(trouble.sentAt - 600_000);
      expect(since).toBeLessThanOrEqual(trouble.sentAt - 240_000);
      expect(found!.slice(2)).toEqual(["900 ms", "40 ms"]);
    },
    state,
  );
});

test.each(STATES)("what does this agent cost, and who spends it: at most two clicks%s", async (_, state) => {
  await onCall(
    2,
    async (page) => {
      const about = page.getByRole("region", { name: "What it is about" });
      await about.getByRole("link", { name: "Who spends it" }).click();
      await page.getByRole("heading", { name: "Costs", exact: true }).waitFor();
      await page.getByRole("button", { name: `Remove the filter Agent ${trouble.agent}` }).waitFor();
      await says(page.getByLabel("Money", { exact: true }), /Spent\$0\.22/);
      const user = page
        .getByRole("group", { name: "Costs by user" })
        .getByRole("row")
        .filter({ hasText: trouble.user });
      // Four runs with one call of the model, three with eight: 28 calls of 2,000 tokens in and 300 out.
      await says(user, /\$0\.22428\$0\.008/);
      await user.getByRole("img", { name: "100 %" }).waitFor();
    },
    state,
  );
});

test("a click in the chart of an alert that is over opens the runs of that time, the worst first", async () => {
  await visit("/status", async (page) => {
    await page.route(`**/api/v1${message}`, async (route) => {
      const kept = await (await route.fetch()).json();
      // It fired as soon as there was a value: a chart has several.
      const fired = Date.parse(kept.evidence[0].fired_at);
      const points = [5, 4, 3, 2, 1].map((ago, value) => ({ at: new Date(fired - ago * 60_000).toISOString(), value }));
      await route.fulfill({ json: { ...kept, alert: null, evidence: [{ ...kept.evidence[0], points }] } });
    });
    await page.goto(URL_UNDER_TEST + message);
    const chart = page.getByRole("img", { name: /^What its rule compared\./ });
    await chart.locator("svg").waitFor();
    await chart.scrollIntoViewIfNeeded();
    const box = (await chart.boundingBox())!;
    await page.mouse.click(box.x + box.width / 2, box.y + 30);
    await page.getByRole("heading", { name: "Runs", exact: true }).waitFor();
    const { pathname, searchParams } = new URL(page.url());
    expect([pathname, searchParams.get("agent"), searchParams.get("sort")]).toEqual([
      "/runs",
      trouble.agent,
      "-errors",
    ]);
    expect(Date.parse(searchParams.get("to")!)).toBeGreaterThan(Date.parse(searchParams.get("from")!));
  });
});

test.each(STATES)("what changed before: one click%s", async (_, state) => {
  await onCall(
    1,
    async (page) => {
      await page.getByRole("region", { name: "Issues of that time" }).getByRole("link").first().click();
      await page.getByRole("region", { name: "What changed just before" }).getByText(trouble.change).waitFor();
    },
    state,
  );
});

test("what changed before the drift: one click", async () => {
  const drift = inject("drift");
  const from = await noticed(drift);
  await onCall(
    1,
    async (page) => {
      const issues = page.getByRole("region", { name: "Issues of that time" });
      await issues.getByRole("link").filter({ hasText: "drift" }).first().click();
      const changes = page.getByRole("region", { name: "What changed just before" });
      for (const title of [drift.deploy, drift.index]) await changes.getByText(title).waitFor();
    },
    { from },
  );
});

test.each(STATES)("who was hit and how much money, as a file: two clicks%s", async (_, state) => {
  await onCall(
    2,
    async (page) => {
      await page.getByRole("region", { name: "Issues of that time" }).getByRole("link").first().click();
      const download = page.waitForEvent("download");
      await page.getByRole("link", { name: "Who was hit, as a file" }).click();
      const lines = (await readFile(await (await download).path(), "utf8")).trim().split("\n");
      expect(lines[0]).toMatch(/trace_id.*user.*cost_usd/);
      expect(lines.slice(1).every((line) => line.includes(trouble.user) && /,0\.\d+$/.test(line))).toBe(true);
      for (const trace of trouble.bad) expect(lines.filter((line) => line.includes(trace))).toHaveLength(1);
      // The file adds up to what the page says.
      const money = lines.slice(1).reduce((sum, line) => sum + Number(line.split(",").at(-1)), 0);
      await says(
        page.getByRole("region", { name: "Who was hit" }),
        new RegExp(`Runs3.*Users1.*\\$${money.toFixed(3)}`),
      );
    },
    state,
  );
});
