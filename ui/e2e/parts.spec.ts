/** Parts of runs and sessions: the graph of agents, what a run waited for, long transcripts, what is done with chosen runs, totals and pauses. */
import type { Page } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import type { Run, RunAnswer, RunsAnswer } from "@/api/types";
import { compact, duration, usd } from "@/lib/format";
import { ask, axe, NARROW, until, withBrowser } from "./browser";
import { newTraceId, type SpanIn, sendSpans, spanId, supportRun } from "./otlp";

const visit = withBrowser();
const mark = `part${newTraceId().slice(0, 8)}`;
const service = `e2e-${mark}`;
const session = `session-${mark}`;
const user = `user-${mark}`;
const [first, second, long] = [newTraceId(), newTraceId(), newTraceId()];
/** More than are shown without asking. */
const STEPS = 2100;

/** Beside a longer call of a tool: nobody waits for it. */
const aside: SpanIn = {
  id: "aside",
  parent: "root",
  name: "execute_tool look_aside",
  at: 660,
  ms: 50,
  attributes: { "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "look_aside" },
};

/** One call of a model after the other. */
const longRun = (): SpanIn[] => [
  {
    id: "root",
    name: "invoke_agent writer",
    at: 0,
    ms: STEPS * 10,
    attributes: { "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "writer" },
  },
  ...Array.from({ length: STEPS }, (_, at): SpanIn => {
    const said = [
      { role: "assistant", parts: [{ type: "text", content: `Line ${at} of ${mark}` }], finish_reason: "stop" },
    ];
    return {
      id: `s${at}`,
      parent: "root",
      name: "chat gpt-4o-mini",
      at: at * 10,
      ms: 5,
      attributes: {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.provider.name": "openai",
        "gen_ai.output.messages": said,
      },
    };
  }),
];

beforeAll(async () => {
  const now = Date.now();
  const [root, ...rest] = supportRun(mark, session);
  const whose = { ...root!, attributes: { ...root!.attributes, "user.id": user } };
  await sendSpans({ trace: first, start: now - 600_000, service }, [whose, ...rest, aside]);
  await sendSpans({ trace: second, start: now - 200_000, service }, supportRun(mark, session));
  const spans = longRun();
  for (let at = 0; at < spans.length; at += 700)
    await sendSpans({ trace: long, start: now - 900_000, service: `${service}-long` }, spans.slice(at, at + 700));
  await until(
    () => ask<RunsAnswer>(`/api/v1/runs?service=${service}`),
    ({ runs, total }) => total === 2 && runs.reduce((sum, run) => sum + run.steps, 0) === 17,
    "both runs, whole",
  );
  await until(
    () => ask<RunAnswer>(`/api/v1/runs/${long}?content=none`).catch(() => undefined),
    (answer) => answer?.run.steps === STEPS + 1,
    "the long run, whole",
  );
});

const sideways = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);

test("the graph of a run shows who entered whom and which tools each used, and leads to the steps", async () => {
  await visit(`/runs/${first}?view=agents`, async (page) => {
    const graph = page.getByRole("region", { name: "Graph of agents and tools" });
    const boxes = graph.getByRole("button");
    await boxes.first().waitFor();
    const names = await boxes.locator("strong").allTextContents();
    expect([names[0], ...names.slice(1).sort()]).toEqual([mark, "carrier-desk", "look_aside", "track_parcel"]);
    const lines = await graph.locator("svg text").allTextContents();
    expect(lines.sort()).toEqual([`1 × ${duration(300)}`, `1 × ${duration(50)}`, `2 × ${duration(175)}`].sort());
    expect(await boxes.filter({ hasText: "track_parcel" }).textContent()).toContain("1 failed");
    await boxes.filter({ hasText: "carrier-desk" }).click();
    await page.getByRole("tree").waitFor();
    expect(page.url()).toContain(spanId("sub"));
  });
});

test("on a phone the graph of a run is whole: every box in sight, below the one that entered it", async () => {
  await visit(
    `/runs/${first}?view=agents`,
    async (page) => {
      const graph = page.getByRole("region", { name: "Graph of agents and tools" });
      const boxes = graph.getByRole("button");
      await boxes.first().waitFor();
      await until(
        async () => Promise.all((await boxes.all()).map(async (box) => (await box.boundingBox())!)),
        (places) => places.length === 4 && places.every(({ x, width }) => x >= 0 && x + width <= NARROW.width),
        "every box within the page",
      );
      const tool = boxes.filter({ hasText: "track_parcel" });
      expect(await tool.textContent()).toContain(`2 × ${duration(175)}`);
      const [top, below] = [(await boxes.first().boundingBox())!, (await tool.boundingBox())!];
      expect([below.x > top.x, below.y > top.y]).toEqual([true, true]);
      expect(await sideways(page)).toBeLessThanOrEqual(0);
      expect(await axe(page)).toEqual([]);
    },
    { viewport: NARROW },
  );
});

/** "300 ms", "1.70 s" or "2 m 05 s" in milliseconds. */
const ms = (said: string) =>
  [...said.matchAll(/([\d.]+) (ms|s|m)\b/g)].reduce(
    (sum, [, number, unit]) => sum + Number(number) * { ms: 1, s: 1000, m: 60_000 }[unit as "ms"],
    0,
  );

test("the critical path dims what nobody waited for, and what was waited for adds up to the run", async () => {
  const { run, steps } = await ask<RunAnswer>(`/api/v1/runs/${first}?content=none`);
  const waited = steps.filter((step) => (step.critical_ms ?? 0) > 0);
  await visit(`/runs/${first}?path=true`, async (page) => {
    const items = page.getByRole("treeitem");
    await items.nth(steps.length - 1).waitFor();
    const dimmed = () =>
      items.evaluateAll((all) => all.filter((item) => item.hasAttribute("data-off")).map((item) => item.id));
    const off = steps.filter((step) => !waited.includes(step)).map((step) => `step-${step.span_id}`);
    expect(off).toContain(`step-${spanId("aside")}`);
    expect(await dimmed()).toEqual(off);
    const detail = page.getByRole("region", { name: "Selected step" });
    const fact = detail.locator("dt", { hasText: "Waited for" }).locator("xpath=following-sibling::dd[1]");
    let sum = 0;
    for (const step of waited) {
      await page.locator(`#step-${step.span_id}`).click();
      const said = await until(
        () => fact.textContent(),
        (text) => !!text?.startsWith(duration(step.critical_ms)),
        "how long the step was waited for",
      );
      // The share of the run stands behind it.
      sum += ms(duration(step.critical_ms));
      expect(said).toMatch(/%$/);
    }
    // Each is said to two or three digits.
    expect(Math.abs(sum - run.duration_ms!)).toBeLessThan(waited.length * 10);
    await page.locator(`#step-${spanId("aside")}`).click();
    await detail.getByRole("heading", { name: "look_aside" }).waitFor();
    expect(await fact.count()).toBe(0);
    await page.keyboard.press("c");
    await until(dimmed, (ids) => ids.length === 0, "no dimmed step without the path");
  });
});

test("a long transcript is loaded for who asks for it", async () => {
  let asked = 0;
  await visit(`/runs/${long}`, async (page) => {
    page.on("request", (request) => {
      if (request.url().includes(`/runs/${long}?content=full`)) asked += 1;
    });
    await page.getByRole("tab", { name: "Transcript" }).click();
    await page.getByRole("heading", { name: /^A transcript of 2,101 steps/ }).waitFor();
    expect(asked).toBe(0);
    await page.getByRole("button", { name: "Show it" }).click();
    await page.getByRole("region", { name: "Transcript" }).getByText(`Line 0 of ${mark}`).first().waitFor();
    expect(asked).toBe(1);
  });
});

test("a transcript beyond what the server answers says so, and leads on", async () => {
  await visit(
    `/runs/${first}`,
    async (page) => {
      await page.route(
        (url) => url.pathname.endsWith(`/runs/${first}`) && url.searchParams.get("content") === "full",
        (route) =>
          route.fulfill({
            status: 422,
            contentType: "application/problem+json",
            body: JSON.stringify({ title: "A limit was reached", status: 422, detail: "ask with content=none" }),
          }),
      );
      await page.getByRole("tab", { name: "Transcript" }).click();
      await page.getByRole("heading", { name: "This run is too long to be told as one" }).waitFor();
      expect(await page.getByText("content=none").count()).toBe(0);
      expect(await page.getByRole("button", { name: "Try again" }).count()).toBe(0);
      await page.getByRole("link", { name: "All of it as a file" }).click();
      await page.getByRole("link", { name: "Download" }).waitFor();
      await page.goBack();
      await page.getByRole("link", { name: "To its steps" }).click();
      await page.getByRole("tree").waitFor();
    },
    { complaints: /422/ },
  );
});

test("a run is compared with what is usual from its own page", async () => {
  for (const viewport of [undefined, NARROW])
    await visit(
      `/runs/${first}`,
      async (page) => {
        const link = page.getByRole("link", { name: "Compare with what is usual" });
        await link.waitFor();
        expect(await sideways(page)).toBeLessThanOrEqual(0);
        await link.click();
        await until(
          async () => new URL(page.url()).pathname + new URL(page.url()).search,
          (address) => address === `/compare?a=${first}`,
          "the comparison",
        );
      },
      viewport ? { viewport } : {},
    );
});

test("on a phone the bar of chosen runs stays on the page, and all in it can be reached", async () => {
  await visit(
    `/runs?service=${service}&chosen=${first}&chosen=${second}`,
    async (page) => {
      const bar = page.getByRole("region", { name: "Chosen runs" });
      await bar.getByText("2 runs chosen").waitFor();
      await page.locator("[role=row][aria-rowindex], main li a").first().waitFor();
      expect(await sideways(page)).toBeLessThanOrEqual(0);
      for (const each of [bar, ...(await bar.getByRole("button").all()), bar.getByRole("link")]) {
        const { x, y, width, height } = (await each.boundingBox())!;
        expect([x >= 0, x + width <= NARROW.width, y >= 0, y + height <= NARROW.height]).toEqual(Array(4).fill(true));
      }
      expect(await axe(page)).toEqual([]);
      await bar.getByRole("button", { name: "Choose none" }).click();
      await bar.waitFor({ state: "hidden" });
    },
    { viewport: NARROW },
  );
});

test("ids of chosen runs are copied, one a line", async () => {
  await visit(`/runs?service=${service}&chosen=${first}&chosen=${second}`, async (page) => {
    // As on a page over plain HTTP from another computer.
    await page.evaluate(() => {
      Object.defineProperty(navigator, "clipboard", { value: undefined });
      document.addEventListener("copy", () => {
        document.body.dataset.copied = (document.activeElement as HTMLTextAreaElement).value;
      });
    });
    const bar = page.getByRole("region", { name: "Chosen runs" });
    await bar.getByRole("button", { name: "Copy ids" }).click();
    await bar.getByRole("button", { name: "Copied" }).waitFor();
    expect(await page.evaluate(() => document.body.dataset.copied)).toBe(`${first}\n${second}`);
  });
});

test("a session says what its runs came to, and how long it paused between them", async () => {
  const { runs } = await ask<RunsAnswer>(`/api/v1/runs?session=${session}&sort=started_at`);
  const [one, other] = runs as [Run, Run];
  const sum = (of: (run: Run) => number | null | undefined) => runs.reduce((all, run) => all + (of(run) ?? 0), 0);
  await visit(`/sessions/session?id=${session}`, async (page) => {
    const figures = page.getByLabel("The session in figures");
    await figures.waitFor();
    const said = async (name: string) =>
      (await figures.locator("dt", { hasText: name }).locator("xpath=following-sibling::dd[1]").textContent()) ?? "";
    expect(await said("Runs")).toContain(`2${sum((run) => run.steps)} steps`);
    expect(await said("Failed")).toMatch(/^0/);
    // From the beginning of the first to the end of the last, beside what was worked.
    expect(await said("From first to last")).toBe(
      `${duration(402_000)}${duration(sum((run) => run.duration_ms))} at work`,
    );
    expect(await said("Tokens")).toContain(compact(sum((run) => run.usage.total_tokens)));
    expect(await said("Cost")).toContain(usd(sum((run) => run.cost_usd)));
    const turns = page.getByRole("region", { name: "Runs of the session" }).getByRole("listitem");
    const pause = Date.parse(other.started_at) - Date.parse(one.ended_at!);
    expect(pause).toBe(398_000);
    expect(await turns.nth(1).textContent()).toContain(`after ${duration(pause)}`);
    expect(await turns.nth(0).textContent()).not.toContain("after ");
  });
});

test("the search field completes users", async () => {
  await visit("/runs", async (page) => {
    const field = page.getByRole("textbox", { name: "Search runs" });
    await field.fill(`user:${user.slice(0, -2)}`);
    await page.getByRole("option", { name: new RegExp(`user: ${user}`) }).click();
    await until(
      async () => new URL(page.url()).searchParams.get("user"),
      (value) => value === user,
      "the filter",
    );
  });
});

test.each([
  ["the palette", "Control+k", /^Go to/],
  ["the help", "?", /Keyboard/],
])("%s is usable by all, wide and narrow, by night and day", async (_, key, name) => {
  for (const viewport of [undefined, NARROW])
    for (const colorScheme of ["dark", "light"] as const)
      await visit(
        "/status",
        async (page) => {
          await page.getByRole("heading", { level: 1 }).waitFor();
          await page.keyboard.press(key);
          await page.getByRole("dialog", { name }).waitFor();
          expect(await axe(page)).toEqual([]);
          expect(await sideways(page)).toBeLessThanOrEqual(0);
        },
        { colorScheme, reducedMotion: "reduce", ...(viewport ? { viewport } : {}) },
      );
});
