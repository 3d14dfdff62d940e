/** What whoever watches sees by itself: drift, deployments and alerts on the charts, the same hours of before, events within seconds. */
import type { Page } from "playwright-core";
import { expect, inject, test } from "vitest";
import { ask, until, withBrowser } from "./browser";
import { newTraceId, sendLogs, sendSpans, supportRun } from "./otlp";
import { SETTLED_MS } from "./settled";
import { shown } from "./trouble";

const visit = withBrowser();
const DAY_MS = 86_400_000;
const fresh = () => `e2e-watch-${newTraceId().slice(0, 6)}`;

/** Runs of a service that began so long ago. */
async function runsOf(service: string, ...ago: number[]) {
  for (const [at, ms] of ago.entries()) {
    const sent = { trace: newTraceId(), start: Date.now() - ms, service };
    await sendSpans(sent, supportRun(`${service}-${at}`, `session-${service}`));
  }
}

/** A chart once it is drawn, by its title; what it says is in its label. */
const says = (page: Page, title: string, words: RegExp) =>
  until(
    () => page.getByRole("img", { name: new RegExp(`^${title}\\.`) }).getAttribute("aria-label"),
    (label) => words.test(label ?? ""),
    `${words} on ${title}`,
  );

test("calls of tools are stacked by tool, and their drift is marked where it began", async () => {
  const { agent } = inject("drift");
  interface Findings {
    findings: { message: string; evidence: { dimension?: string } }[];
  }
  const { findings } = await until(
    () => ask<Findings>(`/api/v1/findings?detector=drift&agent=${agent}`),
    (answer) => answer.findings.length > 0,
    "the drift",
    SETTLED_MS,
  );
  expect(JSON.stringify(findings)).toMatch(/guess_order/);
  for (const [path, title] of [
    [`/tools?agent=${agent}&from=3h`, "Calls"],
    [`/overview?agent=${agent}&from=3h`, "Tool calls"],
  ] as const)
    await visit(path, (page) => says(page, title, /guess_order: .*Drift: /s));
  await visit(`/deep-dive?agent=${agent}&from=3h`, async (page) => {
    const label = await says(page, "Tool calls", /guess_order: last .*Drift: /s);
    expect(label).toContain("look_up_order: last ");
    // Alerts about other agents are none of its business.
    expect(label).not.toContain("E2eRunsFail");
    const told = /Drift: .*?: (\d{4}-\d\d-\d\d \d\d:\d\d)\./s.exec(label!)![1]!;
    // Behind the first run with the other tool, and not long behind it.
    const before = Date.now() - Date.parse(told.replace(" ", "T"));
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(3_000_000);
  });
});

test("deployments and alerts stand on the charts", async () => {
  const trouble = await shown(inject("troubles").oncall);
  await visit(`/overview?agent=${trouble.agent}&from=1h`, async (page) => {
    for (const title of ["Runs by outcome", "Latency of runs", "Cost by agent"]) {
      await says(page, title, new RegExp(`deploy of ${trouble.agent}: ${trouble.change}: \\d{4}-`));
      await says(page, title, /E2eRunsFail: \d{4}-/);
    }
  });
});

test.each([
  ["yesterday", "1d", DAY_MS],
  ["last week", "7d", 7 * DAY_MS],
])("the same hours of %s lie below the charts and beside the answers", async (name, vs, ms) => {
  const service = fresh();
  const minutes = (of: number) => of * 60_000;
  await runsOf(service, minutes(20), ms + minutes(10), ms + minutes(20), ms + minutes(20));
  // Of no other time.
  await runsOf(service, 3 * DAY_MS);
  await visit(`/overview?service=${service}&from=1h&vs=${vs}`, async (page) => {
    await says(page, "Runs by outcome", /ok: .*; all, before: highest [23]\./);
    await says(page, "Latency of runs", /p95, before: highest 2\.00 s/);
    await page.getByText(`compared with ${name}`).first().waitFor({ state: "attached" });
  });
});

test("every chart of runs and every heatmap leads to runs of its time", async () => {
  const service = fresh();
  await runsOf(service, 60_000, 120_000);
  for (const path of ["/overview", "/deep-dive"]) {
    const address = `${path}?service=${service}&from=15m`;
    await visit(address, async (page) => {
      const sliders = page.getByRole("slider");
      await page.locator("figure svg").first().waitFor();
      await until(
        async () => [await sliders.count(), await page.locator("[aria-label=Loading]").count()],
        ([drawn, loading]) => drawn! > 5 && loading === 0,
        "the charts",
      );
      const names = await sliders.evaluateAll((all) => all.map((each) => each.getAttribute("aria-label")));
      for (const [at, name] of names.entries()) {
        await sliders.nth(at).focus();
        await page.keyboard.press("Enter");
        await until(
          async () => new URL(page.url()),
          ({ pathname, searchParams }) =>
            /^\/(runs|findings)$/.test(pathname) && searchParams.has("from") && searchParams.has("to"),
          `what is behind ${name}`,
        );
        await page.goBack();
        await until(
          () => sliders.count(),
          (drawn) => drawn === names.length,
          "the charts again",
        );
      }
    });
  }
});

/** The milliseconds from when the server has something to when a page shows it; the better of two. */
async function seenAfter(send: () => Promise<void>, look: (time: number) => Promise<unknown>) {
  let best = Number.POSITIVE_INFINITY;
  for (const time of [0, 1]) {
    await send();
    const sent = Date.now();
    await look(time);
    best = Math.min(best, Date.now() - sent);
  }
  return best;
}

const SEEN_MS = 5000;

test.each([
  [
    "the overview",
    (service: string) => `/overview?service=${service}`,
    (page: Page, many: number) =>
      page.getByRole("region", { name: "Is it working?" }).getByText(`of ${many} runs`).waitFor(),
  ],
  [
    "the list of runs",
    (service: string) => `/runs?service=${service}`,
    (page: Page, many: number) =>
      until(
        () => page.locator("[role=row][aria-rowindex]").count(),
        (rows) => rows === many,
        "the run",
      ),
  ],
  [
    "the logs",
    (service: string) => `/logs?service=${service}`,
    (page: Page, many: number) => page.getByText(`log ${many} of the watch`).waitFor(),
  ],
] as const)("an event shows within five seconds: %s", async (_, path, look) => {
  const service = fresh();
  await runsOf(service, 1000);
  await visit(path(service), async (page) => {
    await page.getByRole("heading", { level: 1 }).waitFor();
    let many = 1;
    const send = async () => {
      many += 1;
      await runsOf(service, 500);
      await sendLogs({ trace: newTraceId(), start: Date.now(), service }, [
        { span: "root", at: 0, severity: [9, "INFO"], body: `log ${many} of the watch` },
      ]);
    };
    await send();
    await look(page, many);
    expect(await seenAfter(send, () => look(page, many))).toBeLessThan(SEEN_MS);
  });
});
