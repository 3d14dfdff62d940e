/** A browser on the server under test. */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from "playwright-core";
import { afterAll, beforeAll, expect } from "vitest";
import { URL_UNDER_TEST, until } from "./server";

export { ask, URL_UNDER_TEST, until } from "./server";

const ARGS = [
  "--no-sandbox",
  "--headless=new",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--font-render-hinting=none",
];

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

export function launch() {
  if (!existsSync(CHROMIUM))
    throw new Error(`there is no ${CHROMIUM}: install Chromium (apt-get install chromium) or set CHROMIUM to its path`);
  return chromium.launch({ executablePath: CHROMIUM, args: ARGS });
}

export const WIDE = { width: 1440, height: 900 };
export const NARROW = { width: 390, height: 844 };

/** A page may take so long to show something. Generous: it is spent only where something never comes. */
const PATIENCE_MS = 90_000;

/** Opens pages for the tests of a file; anything a page complains about fails its test. */
export function withBrowser() {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser.close());

  return async function visit<T>(
    path: string,
    work: (page: Page) => Promise<T>,
    options: BrowserContextOptions & { complaints?: RegExp } = {},
  ): Promise<T> {
    const { complaints, ...context } = options;
    const opened = await browser.newContext({ viewport: WIDE, colorScheme: "dark", ...context });
    const page = await opened.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    const heard: string[] = [];
    page.on("pageerror", (error) => heard.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error" && !complaints?.test(message.text())) heard.push(message.text());
    });
    try {
      await page.goto(URL_UNDER_TEST + path);
      const result = await work(page);
      expect(heard).toEqual([]);
      return result;
    } finally {
      // A file that is still on the way when the page closes is nobody's fault.
      await opened.unrouteAll({ behavior: "ignoreErrors" });
      await opened.close();
    }
  };
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe-core finds wrong, a line each. */
export async function axe(page: Page): Promise<string[]> {
  await page.evaluate(axeSource);
  return page.evaluate(async () => {
    const { axe } = window as unknown as {
      axe: {
        run: (
          root: Document,
          options: object,
        ) => Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }>;
      };
    };
    const { violations } = await axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
      // What passes is not read, and would be half of the work.
      resultTypes: ["violations"],
    });
    return violations.flatMap(({ id, nodes }) =>
      nodes.map((node) => `${id}: ${node.html.slice(0, 200)} — ${node.failureSummary.slice(0, 300)}`),
    );
  });
}

/** A page in a scheme of colours and a size. */
export interface Look {
  colorScheme: "dark" | "light";
  viewport: { width: number; height: number };
}
const [NIGHT, DAY] = ["dark", "light"] as const;

/** Colours depend on the scheme, structure on the width: two of the four looks show both of each. */
export const TWO_LOOKS: Look[] = [
  { colorScheme: NIGHT, viewport: WIDE },
  { colorScheme: DAY, viewport: NARROW },
];
export const FOUR_LOOKS: Look[] = [
  ...TWO_LOOKS,
  { colorScheme: NIGHT, viewport: NARROW },
  { colorScheme: DAY, viewport: WIDE },
];

/** In each look, once `ready` is there and nothing loads any more: what axe finds wrong, and that nothing scrolls sideways. */
export async function usableByAll(page: Page, ready: (page: Page) => Locator, looks = TWO_LOOKS) {
  for (const { colorScheme, viewport } of looks) {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.locator(`html[data-mantine-color-scheme=${colorScheme}]`).waitFor();
    await ready(page).first().waitFor();
    await until(
      () => page.locator("[aria-label=Loading]").count(),
      (loading) => loading === 0,
      "that nothing loads any more",
    );
    // Two frames later, as a reader sees it: sizes and colours have changed together.
    await page.evaluate(
      () => new Promise<void>((done) => requestAnimationFrame(() => requestAnimationFrame(() => done()))),
    );
    const where = `${colorScheme}, ${viewport.width} pixels`;
    expect(await axe(page), where).toEqual([]);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(over, `sideways, ${where}`).toBeLessThanOrEqual(0);
  }
}
