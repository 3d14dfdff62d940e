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
/** Agents that are at work while pages are watched. */
const LIVE_AGENTS = 20;

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
    () => ask<{ run: { steps: number; provisional: boolean } }>(`/api/v1/runs/${trace}?content=none&limit=10`),
    ({ run }) => run.steps === steps && !run.provisional,
    "the large run, whole",
    240_000,
  );
  // Judging what was just sent takes both processors for a while: it is the page that is measured.
  await until(
    async () => (await fetch(`${URL_UNDER_TEST}/metrics`)).text(),
    (metrics) => /^tawny_watch_waiting_runs 0$/m.test(metrics),
    "that it is judged",
    240_000,
  );
}

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

/** What a figure should be: at most, or at least, so much. */
interface Aim {
  most?: number;
  least?: number;
}

/** One line a figure: what, how much, what is aimed at, and whether it is met. */
function told(what: string, value: number, unit: string, { most, least }: Aim = {}, digits = 0) {
  const amount = `${value.toFixed(digits)} ${unit}`;
  const aim = most !== undefined ? `at most ${most}` : least !== undefined ? `at least ${least}` : "–";
  const met =
    most === undefined && least === undefined
      ? ""
      : value <= (most ?? Number.POSITIVE_INFINITY) && value >= (least ?? Number.NEGATIVE_INFINITY)
        ? "met"
        : "missed";
  console.log(`${what.padEnd(64)} ${amount.padStart(18)}   aim ${aim.padEnd(14)} ${met}`);
}

async function opened(): Promise<Page> {
  const context = await browser.newContext({ viewport: WIDE, colorScheme: "dark" });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  return page;
}

/** What is waited for: an element by its selector, with a text where one is given. */
interface Sight {
  selector: string;
  text?: string;
}

/**
 * Looks in the page itself, frame by frame, for something to be drawn, and remembers when it was; so that the way between the
 * test and the browser does not count. Milliseconds since the document was asked for, or since the next click.
 */
function lookOut({ sight: { selector, text }, click }: { sight: Sight; click: boolean }) {
  const state = window as unknown as { begun: number; seen: number };
  Object.assign(state, { begun: click ? undefined : 0, seen: undefined });
  if (click)
    document.addEventListener(
      "pointerdown",
      () => {
        state.begun ??= performance.now();
      },
      { capture: true, once: true },
    );
  const look = () => {
    const there = [...document.querySelectorAll(selector)].some((each) => !text || each.textContent?.includes(text));
    if (state.begun === undefined || !there) return void requestAnimationFrame(look);
    // What is there before a frame is drawn is seen with it; a message that is sent now comes after.
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      state.seen = performance.now() - state.begun;
    };
    port2.postMessage(0);
  };
  requestAnimationFrame(look);
}

/** When what was looked out for was drawn. */
const seen = async (page: Page) =>
  (await page.waitForFunction(() => (window as unknown as { seen?: number }).seen)).evaluate((value) => Number(value));

/** Milliseconds from a click until something is drawn. */
async function clicked(page: Page, act: () => Promise<unknown>, sight: Sight): Promise<number> {
  await page.evaluate(lookOut, { sight, click: true });
  await act();
  return seen(page);
}

/** Until nothing is asked any more; a live page always asks, so not for long. */
const settled = (page: Page) => page.waitForLoadState("networkidle", { timeout: 4000 }).catch(() => {});

const ROWS = { selector: "[role=row][aria-rowindex]" };
const ANSWER = { selector: "[aria-label='Is it working?']", text: "runs ended well" };

/** Loads an address as who comes for the first time does; gives when something is drawn, what that costs, and what was sent for it. */
async function load(path: string, sight: Sight) {
  const page = await opened();
  await page.addInitScript(lookOut, { sight, click: false });
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  const kinds = new Map<string, string>();
  let [bytes, asked] = [0, 0];
  session.on("Network.responseReceived", ({ requestId, response }) =>
    kinds.set(requestId, new URL(response.url).pathname),
  );
  session.on("Network.requestWillBeSent", ({ request }) => {
    if (new URL(request.url).pathname.startsWith("/api/")) asked += 1;
  });
  session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    if (!kinds.get(requestId)?.startsWith("/api/")) bytes += encodedDataLength;
  });
  const worked = await working(page);
  await page.goto(URL_UNDER_TEST + path);
  const ms = await seen(page);
  const work = (await worked()) * 1000;
  await settled(page);
  const all = (await worked()) * 1000;
  await page.context().close();
  return { ms, work, all, kib: bytes / 1024, asked };
}

test("first load", async () => {
  const loads: Awaited<ReturnType<typeof load>>[] = [];
  for (let at = 0; at < TIMES; at += 1) loads.push(await load("/overview", ANSWER));
  const of = (one: keyof (typeof loads)[number]) => median(loads.map((each) => each[one]));
  told("first load of the overview, all but answers", Math.max(...loads.map((each) => each.kib)), "KiB", { most: 500 });
  told("first load, until the first answer is drawn", of("ms"), "ms", { most: 1000 });
  told("… processor time of the page until then", of("work"), "ms");
  told("… and until nothing is asked any more", of("all"), "ms");
  told("… answers asked for", of("asked"), "");
}, 300_000);

