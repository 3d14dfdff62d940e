/**
 * What the interface costs in a browser: `npm run bench` against the server at TAWNY_URL. It prints figures beside what is aimed at
 * and fails only where something does not work at all: figures belong to a machine.
 */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, launch, URL_UNDER_TEST, until, WIDE } from "./browser";
import { newTraceId, type SpanIn, sendSpans, supportRun } from "./otlp";

/** Steps of the large runs. */
const STEPS = [20_000, 100_000];
/** Spans a request. */
const BATCH = 4000;
/** Times a measurement is repeated; the median is told. */
const TIMES = Number(process.env.BENCH_TIMES ?? 5);
const LIVE_MINUTES = Number(process.env.BENCH_LIVE_MINUTES ?? 5);

let browser: Awaited<ReturnType<typeof launch>>;

/** A crawler that hands each forty steps to an agent of its own. */
async function sendLarge(trace: string, steps: number) {
  const start = Date.now() - steps * 12;
  const spans: SpanIn[] = [
    {
      id: "root",
      name: "invoke_agent crawler",
      at: 0,
      ms: steps * 12,
      attributes: { "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "crawler" },
    },
  ];
  for (let at = 1; at < steps; at += 1) {
    const agent = at % 40 === 1;
    spans.push({
      id: `s${at}`,
      parent: agent ? "root" : `s${at - ((at - 1) % 40)}`,
      name: agent ? "invoke_agent reader" : at % 2 ? "execute_tool fetch_page" : "chat gpt-5-mini",
      at: at * 12,
      ms: agent ? 470 : 10,
      attributes: agent
        ? { "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "reader" }
        : at % 2
          ? { "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "fetch_page" }
          : {
              "gen_ai.operation.name": "chat",
              "gen_ai.request.model": "gpt-5-mini",
              "gen_ai.provider.name": "openai",
              "gen_ai.usage.input_tokens": 900,
              "gen_ai.usage.output_tokens": 40,
            },
    });
  }
  for (let at = 0; at < spans.length; at += BATCH)
    await sendSpans({ trace, start, service: `bench${steps}` }, spans.slice(at, at + BATCH));
  await until(
    () => ask<{ run: { steps: number } }>(`/api/v1/runs/${trace}?content=none&limit=10`),
    ({ run }) => run.steps === steps,
    "the large run",
    240_000,
  );
}

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
const told = (what: string, figure: string, aim: string) =>
  console.log(`${what.padEnd(52)} ${figure.padStart(14)}   aim ${aim}`);

async function opened(): Promise<Page> {
  const context = await browser.newContext({ viewport: WIDE, colorScheme: "dark" });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  return page;
}

test("first load", async () => {
  const times: number[] = [];
  let bytes = 0;
  for (let at = 0; at < TIMES; at += 1) {
    const page = await opened();
    const session = await page.context().newCDPSession(page);
    await session.send("Network.enable");
    const kinds = new Map<string, string>();
    let sum = 0;
    session.on("Network.responseReceived", ({ requestId, response }) =>
      kinds.set(requestId, new URL(response.url).pathname),
    );
    session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
      if (!kinds.get(requestId)?.startsWith("/api/")) sum += encodedDataLength;
    });
    const begun = performance.now();
    await page.goto(`${URL_UNDER_TEST}/overview`);
    await page
      .getByRole("region", { name: "Is it working?" })
      .getByText(/runs ended well/)
      .waitFor();
    times.push(performance.now() - begun);
    await page.waitForLoadState("networkidle").catch(() => {});
    bytes = Math.max(bytes, sum);
    await page.context().close();
  }
  told("first load of the overview, all but answers", `${(bytes / 1024).toFixed(0)} KiB`, "500 KiB");
  told("first load, until the first answer is read", `${median(times).toFixed(0)} ms`, "1,000 ms");
}, 300_000);

test("the list of runs", async () => {
  const page = await opened();
  await page.goto(`${URL_UNDER_TEST}/status`);
  await page.getByRole("heading", { level: 1 }).waitFor();
  const times: number[] = [];
  for (let at = 0; at < TIMES; at += 1) {
    const begun = performance.now();
    await page.getByRole("link", { name: "Runs", exact: true }).click();
    await page.locator("[role=row][aria-rowindex]").first().waitFor();
    times.push(performance.now() - begun);
    await page.getByRole("link", { name: "Status", exact: true }).click();
    await page.locator("[role=row][aria-rowindex]").first().waitFor({ state: "detached" });
    // Answers that are kept would say nothing about the server.
    await page.waitForTimeout(5500);
  }
  told(`list of runs, until rows are there (median of ${TIMES})`, `${median(times).toFixed(0)} ms`, "300 ms");
  await page.context().close();
}, 300_000);

/**
 * Tells how many seconds of a processor the page's main thread took since: what the clock says depends on what else the
 * machine does. One session for both looks, for counting begins with it.
 */
async function working(page: Page): Promise<() => Promise<number>> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const worked = async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "TaskDuration")?.value ?? Number.NaN;
  };
  const before = await worked();
  return async () => (await worked()) - before;
}

