/** What the deep dive shows beyond the overview: how busy it is, how long the first token takes, and what is past its bound. */
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { amount } from "../src/lib/checklist";
import { ask, until, withBrowser } from "./browser";
import { newTraceId, type SpanIn, sendGauge, sendSpans } from "./otlp";
import { SETTLED_MS } from "./settled";

const visit = withBrowser();
const mark = newTraceId().slice(0, 6);

const says = (page: Page, title: string, words: RegExp) =>
  until(
    () => page.getByRole("img", { name: new RegExp(`^${title}\\.`) }).getAttribute("aria-label"),
    (label) => words.test(label ?? ""),
    `${words} on ${title}`,
  );

const root = (agent: string, ms: number): SpanIn => ({
  id: "root",
  name: `invoke_agent ${agent}`,
  at: 0,
  ms,
  attributes: { "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": agent },
});

/** A streamed call whose first piece comes after `first` milliseconds. */
const streamed = (first: number): SpanIn => ({
  id: "chat",
  parent: "root",
  name: "chat gpt-4o-mini",
  at: 100,
  ms: 900,
  attributes: {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
  },
  events: [{ at: 100 + first, name: "gen_ai.content.completion.chunk", attributes: {} }],
});

test("runs that are at work and runs that wait are drawn, these as whoever keeps the queue tells", async () => {
  // One service, so that a second pass tells of the same queue again.
  await sendGauge("e2e-queue", "workflow_queue_depth", 7);
  // Its agent has not ended: of it only a call is known.
  await sendSpans({ trace: newTraceId(), start: Date.now() - 1000, service: `e2e-active-${mark}` }, [streamed(120)]);
  await visit("/deep-dive?from=15m", async (page) => {
    await says(page, "Active runs and queue", /active: last [1-9]\d*, highest .*waiting: last 7, highest 7/);
    const legend = page.getByRole("region", { name: "Active runs and queue" }).getByRole("list", { name: "Series" });
    expect(await legend.textContent()).toBe("activewaiting");
  });
});

test("the time to the first token is that of streamed calls", async () => {
  const service = `e2e-first-${mark}`;
  const sent = { trace: newTraceId(), start: Date.now() - 180_000, service };
  await sendSpans(sent, [root(`first-${mark}`, 1200), streamed(120)]);
  await visit(`/deep-dive?service=${service}&from=15m`, async (page) => {
    await says(page, "Time to first token", /p50: last 1[12]\d ms, highest 1[12]\d ms; p95: /);
  });
});

test("a row of the checklist beyond its bound says what it is of, how much it is, how much would be well, and leads on", async () => {
  const tool = `desk_${mark}`;
  /** A run of which every call of the tool fails. */
  const fails = (calls: number) =>
    sendSpans({ trace: newTraceId(), start: Date.now() - 5000, service: `e2e-beyond-${mark}` }, [
      root(`beyond-${mark}`, 2000),
      ...Array.from(
        { length: calls },
        (_, at): SpanIn => ({
          id: `t${at}`,
          parent: "root",
          name: `execute_tool ${tool}`,
          at: at * 60,
          ms: 50,
          error: "no answer",
          attributes: { "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool },
        }),
      ),
    ]);
  // A counter rises where it was seen before.
  await fails(1);
  const seen = `/prometheus/api/v1/query?query=${encodeURIComponent(`agent_tool_calls_total{tool_name="${tool}"}`)}`;
  await until(
    () => ask<{ data: { result: unknown[] } }>(seen),
    ({ data }) => data.result.length > 0,
    "the first call counted",
    SETTLED_MS,
  );
  await fails(25);
  interface Row {
    metric: string;
    state: string;
    unit: string;
    value: number | null;
    baseline: number | null;
    labels: Record<string, string>;
  }
  const row = async () => {
    const { rows } = await ask<{ rows: Row[] }>("/api/v1/checklist");
    return rows.find((each) => each.metric === "Tool call failure rate")!;
  };
  await until(row, ({ state }) => state === "beyond", "the failures beyond their bound", SETTLED_MS);
  await visit("/deep-dive", async (page) => {
    const list = page.getByRole("region", { name: "Checklist" });
    await list.getByRole("heading", { name: /^Checklist: \d+ beyond/ }).waitFor();
    const shown = list.getByRole("row").filter({ hasText: "Tool call failure rate" });
    // Rates move while one looks: what is shown is what the server says at the time.
    await until(
      async () => {
        const { value, baseline, unit, labels } = await row();
        const of = Object.entries(labels).flatMap(([name, label]) => (name === "project" ? [] : [label]));
        const said = [of.join(", "), amount(value, unit), amount(baseline, unit), "> 10 %", "beyond"];
        return [said, (await shown.getByRole("cell").allInnerTexts()).map((text) => text.trim())];
      },
      ([said, seen]) => JSON.stringify(said) === JSON.stringify(seen),
      "the row as the server has it",
    );
    const runbook = shown.getByRole("link", { name: "beyond" });
    expect(await runbook.getAttribute("href")).toMatch(/^\/runbooks\/Checklist/);
    await shown.getByRole("rowheader").getByRole("link").click();
    await page.getByRole("heading", { name: "Runs", exact: true }).waitFor();
    expect(new URL(page.url()).searchParams.get("tool")).toBeTruthy();
    // On a phone the days before stand below the number of now.
    await page.goBack();
    await page.setViewportSize({ width: 390, height: 844 });
    await until(
      // What it is of has no column there: it stands below the name.
      async () => (await shown.getByRole("cell").allInnerTexts())[0],
      (text) => /^\d.* %\s+7 d /.test(text ?? ""),
      "what it was before, below what it is",
    );
  });
});