test("the list of runs", async () => {
  const times: number[] = [];
  const work: number[] = [];
  for (let at = 0; at < TIMES; at += 1) {
    // Another document each time: answers that are kept would say nothing about the server.
    const page = await opened();
    await page.goto(`${URL_UNDER_TEST}/status`);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await settled(page);
    const worked = await working(page);
    times.push(await clicked(page, () => page.getByRole("link", { name: "Runs", exact: true }).click(), ROWS));
    work.push((await worked()) * 1000);
    await page.context().close();
  }
  told(`list of runs, until rows are drawn (median of ${TIMES})`, median(times), "ms", { most: 300 });
  told("… processor time of the page until then", median(work), "ms");
  const loads: number[] = [];
  for (let at = 0; at < TIMES; at += 1) loads.push((await load("/runs", ROWS)).ms);
  told("list of runs as the first page, until rows are drawn", median(loads), "ms", { most: 1000 });
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
  told(`scrolling ${what}`, frames, "frames/s", { least: 50 });
  told("… processor time of the page a frame", each * 1000, "ms", { most: 20 }, 1);
  told(`scrolling ${what}, the longest frame`, longest, "ms");
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
    const work: number[] = [];
    for (let at = 0; at < TIMES; at += 1) {
      const row = page.locator(`a[href*="${trace}"]`).first();
      await row.waitFor();
      await settled(page);
      const worked = await working(page);
      times.push(await clicked(page, () => row.click(), { selector: "[role=treeitem]" }));
      work.push((await worked()) * 1000);
      // Keeps the answer from being taken out of the page's memory next time.
      if (at < TIMES - 1) await page.goto(list);
    }
    const name = `run of ${steps.toLocaleString("en")} steps`;
    told(`${name}, until its tree is drawn`, median(times), "ms", { most: 500 });
    told("… processor time of the page until then", median(work), "ms");
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
    told("folding everything", fold, "ms");
    told("unfolding everything", unfold, "ms");
    told("folding one agent", one, "ms", { most: 100 });
    told("unfolding it", again, "ms", { most: 100 });
    await page.context().close();
  },
  1_200_000,
);

/**
 * The least and the most heap in a quarter of the time. Answers are kept for minutes and rows up to a bound, so the heap goes up and
 * down by some MiB; what nobody lets go of lifts the least of a quarter.
 */
function ofQuarter(points: [minute: number, mib: number][], quarter: 1 | 2 | 3 | 4): { least: number; most: number } {
  const [from, to] = [quarter - 1, quarter].map((end) => Math.floor((points.length * end) / 4));
  const heap = points.slice(from, to).map(([, mib]) => mib);
  expect(heap.length).toBeGreaterThan(0);
  return { least: Math.min(...heap), most: Math.max(...heap) };
}

test(
  "memory of pages left live",
  async () => {
    const watched = await Promise.all(
      ["/runs?from=all", "/overview"].map(async (path) => {
        const page = await opened();
        await page.goto(URL_UNDER_TEST + path);
        await page.getByRole("heading", { level: 1 }).waitFor();
        const session = await page.context().newCDPSession(page);
        return { path, page, session, points: [] as [number, number][] };
      }),
    );
    const begun = Date.now();
    const end = begun + LIVE_MINUTES * 60_000;
    let sent = 0;
    while (Date.now() < end) {
      const until = Date.now() + 10_000;
      while (Date.now() < until) {
        await sendSpans(
          { trace: newTraceId(), start: Date.now() - 2000, service: "live" },
          supportRun(`live${sent % LIVE_AGENTS}`, "live"),
        );
        sent += 1;
        await new Promise((done) => setTimeout(done, 500));
      }
      for (const { session, points } of watched) {
        await session.send("HeapProfiler.collectGarbage");
        const { usedSize } = await session.send("Runtime.getHeapUsage");
        points.push([(Date.now() - begun) / 60_000, usedSize / 2 ** 20]);
      }
    }
    for (const { path, page, points } of watched) {
      told(`heap of ${path} after ${LIVE_MINUTES} min live, ${sent} runs`, points.at(-1)![1], "MiB", {}, 1);
      const [second, last] = [ofQuarter(points, 2), ofQuarter(points, 4)];
      // Two quarters lie between. Of some minutes, an hour is a guess.
      const growth = (last.least - second.least) * (120 / LIVE_MINUTES);
      told("… its least in the second quarter of the time", second.least, "MiB", {}, 1);
      told("… its least in the last quarter", last.least, "MiB", {}, 1);
      told("… which grows", growth, "MiB/h", { most: LIVE_MINUTES < 30 ? 10 : 1 }, 1);
      told("… its most in the second quarter", second.most, "MiB", {}, 1);
      told("… its most in the last quarter", last.most, "MiB", {}, 1);
      await page.context().close();
    }
  },
  LIVE_MINUTES * 60_000 + 120_000,
);
