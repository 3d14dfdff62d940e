/** A phone: everything by finger, 390 pixels wide. */
import type { Locator, Page } from "playwright-core";
import { beforeAll, expect, inject, test } from "vitest";
import { axe, NARROW, until, withBrowser } from "./browser";
import { newTraceId, type Sent, sendRun, spanId } from "./otlp";

const open = withBrowser();
const visit = <T>(path: string, work: (page: Page) => Promise<T>) =>
  open(path, work, { viewport: NARROW, hasTouch: true, isMobile: true });
const mark = `hand${newTraceId().slice(0, 8)}`;
const sent: Sent = { trace: newTraceId(), start: Date.now() - 300_000, service: `e2e-${mark}` };

beforeAll(async () => {
  await sendRun(sent, mark);
});

const fits = (page: Page) =>
  page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth).then((fit) => expect(fit).toBe(true));

test("the menu leads to every page, and goes away by itself", async () => {
  await visit("/runs", async (page) => {
    await page.getByRole("button", { name: "Menu" }).tap();
    const menu = page.getByRole("dialog", { name: "Menu" });
    await menu.getByRole("link", { name: "Settings" }).scrollIntoViewIfNeeded();
    await menu.getByRole("link", { name: "Sessions" }).tap();
    await page.getByRole("heading", { level: 1, name: "Sessions" }).waitFor();
    await menu.waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Menu" }).tap();
    await menu.getByRole("button", { name: /Go to/ }).tap();
    await page.getByRole("combobox", { name: "Go to a page, run or agent" }).fill("costs");
    await page.getByRole("option", { name: /Costs/ }).first().tap();
    await page.getByRole("heading", { level: 1, name: "Costs" }).waitFor();
    await fits(page);
  });
});

test("a run is looked at over the list, put away, and opened", async () => {
  await visit(`/runs?service=${sent.service}`, async (page) => {
    await page.getByRole("button", { name: new RegExp(`^Look at .*${mark}`) }).tap();
    const sheet = page.getByRole("dialog", { name: "Run" });
    await sheet.getByText(`Where is parcel ${mark}?`).first().waitFor();
    expect(new URL(page.url()).searchParams.get("peek")).toBe(sent.trace);
    expect(await axe(page)).toEqual([]);
    await sheet.getByRole("button", { name: "Close" }).tap();
    await sheet.waitFor({ state: "detached" });
    await page.getByRole("button", { name: new RegExp(`^Look at .*${mark}`) }).tap();
    await sheet.getByRole("link", { name: "Open the run" }).tap();
    await page.getByRole("tree").waitFor();
    expect(new URL(page.url()).pathname).toBe(`/runs/${sent.trace}`);
  });
});

test("filters are chosen in a drawer", async () => {
  await visit("/runs", async (page) => {
    await page.getByRole("button", { name: "Filters" }).tap();
    const drawer = page.getByRole("dialog", { name: "Filters" });
    const status = drawer.getByRole("checkbox", { name: /^Status Completed/ });
    await status.tap();
    await until(
      async () => new URL(page.url()).searchParams.get("status"),
      (value) => value === "ok",
      "the filter in the address",
    );
    await drawer.getByRole("button", { name: "Close" }).tap();
    await page.getByRole("link", { name: "Remove filter status ok" }).waitFor();
    await fits(page);
  });
});

/** Touches a chart where a share of its width is. */
async function touch(page: Page, chart: Locator, share: number) {
  await chart.scrollIntoViewIfNeeded();
  const box = (await chart.boundingBox())!;
  await page.touchscreen.tap(box.x + box.width * share, box.y + box.height * 0.5);
}

test("a chart's point: the first touch shows the numbers, the second opens their runs", async () => {
  const { agent } = inject("fleet");
  await visit(`/overview?agent=${agent}&from=2h`, async (page) => {
    const region = page.getByRole("region", { name: "Runs by outcome" });
    const chart = region.getByRole("img", { name: /^Runs by outcome\. .*ok/ });
    await chart.locator("svg").waitFor();
    await touch(page, chart, 0.6);
    await region
      .getByText(/\d\d:\d\d/)
      .filter({ visible: true })
      .first()
      .waitFor();
    expect(new URL(page.url()).pathname).toBe("/overview");
    await touch(page, chart, 0.6);
    await until(
      async () => {
        const url = new URL(page.url());
        return [url.pathname, url.searchParams.get("agent"), url.searchParams.has("to")];
      },
      ([path, of, to]) => path === "/runs" && of === agent && to === true,
      "the runs of that time",
    );
  });
});

test("the steps of a run: a finger opens a step, its tabs and what is below, and puts it away", async () => {
  await visit(`/runs/${sent.trace}`, async (page) => {
    await page.locator(`#step-${spanId("tool1")}`).tap();
    const sheet = page.getByRole("dialog");
    await sheet.getByText("CarrierTimeout").first().waitFor();
    await sheet.getByRole("tab", { name: /^Events/ }).tap();
    await sheet.getByText("at track (carrier.py:81)").waitFor();
    await fits(page);
    await sheet.getByRole("button", { name: "Close the step" }).tap();
    await sheet.waitFor({ state: "detached" });
    await page.getByRole("tab", { name: "Transcript" }).tap();
    await page.getByRole("button", { name: /carrier-desk/, expanded: false }).tap();
    await page.getByText("Held until Thursday.").waitFor();
    await fits(page);
  });
});
