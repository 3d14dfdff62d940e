import type { Page } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import { ask, until, withBrowser } from "./browser";
import { columnAt } from "./chart";
import { newTraceId, sendSpans, supportRun } from "./otlp";

const visit = withBrowser();
const service = `e2e-overview-${newTraceId().slice(0, 6)}`;
/** Runs of this test alone. */
const RUNS = 4;
/** When they began, in milliseconds since 1970. */
const starts: number[] = [];

interface Aggregate {
  rows: { by: (string | null)[]; count: number }[];
}

beforeAll(async () => {
  for (let at = 0; at < RUNS; at += 1) {
    const start = Date.now() - 60_000 * (at + 1);
    starts.push(start);
    const sent = { trace: newTraceId(), start, service };
    await sendSpans(sent, supportRun(`overview${at}`, `session-${service}`));
  }
  await until(
    () => ask<{ total: number }>(`/api/v1/runs?service=${service}`),
    ({ total }) => total === RUNS,
    "the runs",
  );
});

test("the first page answers the three questions, with the server's numbers", async () => {
  await visit("/", async (page) => {
    await page.getByRole("region", { name: "Is it working?" }).waitFor();
    expect(new URL(page.url()).pathname).toBe("/overview");
    for (const question of ["Is it fast enough?", "Is it affordable?"])
      await page.getByRole("region", { name: question }).waitFor();
    await page.goto(`${new URL(page.url()).origin}/overview?service=${service}`);
    await until(
      () => page.getByRole("region", { name: "Is it working?" }).textContent(),
      (text) => new RegExp(`of ${RUNS} runs`).test(text ?? ""),
      "the runs of the service alone",
    );
  });
});

test("a tool in the table leads to the runs that called it", async () => {
  const { rows } = await ask<Aggregate>(`/api/v1/aggregate?of=steps&by=tool&service=${service}`);
  const tool = rows.find((row) => row.by[0])!.by[0]!;
  await visit(`/overview?service=${service}`, async (page) => {
    await page.getByRole("region", { name: "Tools" }).getByRole("link", { name: tool }).click();
    await page.locator("[role=row][aria-rowindex]").first().waitFor();
    const url = new URL(page.url());
    expect([url.pathname, url.searchParams.get("tool"), url.searchParams.get("service")]).toEqual([
      "/runs",
      tool,
      service,
    ]);
    expect(await page.locator("[role=row][aria-rowindex]").count()).toBe(RUNS);
  });
});

test("a stretch of time can be drawn out of a chart", async () => {
  await visit(`/overview?service=${service}&from=15m`, async (page) => {
    const chart = page.getByRole("img", { name: /^Runs by outcome\./ });
    await chart.locator("svg").waitFor();
    await until(
      () => chart.getAttribute("aria-label"),
      (label) => /ok|error/.test(label ?? ""),
      "bars",
    );
    const box = (await chart.boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.4, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.8, box.y + box.height / 2, { steps: 8 });
    await page.mouse.up();
    await until(
      async () => new URL(page.url()).searchParams,
      (params) => params.has("to") && params.get("from") !== "15m",
      "a shorter time in the URL",
    );
    const length = () => {
      const { searchParams } = new URL(page.url());
      return Date.parse(searchParams.get("to")!) - Date.parse(searchParams.get("from")!);
    };
    const drawn = length();
    await page.getByRole("button", { name: "Zoom out" }).click();
    await until(
      async () => length(),
      (now) => now === drawn * 2,
      "twice as long a time",
    );
  });
});

test("a cell of a heatmap leads to its runs, by pointer and by keys, and a stretch is drawn out of it", async () => {
  const started = starts.at(-1)!;
  const path = `/deep-dive?service=${service}&from=15m`;
  const opened = async (page: Page) => {
    await page.getByRole("heading", { name: "Runs", exact: true }).waitFor();
    await until(
      () => page.locator("[role=row][aria-rowindex]").count(),
      (rows) => rows === 1,
      "the run of the cell",
    );
    return new URL(page.url()).searchParams;
  };
  const { runs } = await ask<{ runs: { duration_ms: number; steps: number; started_at: string }[] }>(
    `/api/v1/runs?service=${service}`,
  );
  const first = runs.toSorted((a, b) => Date.parse(a.started_at) - Date.parse(b.started_at))[0]!;
  for (const [title, amount, took] of [
    ["Durations of runs", "duration_ms", first.duration_ms],
    ["Steps per run, as a distribution", "steps", first.steps],
  ] as const)
    await visit(
      path,
      async (page) => {
        const chart = page.getByRole("img", { name: new RegExp(`^${title} over time`) });
        const [x] = await columnAt(page, chart, started);
        // All runs took as much: their cells are one row, the only one, as high as the plot.
        const box = (await chart.boundingBox())!;
        await page.mouse.click(x, box.y + box.height / 2);
        const params = await opened(page);
        expect(Number(params.get(`min_${amount}`) ?? Number.NaN)).toBeLessThanOrEqual(took);
        expect(Number(params.get(`max_${amount}`) ?? Number.NaN)).toBeGreaterThanOrEqual(took);
      },
      { timezoneId: "UTC" },
    );
  await visit(
    path,
    async (page) => {
      const time = page.getByRole("slider", { name: /^Tokens per run, as a distribution/ });
      await time.focus();
      const told = async () => Date.parse(`${(await time.getAttribute("aria-valuetext"))?.split(": ")[0]}Z`);
      while ((await told()) > started) await page.keyboard.press("ArrowLeft");
      expect(await time.getAttribute("aria-valuetext")).toMatch(/runs 1 of .+ to .+; p50 /);
      await page.keyboard.press("Enter");
      expect((await opened(page)).get("min_tokens")).toBeNull();
    },
    { timezoneId: "UTC" },
  );
  await visit(path, async (page) => {
    const chart = page.getByRole("img", { name: /^Steps per run, as a distribution over time/ });
    await chart.locator("svg").waitFor();
    await chart.scrollIntoViewIfNeeded();
    const box = (await chart.boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.4, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.8, box.y + box.height / 2, { steps: 8 });
    await page.mouse.up();
    await until(
      async () => new URL(page.url()).searchParams,
      (params) => params.has("to") && params.get("from") !== "15m",
      "a shorter time in the URL",
    );
  });
});

