/** The first visit, on an empty server of its own: settings for whoever comes, a light that waits, the arrival; and the palette. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { axe, NARROW, until, WIDE, withBrowser } from "./browser";
import { type Own, PROGRAM, pagesUnderTest, startOwn } from "./own";

const visit = withBrowser();
let own: Own;

beforeAll(async () => {
  if (PROGRAM) own = await startOwn();
});
afterAll(() => own?.stop());

const at = (path: string, work: (page: Page) => Promise<void>) =>
  visit("/status", async (page) => {
    await pagesUnderTest(page.context(), own);
    await page.goto(own.url + path);
    await work(page);
  });

test.skipIf(!PROGRAM)("an empty server says how to send a trace, waits, and says that it came", async () => {
  await at("/", async (page) => {
    await page.getByRole("heading", { name: "Send a trace" }).waitFor();
    expect(new URL(page.url()).pathname).toBe("/overview");
    // Each names this server's own address.
    for (const [name, id] of [
      ["Python", "python"],
      ["TypeScript", "javascript"],
      ["Rust", "rust"],
      ["A coding agent", "claude-code"],
      ["curl", "curl"],
    ] as const) {
      await page.getByRole("tab", { name, exact: true }).click();
      await until(
        () => page.locator(`[data-snippet=${id}]`).textContent(),
        (text) => /127\.0\.0\.1:\d{2,}/.test(text ?? ""),
        `the server's address for ${name}`,
      );
    }
    expect(await axe(page)).toEqual([]);
    // The window itself does not scroll: what hangs out of it is out of reach.
    for (const size of [NARROW, WIDE]) {
      await page.setViewportSize(size);
      const { scrollWidth, scrollHeight } = await page.evaluate(() => ({
        scrollWidth: document.documentElement.scrollWidth,
        scrollHeight: document.documentElement.scrollHeight,
      }));
      expect(scrollWidth, `${size.width} wide`).toBeLessThanOrEqual(size.width);
      expect(scrollHeight, `${size.width} wide`).toBeLessThanOrEqual(size.height);
    }
    await page.getByText("Waiting for a trace").waitFor();
    const command = (await page.locator("[data-snippet=curl]").textContent())!;
    await promisify(execFile)("bash", ["-c", command]);
    // The overview is there by itself, with the run.
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    await page.locator("figure svg").first().waitFor();
    await page.goto(`${own.url}/runs`);
    await page.locator("[role=row][aria-rowindex]").first().waitFor();
  });
});

test("the palette goes to an agent, switches night and day, and copies the address without a clipboard", async () => {
  await visit("/runs?sort=-duration_ms", async (page) => {
    await page.locator("[role=row][aria-rowindex]").first().waitFor();
    // As on a page over plain HTTP from another computer.
    await page.evaluate(() => {
      Object.defineProperty(navigator, "clipboard", { value: undefined });
      document.addEventListener("copy", () => {
        document.body.dataset.copied = (document.activeElement as HTMLTextAreaElement).value;
      });
    });
    const field = page.getByRole("combobox", { name: "Go to a page, run or agent" });
    const address = page.url();
    await page.keyboard.press("Control+k");
    await field.fill("copy the address");
    await page.getByRole("option", { name: /Copy the address/ }).waitFor();
    await page.keyboard.press("Enter");
    await until(
      () => page.evaluate(() => document.body.dataset.copied),
      (copied) => copied === address,
      "the address",
    );
    const scheme = () => page.evaluate(() => document.documentElement.getAttribute("data-mantine-color-scheme"));
    for (const seen of ["light", "dark"]) {
      await page.keyboard.press("Control+k");
      await field.fill("night");
      await page.getByRole("option", { name: /Switch night and day/ }).click();
      await until(scheme, (now) => now === seen, seen);
    }
    await page.keyboard.press("Control+k");
    const agent = page.getByRole("option").filter({ hasText: "runs in 7 days" }).first();
    const name = (await agent.locator("span").first().textContent())!;
    await field.fill(name);
    await page.getByRole("option").filter({ hasText: "runs in 7 days" }).first().click();
    await until(
      async () => new URL(page.url()).searchParams.get("name"),
      (chosen) => chosen === name,
      "the agent's page",
    );
  });
});
