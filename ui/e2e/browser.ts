/** A browser on the server under test. */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect } from "vitest";

export const URL_UNDER_TEST = (() => {
  const url = process.env.TAWNY_URL;
  if (!url) throw new Error("set TAWNY_URL to the address of a running server, for example http://127.0.0.1:8296");
  return url.replace(/\/$/, "");
})();

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
    page.setDefaultTimeout(25_000);
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
      await opened.close();
    }
  };
}

/** JSON of an API answer. */
export async function ask<T>(path: string): Promise<T> {
  const response = await fetch(URL_UNDER_TEST + path);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

/** Waits until `question` answers as `good` wants. */
export async function until<T>(
  question: () => Promise<T>,
  good: (answer: T) => boolean,
  what: string,
  ms = 25_000,
): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const answer = await question();
    if (good(answer)) return answer;
    if (Date.now() > end)
      throw new Error(`${what} did not happen within ${ms} ms; last answer: ${JSON.stringify(answer)?.slice(0, 500)}`);
    await new Promise((done) => setTimeout(done, 150));
  }
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
    });
    return violations.flatMap(({ id, nodes }) =>
      nodes.map((node) => `${id}: ${node.html.slice(0, 200)} — ${node.failureSummary.slice(0, 300)}`),
    );
  });
}
