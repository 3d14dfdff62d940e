/** How times and numbers are written, everywhere: in the browser's zone or another, as ISO 8601 or as the browser's language has it. */
import type { Page } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import { ask, until, withBrowser } from "./browser";
import { newTraceId, type Sent, sendLogs, sendSpans, spanId, supportRun } from "./otlp";
import { germanInTokyo } from "./seen";

const visit = withBrowser();
const mark = `said${newTraceId().slice(0, 8)}`.replaceAll(/\d/g, "x");
const sent: Sent = { trace: newTraceId(), start: Date.now() - 5_000, service: `e2e-${mark}` };
const other: Sent = { ...sent, trace: newTraceId(), start: Date.now() - 9_000 };

beforeAll(async () => {
  await sendSpans(sent, supportRun(mark, `session-${mark}`));
  await sendSpans(other, supportRun(mark, `session-${mark}`));
  await sendLogs(sent, [{ span: "tool1", at: 830, severity: [17, "ERROR"], body: `timeout for ${mark}` }]);
  await until(
    () => ask<{ total: number }>(`/api/v1/runs?service=${sent.service}`),
    ({ total }) => total === 2,
    "the runs",
  );
});

const sql = (query: string) => `/sql?${new URLSearchParams({ q: query, as: "chart" })}`;

/** Pages whose moments are all of the last minutes, with something that is there once they are whole. */
const PAGES: [path: string, ready: string][] = [
  [`/runs?service=${sent.service}&columns=name,duration,started,cost,tokens`, "[role=row][aria-rowindex]"],
  [`/runs/${sent.trace}?step=${spanId("search")}`, "[role=tabpanel] ol"],
  [`/runs/${sent.trace}?step=${spanId("chat1")}`, "[role=tabpanel] article"],
  [`/runs/${sent.trace}?view=logs`, "main li"],
  [`/sessions/session?id=session-${mark}`, "ol li"],
  [`/logs?service=${sent.service}&from=15m`, "section li"],
  // Of its own agent: charts of all agents bear marks of what other tests sent, of hours before.
  [`/overview?from=15m&agent=${mark}`, "figure svg"],
  [`/deep-dive?from=15m&agent=${mark}`, "figure svg"],
  [`/tools?from=15m&agent=${mark}`, "table tbody tr"],
  [`/agents/agent?name=${mark}`, "table tbody tr"],
  [`/compare?a=${sent.trace}&b=${other.trace}`, "[aria-label='Pairs of steps'] li"],
  ["/explore?expr=tawny_ready&from=15m", "[aria-label=Graph] svg"],
  ["/explore?expr=avg(tawny_ready)/3&from=15m&mode=table", "[aria-label=Values] td"],
  [sql("SELECT started_at, duration_ms FROM runs ORDER BY started_at DESC LIMIT 5"), "figure svg, [role=img] svg"],
];

/** All that is said by a page, also in titles and to those who cannot see; without what is shown as it was sent. */
const words = (page: Page) =>
  page.evaluate(() => {
    const main = document.querySelector("main")!;
    const verbatim = "textarea, pre, code, article, .mono";
    const out: string[] = [];
    const walk = document.createTreeWalker(main, NodeFilter.SHOW_TEXT);
    for (let node = walk.nextNode(); node; node = walk.nextNode())
      if (!node.parentElement?.closest(verbatim)) out.push(node.textContent ?? "");
    for (const name of ["title", "aria-label", "aria-valuetext"])
      for (const element of main.querySelectorAll(`[${name}]`)) out.push(element.getAttribute(name) ?? "");
    return out;
  });

const NEAR_MS = 40 * 60_000;
const DAY_MS = 86_400_000;

/** Times of day among the words that are none of the last minutes in that zone. */
function strange(said: string[], timeZone: string): string[] {
  const parts = new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const minutes = (clock: string) => Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3, 5));
  const now = minutes(parts.format(Date.now())) * 60_000;
  return said.filter((text) =>
    [...text.matchAll(/(?<![\d:.+-])([01]\d|2[0-3]):[0-5]\d(?![\d])/g)].some(([clock]) => {
      const away = Math.abs(minutes(clock) * 60_000 - now);
      return Math.min(away, DAY_MS - away) > NEAR_MS;
    }),
  );
}

/** Numbers with a part, as far as their unit shows that they are none of somebody's words. */
const FRACTIONS = {
  point: /\d\.\d+ ?(ms|s|m|h|%|k|M|[KMG]iB)(?![a-z])|\$0\.\d|\$\d+\.\d\d(?!\d)/,
  comma: /\d,\d+ ?(ms|s|%|[KMG]iB)(?![a-z])|\$0,\d|\$\d+,\d\d(?!\d)/,
};
const ISO = /\b20\d\d-\d\d-\d\d \d\d:/;
const GERMAN = /\b\d\d\.\d\d\.(20\d\d|,? \d\d:)/;

async function read(page: Page, [path, ready]: (typeof PAGES)[number]): Promise<string[]> {
  await page.goto(new URL(path, page.url()).href);
  await page.locator(ready).first().waitFor();
  await until(
    () => page.locator("[aria-label=Loading]").count(),
    (loading) => loading === 0,
    "that nothing loads any more",
  );
  return words(page);
}

test("times are in the browser's zone, numbers with points and dates as ISO 8601, unless something else is chosen", async () => {
  await visit(
    "/status",
    async (page) => {
      const all: string[] = [];
      for (const each of PAGES) {
        const said = await read(page, each);
        expect(strange(said, "America/New_York"), each[0]).toEqual([]);
        expect(
          said.filter((text) => FRACTIONS.comma.test(text) || GERMAN.test(text)),
          each[0],
        ).toEqual([]);
        all.push(...said);
      }
      expect(all.some((text) => ISO.test(text))).toBe(true);
      expect(all.some((text) => FRACTIONS.point.test(text))).toBe(true);
    },
    { timezoneId: "America/New_York", locale: "de-DE" },
  );
});

test("another zone and the browser's language are chosen once, and hold on every page", async () => {
  await visit(
    "/runs",
    async (page) => {
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page.keyboard.press("?");
      const help = page.getByRole("dialog");
      await help.getByRole("combobox", { name: "Times in" }).or(help.getByLabel("Times in")).first().fill("Tokyo");
      // The choice loads the page anew.
      await Promise.all([page.waitForEvent("load"), page.getByRole("option", { name: "Asia/Tokyo" }).click()]);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page.keyboard.press("?");
      await Promise.all([page.waitForEvent("load"), help.getByText(/1\.234,5/).click()]);
      const all: string[] = [];
      for (const each of PAGES) {
        const said = await read(page, each);
        expect(strange(said, "Asia/Tokyo"), each[0]).toEqual([]);
        expect(
          said.filter((text) => FRACTIONS.point.test(text) || ISO.test(text)),
          each[0],
        ).toEqual([]);
        all.push(...said);
      }
      expect(all.some((text) => GERMAN.test(text))).toBe(true);
      expect(all.some((text) => FRACTIONS.comma.test(text))).toBe(true);
      // A moment is written and read in the same zone.
      await page.goto(new URL(`/runs/${sent.trace}`, page.url()).href);
      await page.getByText(germanInTokyo(sent.start)).first().waitFor();
    },
    { timezoneId: "America/New_York", locale: "de-DE" },
  );
});