/** Frames a second while the tree is scrolled for some seconds, 240 pixels a frame, and the longest frame. */
const scrolled = (page: Page) =>
  page.evaluate(async () => {
    let scroller = document.querySelector("[role=tree]")!.parentElement!;
    while (scroller.scrollHeight <= scroller.clientHeight) scroller = scroller.parentElement!;
    const gaps: number[] = [];
    const begun = performance.now();
    let last = begun;
    while (last - begun < 4000) {
      const now = await new Promise<number>(requestAnimationFrame);
      gaps.push(now - last);
      last = now;
      scroller.scrollTop += 240;
      if (scroller.scrollTop + scroller.clientHeight >= scroller.scrollHeight - 1) scroller.scrollTop = 0;
    }
    scroller.scrollTop = 0;
    return { frames: (gaps.length / (last - begun)) * 1000, longest: Math.max(...gaps.slice(1)), drawn: gaps.length };
  });

async function tellScrolled(page: Page, what: string) {
  const worked = await working(page);
  const { frames, longest, drawn } = await scrolled(page);
  const each = (await worked()) / drawn;
  told(`scrolling ${what}`, `${frames.toFixed(0)} frames/s`, "50");
  told("… processor time of the page a frame", `${(each * 1000).toFixed(1)} ms`, "20 ms");
  told(`scrolling ${what}, the longest frame`, `${longest.toFixed(0)} ms`, "–");
}

/** Rows of the tree, also of those out of sight. */
const rowsOf = (page: Page) =>
  page.evaluate(() => Math.round(document.querySelector("[role=tree]")!.getBoundingClientRect().height / 30));

/** Milliseconds from a click, or a key, until the tree has another number of rows and is drawn. */
async function changed(page: Page, act: () => Promise<unknown>): Promise<number> {
  await page.evaluate(() => {
    const tree = document.querySelector<HTMLElement>("[role=tree]")!;
    const height = tree.style.height;
    const taken = new Promise<number>((done) => {
      let begun = 0;
      const begin = () => {
        begun ||= performance.now();
      };
      document.addEventListener("pointerdown", begin, { capture: true, once: true });
      document.addEventListener("keydown", begin, { capture: true, once: true });
      const look = () => {
        if (begun > 0 && tree.style.height !== height) requestAnimationFrame(() => done(performance.now() - begun));
        else requestAnimationFrame(look);
      };
      look();
    });
    Object.assign(window, { taken });
  });
  await act();
  return page.evaluate(() => (window as unknown as { taken: Promise<number> }).taken);
}

