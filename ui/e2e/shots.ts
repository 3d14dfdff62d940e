/**
 * Pictures of every page of a running server: night and day, wide and narrow. `npm run shots` writes them to SHOTS (a folder).
 * The server should have some traffic; what is shown is chosen by what it has. EMPTY_URL names a server without data, LOCKED_URL
 * one that asks for credentials: without them their pictures are left out. ONLY=run,costs takes some; TALL=1 takes whole pages.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, test } from "vitest";
import { launch, NARROW, URL_UNDER_TEST, WIDE } from "./browser";
import { type Shot, shotPages } from "./shotPages";

const folder = process.env.SHOTS ?? "shots";
mkdirSync(folder, { recursive: true });
const only = process.env.ONLY?.split(",");
const looks = process.env.LOOKS?.split(",");
/** How long a page may take on a machine that does much else. */
const SLOW_MS = 120_000;

const servers = { empty: process.env.EMPTY_URL, locked: process.env.LOCKED_URL, full: URL_UNDER_TEST };

let browser: Awaited<ReturnType<typeof launch>>;
let shots: Shot[];

beforeAll(async () => {
  browser = await launch();
  shots = await shotPages();
}, 600_000);
afterAll(() => browser.close());

test.each([["wide", WIDE] as const, ["narrow", NARROW] as const])(
  "%s",
  async (_, viewport) => {
    const schemes = (["dark", "light"] as const).filter(
      (scheme) => !looks || looks.includes(`${viewport.width}-${scheme}`),
    );
    if (schemes.length === 0) return;
    const context = await browser.newContext({ viewport });
    const failed: string[] = [];
    for (const { name, path, act, of = "full", failing } of shots) {
      if (!servers[of] || (only && !only.includes(name))) continue;
      const page = await context.newPage();
      page.setDefaultTimeout(SLOW_MS);
      page.setDefaultNavigationTimeout(SLOW_MS);
      try {
        if (failing)
          await page.route(failing, (route) =>
            route.fulfill({ status: 500, json: { title: "Internal error", detail: "The store did not answer." } }),
          );
        await page.emulateMedia({ colorScheme: schemes[0] });
        await page.goto(servers[of] + path);
        await page.waitForTimeout(300);
        await page.locator("[aria-label=Loading]").first().waitFor({ state: "hidden" });
        await act?.(page);
        // A chart's program is loaded apart, and draws later than the rest of the page.
        await page.waitForFunction(() =>
          [...document.querySelectorAll("div[role=img]")].every((chart) => chart.childElementCount > 0),
        );
        if (process.env.TALL) {
          const height = await page.evaluate(() =>
            Math.max(...[...document.querySelectorAll("*")].map((each) => each.scrollHeight)),
          );
          await page.setViewportSize({ width: viewport.width, height: Math.min(Math.max(height, 600), 4000) });
        }
        // The same page in both: night and day are compared, and half as much is loaded.
        for (const scheme of schemes) {
          await page.emulateMedia({ colorScheme: scheme });
          await page.waitForTimeout(700);
          await page.screenshot({ path: join(folder, `${name}-${viewport.width}-${scheme}.png`) });
        }
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        if (wide > viewport.width) failed.push(`${name}: ${wide} px wide`);
      } catch (error) {
        failed.push(`${name}: ${String(error).split("\n")[0]}`);
      } finally {
        await page.close();
      }
    }
    await context.close();
    if (failed.length > 0) throw new Error(failed.join("\n"));
  },
  3_600_000,
);
