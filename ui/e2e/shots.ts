/**
 * Pictures of the pages of a running server: night and day, wide and narrow. `npm run shots` writes them to SHOTS (a folder).
 * The server should have some traffic; the runs shown are chosen by what they contain.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, test } from "vitest";
import type { Run, RunAnswer, RunsAnswer } from "@/api/types";
import { ask, launch, NARROW, URL_UNDER_TEST, WIDE } from "./browser";

const folder = process.env.SHOTS ?? "shots";
mkdirSync(folder, { recursive: true });

let browser: Awaited<ReturnType<typeof launch>>;
let pages: [string, string][];

const most = (runs: Run[], score: (run: Run) => number) =>
  runs.reduce((best, run) => (score(run) > score(best) ? run : best), runs[0]!);

beforeAll(async () => {
  browser = await launch();
  const { runs } = await ask<RunsAnswer>("/api/v1/runs?limit=200");
  const rich = most(
    runs,
    (run) => Object.keys(run.steps_by_kind).length * 20 + Math.min(run.steps, 24) + run.agents.length * 5,
  );
  const { runs: failures } = await ask<RunsAnswer>("/api/v1/runs?status=error&limit=100");
  const failed = most(
    failures.length > 0 ? failures : runs,
    (run) => (run.status === "error" ? 100 : 0) + Math.min(run.steps, 20),
  );
  const { steps } = await ask<RunAnswer>(`/api/v1/runs/${rich.trace_id}?content=none`);
  const llm = steps.filter((step) => step.kind === "llm").at(-1);
  const found = steps.find((step) => step.kind === "retriever");
  const run = `/runs/${rich.trace_id}`;
  pages = [
    ["overview", "/overview?from=24h"],
    ["runs", "/runs"],
    ["runs-filtered", `/runs?status=error`],
    ["run", llm ? `${run}?step=${llm.span_id}` : run],
    ["run-failed", `/runs/${failed.trace_id}`],
    ["run-retrieval", found ? `${run}?step=${found.span_id}` : run],
    ["run-attributes", llm ? `${run}?step=${llm.span_id}&tab=attributes` : run],
    ["run-transcript", `${run}?view=transcript`],
    ["run-agents", `${run}?view=agents`],
    ["run-logs", `${run}?view=logs`],
    ["run-raw", `${run}?view=raw`],
    ["sessions", "/sessions"],
    ["session", rich.session_id ? `/sessions/session?id=${encodeURIComponent(rich.session_id)}` : "/sessions"],
    [
      "sql",
      `/sql?q=${encodeURIComponent("SELECT agent, count(*) AS runs, sum(input_tokens + output_tokens) AS tokens, avg(duration_ms) AS mean_ms FROM runs GROUP BY agent ORDER BY runs DESC")}`,
    ],
    ["issues", "/issues"],
    ["connect", "/connect"],
    ["connect-framework", "/connect?framework=claude-code"],
    ["doctor", "/doctor?from=7d"],
    ["doctor-empty", "/doctor?of=nobody"],
    ["status", "/status"],
  ];
});
afterAll(() => browser.close());

const only = process.env.ONLY?.split(",");

test.each([
  ["dark", WIDE],
  ["light", WIDE],
  ["dark", NARROW],
  ["light", NARROW],
] as const)(
  "%s %o",
  async (colorScheme, viewport) => {
    const context = await browser.newContext({ viewport, colorScheme });
    const page = await context.newPage();
    for (const [name, path] of pages) {
      if (only && !only.includes(name)) continue;
      await page.goto(URL_UNDER_TEST + path);
      await page.waitForTimeout(300);
      await page.locator("[aria-label=Loading]").first().waitFor({ state: "hidden", timeout: 15_000 });
      await page.waitForTimeout(500);
      await page.screenshot({ path: join(folder, `${name}-${viewport.width}-${colorScheme}.png`) });
    }
    await context.close();
  },
  180_000,
);
