/** The desk of someone on call: large runs, the critical path, playback, peek, marks, logs, deep dive, the palette. */
import { beforeAll, expect, test } from "vitest";
import type { RunAnswer } from "@/api/types";
import { ask, axe, until, usableByAll, withBrowser } from "./browser";
import { newTraceId, type SpanIn, sendSpans, supportRun } from "./otlp";

const visit = withBrowser();
const service = `e2e-desk-${newTraceId().slice(0, 6)}`;
const large = newTraceId();
const small = newTraceId();
const other = newTraceId();
/** Enough that the steps of an agent are folded away. */
const STEPS = 6000;

beforeAll(async () => {
  const start = Date.now() - 600_000;
  const spans: SpanIn[] = [
    {
      id: "1",
      name: "invoke_agent crawler",
      at: 0,
      ms: 120_000,
      attributes: { "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "crawler" },
    },
  ];
  for (let at = 0; at < STEPS; at += 1) {
    const page = Math.floor(at / 500);
    if (at % 500 === 0)
      spans.push({
        id: `a${page}`,
        parent: "1",
        name: "invoke_agent reader",
        at: at * 10,
        ms: 5000,
        attributes: { "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "reader" },
      });
    spans.push({
      id: `s${at}`,
      parent: `a${page}`,
      name: "execute_tool fetch",
      at: at * 10,
      ms: 8,
      attributes: { "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": at === 3210 ? "odd_one" : "fetch" },
    });
  }
  await sendSpans({ trace: large, start, service }, spans);
  await sendSpans({ trace: small, start: Date.now() - 60_000, service }, supportRun("desk1", `session-${service}`));
  await sendSpans({ trace: other, start: Date.now() - 50_000, service }, supportRun("desk2", `session-${service}`));
  await until(
    () => ask<{ total: number }>(`/api/v1/runs?service=${service}`),
    ({ total }) => total === 3,
    "the runs",
  );
});

test("a large run opens folded, and what is folded away is found and opened", async () => {
  const folded = await ask<RunAnswer>(`/api/v1/runs/${large}?content=none&limit=2000`);
  expect(folded.steps.length).toBeLessThan(2100);
  await visit(`/runs/${large}`, async (page) => {
    const tree = page.getByRole("tree", { name: "Steps of the run" });
    await tree.waitFor();
    const height = async () => (await tree.boundingBox())!.height;
    const before = await height();
    // What the last reader fetched is folded away: a key shows it.
    await page.getByRole("treeitem").nth(7).waitFor();
    await page.keyboard.press("End");
    await page.locator("[role=treeitem][aria-selected=true][aria-expanded=false]").waitFor();
    await page.keyboard.press("Enter");
    const more = await until(height, (now) => now > before, "more steps by a key");
    // What was opened is in the address.
    await page.reload();
    await tree.waitFor();
    await until(height, (now) => now === more, "the same steps, loaded again");
    await page.getByRole("textbox", { name: "Find a step" }).fill("odd_one");
    await page.getByRole("treeitem").filter({ hasText: "odd_one" }).click();
    await page.getByRole("region", { name: "Selected step" }).getByRole("heading", { name: "odd_one" }).waitFor();
    // The step's address alone leads to it, wherever it is folded.
    await page.goto(
      page
        .url()
        .replace(/[?&]find=[^&]*/, "")
        .replace(/&step/, "?step"),
    );
    await page.getByRole("region", { name: "Selected step" }).getByRole("heading", { name: "odd_one" }).waitFor();
  });
});

test("of rows that the pointer passes nothing is asked, of the one it rests on its step", async () => {
  await visit("/status", async (page) => {
    await page.clock.install();
    const selected = page.waitForResponse(/\/steps\//);
    await page.goto(new URL(`/runs/${large}`, page.url()).href);
    const row = page.getByRole("treeitem");
    await row.nth(9).waitFor();
    await selected;
    const asked: string[] = [];
    page.on("request", (request) => {
      const step = /\/steps\/(\w+)/.exec(new URL(request.url()).pathname);
      if (step) asked.push(step[1]!);
    });
    await page.clock.pauseAt(Date.now() + 10_000);
    for (let at = 2; at < 9; at += 1) await row.nth(at).hover();
    expect(asked).toEqual([]);
    await page.clock.runFor(100);
    await until(
      async () => asked.length,
      (many) => many === 1,
      "the step that the pointer rests on",
    );
  });
});

test("critical path and playback are in the URL", async () => {
  await visit(`/runs/${small}`, async (page) => {
    await page.getByRole("treeitem").nth(7).waitFor();
    await page.keyboard.press("c");
    await until(
      async () => new URL(page.url()).searchParams.get("path"),
      (path) => path === "true",
      "the path in the URL",
    );
    await page.getByRole("button", { name: "Play the run" }).click();
    await page.getByRole("button", { name: "Pause" }).click();
    await until(async () => new URL(page.url()).searchParams.has("at"), Boolean, "the moment in the URL");
    // The words of a button that is pointed at lie over the page, in no part of it.
    await page.mouse.move(0, 0);
    await page.getByRole("tooltip").waitFor({ state: "detached" });
    expect(await axe(page)).toEqual([]);
  });
});

test("a key pressed as soon as the page is there does what the page says", async () => {
  await visit(`/runs/${small}`, async (page) => {
    await page.getByRole("treeitem").nth(7).waitFor();
    // However slow this machine is: a key in the first second of a page.
    await page.evaluate(() => {
      const early = new KeyboardEvent("keydown", { key: "c", bubbles: true, cancelable: true });
      Object.defineProperty(early, "timeStamp", { value: 400 });
      document.body.dispatchEvent(early);
    });
    await until(
      async () => new URL(page.url()).pathname + new URL(page.url()).search,
      (address) => address === `/runs/${small}?path=true`,
      "the path in the URL, not the page of `g c`",
    );
  });
});

test("a run is looked at beside the list, and two are compared", async () => {
  await visit(`/runs?service=${service}`, async (page) => {
    await page.locator("[role=row][aria-rowindex]").first().waitFor();
    await page.keyboard.press("j");
    await page.keyboard.press(" ");
    await page.getByRole("complementary", { name: "Run" }).getByRole("link", { name: "Open the run" }).waitFor();
    await page.keyboard.press("x");
    await page.keyboard.press("j");
    await page.keyboard.press("x");
    const compare = page.getByRole("region", { name: "Chosen runs" }).getByRole("link", { name: "Compare them" });
    expect(await compare.getAttribute("href")).toMatch(/^\/compare\?a=[0-9a-f]{32}&b=[0-9a-f]{32}$/);
    expect(await axe(page)).toEqual([]);
  });
});

test("runs are chosen by their boxes and compared all at once", async () => {
  await visit(`/runs?service=${service}&live=false`, async (page) => {
    const rows = page.locator("[role=row][aria-rowindex]");
    await rows.nth(2).waitFor();
    for (const at of [0, 1, 2]) await rows.nth(at).getByRole("checkbox").click();
    await page.getByRole("region", { name: "Chosen runs" }).getByText("3 runs chosen").waitFor();
    await page.getByRole("link", { name: "Compare them" }).click();
    await until(
      () => page.getByRole("group", { name: "The runs" }).locator("tbody tr").count(),
      (shown) => shown === 3,
      "a row for each",
    );
  });
});

test("the search field completes filters", async () => {
  await visit("/runs", async (page) => {
    const field = page.getByRole("textbox", { name: "Search runs" });
    await field.fill(`service:${service.slice(0, 10)}`);
    await page.getByRole("option", { name: new RegExp(service) }).click();
    await until(
      async () => new URL(page.url()).searchParams.get("service"),
      (value) => value === service,
      "the filter",
    );
  });
});

test("a list is saved as a view and come back to, and a bound of steps is typed", async () => {
  await visit(`/runs?service=${service}`, async (page) => {
    const field = page.getByRole("textbox", { name: "Search runs" });
    await field.fill("steps>1000");
    await page.getByRole("option", { name: "steps at least 1000" }).click();
    const rows = page.locator("[role=row][aria-rowindex]");
    await until(
      () => rows.count(),
      (shown) => shown === 1,
      "the large run alone",
    );
    const address = page.url();
    await page.getByRole("button", { name: "Views" }).click();
    await page.getByRole("textbox", { name: "Name of the view" }).fill("Large ones");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.keyboard.press("Escape");
    await page.goto(new URL("/runs", address).href);
    await page.getByRole("button", { name: "Views" }).click();
    await page.getByRole("menuitem", { name: "Large ones" }).click();
    await until(
      async () => new URL(page.url()).search,
      (search) => search === new URL(address).search,
      "the address of the view",
    );
    await page.getByRole("menu").waitFor({ state: "hidden" });
    await page.getByRole("button", { name: "Large ones", exact: true }).click();
    await page.getByRole("button", { name: "Remove the view Large ones" }).click();
    await page.getByRole("menuitem", { name: "Large ones" }).waitFor({ state: "detached" });
  });
});

test("columns are chosen and kept in the URL", async () => {
  await visit(`/runs?service=${service}`, async (page) => {
    await page.getByRole("button", { name: "Columns" }).click();
    await page.getByRole("checkbox", { name: "Version" }).check();
    await page.getByRole("columnheader", { name: "Version" }).waitFor();
    expect(new URL(page.url()).searchParams.get("columns")).toContain("version");
  });
});

test.each([
  ["/logs", "Logs"],
  ["/deep-dive", "Deep dive"],
])("%s is whole, wide and narrow", async (path, title) => {
  await visit(path, (page) => usableByAll(page, () => page.getByRole("heading", { level: 1, name: title })));
});

test("the checklist has its nineteen rows", async () => {
  await visit("/deep-dive", async (page) => {
    const list = page.getByRole("region", { name: "Checklist" });
    await list.getByRole("rowheader", { name: "End-to-end p95" }).waitFor();
    expect(await list.getByRole("rowheader").count()).toBe(19);
  });
});

test("the palette opens a run by its id, and a page by its name", async () => {
  await visit("/overview", async (page) => {
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    await page.keyboard.press("Control+k");
    const field = page.getByRole("combobox", { name: "Go to a page, run or agent" });
    await field.fill(small);
    await page.keyboard.press("Enter");
    await until(
      async () => new URL(page.url()).pathname,
      (path) => path === `/runs/${small}`,
      "the run",
    );
    await page.keyboard.press("Control+k");
    await field.fill("deep");
    await page.keyboard.press("Enter");
    await until(
      async () => new URL(page.url()).pathname,
      (path) => path === "/deep-dive",
      "the page",
    );
  });
});