test.each(STEPS)(
  "a run of %i steps",
  async (steps) => {
    const trace = newTraceId();
    await sendLarge(trace, steps);
    const list = `${URL_UNDER_TEST}/runs?service=bench${steps}&from=all`;
    const page = await opened();
    await page.goto(list);
    const times: number[] = [];
    for (let at = 0; at < TIMES; at += 1) {
      const row = page.locator(`a[href*="${trace}"]`).first();
      await row.waitFor();
      const begun = performance.now();
      await row.click();
      await page.getByRole("treeitem").first().waitFor();
      times.push(performance.now() - begun);
      // Keeps the answer from being taken out of the page's memory next time.
      if (at < TIMES - 1) await page.goto(list);
    }
    const name = `run of ${steps.toLocaleString("en")} steps`;
    told(`${name}, until its tree is there`, `${median(times).toFixed(0)} ms`, "500 ms");
    await tellScrolled(page, `its tree, ${(await rowsOf(page)).toLocaleString("en")} rows`);
    // As much of it as the first step gives when it is opened again and again.
    await page.getByRole("treeitem").first().click();
    // Each time gives more of them, the first time perhaps no more than are there.
    for (let asked = 0; asked < 4 && (await rowsOf(page)) < steps; asked += 1) {
      const answered = page.waitForResponse(/\/api\/v1\/runs\//, { timeout: 10_000 }).catch(() => undefined);
      await page.keyboard.press("Enter");
      await answered;
      await page.waitForTimeout(1500);
    }
    const rows = await rowsOf(page);
    expect(rows).toBeGreaterThan(0);
    await tellScrolled(page, `its tree opened further, ${rows.toLocaleString("en")} rows`);
    const button = (label: string) => page.getByRole("button", { name: label, exact: true });
    const fold = await changed(page, () => button("Fold everything").click());
    const unfold = await changed(page, () => button("Unfold everything").click());
    await page.getByRole("treeitem").nth(1).click();
    const one = await changed(page, () => page.keyboard.press("ArrowLeft"));
    const again = await changed(page, () => page.keyboard.press("ArrowRight"));
    told("folding everything, unfolding everything", `${fold.toFixed(0)}, ${unfold.toFixed(0)} ms`, "–");
    told("folding one agent, unfolding it", `${one.toFixed(0)}, ${again.toFixed(0)} ms`, "100 ms");
    await page.context().close();
  },
  1_200_000,
);

test(
  "memory of a page left live",
  async () => {
    const page = await opened();
    const session = await page.context().newCDPSession(page);
    await page.goto(`${URL_UNDER_TEST}/runs?from=all`);
    await page.locator("[role=row][aria-rowindex]").first().waitFor();
    const points: [number, number][] = [];
    const begun = Date.now();
    const end = begun + LIVE_MINUTES * 60_000;
    let sent = 0;
    while (Date.now() < end) {
      const until = Date.now() + 10_000;
      while (Date.now() < until) {
        await sendSpans(
          { trace: newTraceId(), start: Date.now() - 2000, service: "live" },
          supportRun(`live${sent}`, "live"),
        );
        sent += 1;
        await new Promise((done) => setTimeout(done, 500));
      }
      await session.send("HeapProfiler.collectGarbage");
      const { usedSize } = await session.send("Runtime.getHeapUsage");
      points.push([(Date.now() - begun) / 60_000, usedSize / 2 ** 20]);
    }
    // The first half fills the list up to its bound; what grows after that is a leak.
    const later = points.slice(Math.floor(points.length / 2));
    const mean = (at: 0 | 1) => later.reduce((sum, point) => sum + point[at], 0) / later.length;
    const [x, y] = [mean(0), mean(1)];
    const slope =
      later.reduce((sum, [minute, mib]) => sum + (minute - x) * (mib - y), 0) /
      Math.max(
        1e-9,
        later.reduce((sum, [minute]) => sum + (minute - x) ** 2, 0),
      );
    expect(later.length).toBeGreaterThan(1);
    told(`heap after ${LIVE_MINUTES} min live, ${sent} runs`, `${points.at(-1)![1].toFixed(1)} MiB`, "–");
    told("growth over the second half", `${(slope * 60).toFixed(1)} MiB/h`, "0");
    await page.context().close();
  },
  LIVE_MINUTES * 60_000 + 120_000,
);