test("what is compared with is in the URL", async () => {
  await visit(`/overview?service=${service}`, async (page) => {
    await page.getByRole("button", { name: "Compare with: nothing" }).click();
    await page.getByRole("menuitem", { name: "The same hours yesterday" }).click();
    await page.getByRole("button", { name: "Compare with: The same hours yesterday" }).waitFor();
    expect(new URL(page.url()).searchParams.get("vs")).toBe("1d");
  });
});

test("the same hours of yesterday and of last week are drawn below, and the answers say how it was then", async () => {
  const of = `${service}-past`;
  const at = Date.now() - 300_000;
  for (const [days, runs] of [
    [0, 1],
    [1, 3],
    [7, 2],
  ] as const)
    for (let which = 0; which < runs; which += 1)
      await sendSpans(
        { trace: newTraceId(), start: at - days * 86_400_000, service: of },
        supportRun(`past${which}`, `session-${of}`),
      );
  for (const [vs, then, runs, less] of [
    ["1d", "yesterday", 3, 67],
    ["7d", "last week", 2, 50],
  ] as const)
    await visit(`/overview?service=${of}&from=30m&vs=${vs}`, async (page) => {
      const says = (title: string, words: RegExp) =>
        until(
          () => page.getByRole("img", { name: new RegExp(`^${title}\\.`) }).getAttribute("aria-label"),
          (label) => words.test(label ?? ""),
          `${words} on ${title}`,
        );
      await says("Runs by outcome", new RegExp(`ok: last .*highest 1; all, before: highest ${runs}`));
      await says("Latency of runs", /p95, before: highest 2\.00? s/);
      await until(
        () => page.getByRole("region", { name: "Is it affordable?" }).textContent(),
        (text) => (text ?? "").includes(`▼ ${less} % compared with ${then}`),
        "how much less it is",
      );
      // Drawn too: a thin line of dashes in each chart over time, also in the heatmap.
      for (const title of ["Runs by outcome", "Latency of runs", "Durations of runs"])
        await page
          .getByRole("region", { name: title, exact: true })
          .locator('figure svg path[stroke-dasharray="3,3"]')
          .first()
          .waitFor({ state: "attached" });
    });
});

test("a click in a column opens the runs of that time, one on a bar those of its outcome, and so does the keyboard", async () => {
  const started = starts.at(-1)!;
  const path = `/overview?service=${service}&from=15m`;
  const where = (page: Page) => new URL(page.url());
  const opened = async (page: Page) => {
    await page.getByRole("heading", { name: "Runs", exact: true }).waitFor();
    const { pathname, searchParams } = where(page);
    expect([pathname, searchParams.get("service")]).toEqual(["/runs", service]);
    const [from, to] = [Date.parse(searchParams.get("from") ?? ""), Date.parse(searchParams.get("to") ?? "")];
    expect(to - from).toBe(30_000);
    expect(from <= started && started < to).toBe(true);
    await until(
      () => page.locator("[role=row][aria-rowindex]").count(),
      (rows) => rows === 1,
      "the run of that time",
    );
  };
  await visit(
    path,
    async (page) => {
      const chart = page.getByRole("img", { name: /^Runs by outcome\./ });
      const [x] = await columnAt(page, chart, started);
      const box = (await chart.boundingBox())!;
      // Just above the axis lies the bar.
      await page.mouse.click(x, box.y + box.height - 40);
      await opened(page);
      expect(where(page).searchParams.get("status")).toBe("ok");
    },
    { timezoneId: "UTC" },
  );
  await visit(
    path,
    async (page) => {
      // A line is far thinner than its column: the click goes above it.
      const chart = page.getByRole("img", { name: /^Tokens per run\./ });
      await page.mouse.click(...(await columnAt(page, chart, started)));
      await opened(page);
      expect(where(page).searchParams.get("sort")).toBe("-total_tokens");
    },
    { timezoneId: "UTC" },
  );
  await visit(
    path,
    async (page) => {
      const time = page.getByRole("slider", { name: /^Runs by outcome/ });
      await time.focus();
      const told = async () => Date.parse(`${(await time.getAttribute("aria-valuetext"))?.split(": ")[0]}Z`);
      while ((await told()) > started) await page.keyboard.press("ArrowLeft");
      expect(await time.getAttribute("aria-valuetext")).toMatch(/ok 1/);
      await page.keyboard.press("Enter");
      await opened(page);
    },
    { timezoneId: "UTC" },
  );
});
