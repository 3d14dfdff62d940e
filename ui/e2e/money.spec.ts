/** Costs and budgets: who spends what, what it will come to, the ledger of a run, models without a price, what another model would cost. */
import { beforeAll, expect, test } from "vitest";
import type { RunAnswer } from "@/api/types";
import { usd } from "@/lib/format";
import { ask, until, withBrowser } from "./browser";
import { newTraceId, type Sent, type SpanIn, sendSpans } from "./otlp";
import { SETTLED_MS } from "./settled";

const visit = withBrowser();
const mark = `money-${newTraceId().slice(0, 8)}`;
const unpriced = `${mark}-model`;
const sent: Sent = { trace: newTraceId(), start: Date.now() - 60_000, service: `e2e-${mark}` };

const call = (id: string, parent: string, at: number, model: string): SpanIn => ({
  id,
  parent,
  name: `chat ${model}`,
  at,
  ms: 100,
  attributes: {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": model,
    "gen_ai.usage.input_tokens": 10_000,
    "gen_ai.usage.output_tokens": 1_000,
    "user.id": `${mark}-user`,
  },
});
const agent = (id: string, name: string, at: number, parent?: string): SpanIn => ({
  ...{ id, name: `invoke_agent ${name}`, at, ms: 900, ...(parent ? { parent } : {}) },
  attributes: { "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name, "user.id": `${mark}-user` },
});

beforeAll(async () => {
  await sendSpans(sent, [
    agent("root", mark, 0),
    call("one", "root", 10, "gpt-4o"),
    agent("sub", `${mark}-helper`, 200, "root"),
    call("two", "sub", 210, "gpt-4o-mini"),
    call("three", "root", 400, unpriced),
  ]);
  await until(
    () => ask<{ total: { calls: number } }>(`/api/v1/costs?by=agent&run=${sent.trace}`),
    ({ total }) => total.calls === 3,
    "the run in the ledger",
    SETTLED_MS,
  );
});

test("a run's cost leads to its ledger: each call once, by model, by agent with what was delegated", async () => {
  const { run } = await ask<RunAnswer>(`/api/v1/runs/${sent.trace}?content=none`);
  await visit(`/runs/${sent.trace}`, async (page) => {
    await page
      .getByLabel("Totals")
      .getByRole("link", { name: usd(run.cost_usd) })
      .click();
    const ledger = page.getByRole("region", { name: "Ledger of the run" });
    const rows = ledger.getByRole("group", { name: "Costs by model" }).locator("tbody tr");
    await until(
      () => rows.allTextContents(),
      (lines) =>
        lines.length === 3 &&
        ["gpt-4o", "gpt-4o-mini"].every((model) => lines.some((line) => line.startsWith(model))) &&
        lines.some((line) => line.startsWith(unpriced) && line.includes("unknown")),
      "a row for each model, and no price made up",
    );
    const money = page.getByRole("region", { name: "Money" }).or(page.getByLabel("Money")).first();
    await until(
      () => money.textContent(),
      (text) => !!text?.includes(usd(run.cost_usd)) && /are missing in the sum/.test(text),
      "the same sum as on the run, and what it lacks",
    );
    await page.getByRole("combobox", { name: "Grouped by" }).first().click();
    await page.getByRole("option", { name: "By agent" }).click();
    type Rows = { rows: { by: string[]; cost_usd: number; delegated_usd?: number }[] };
    const { rows: agents } = await ask<Rows>(`/api/v1/costs?by=agent&run=${sent.trace}`);
    const of = (name: string) => agents.find((row) => row.by[0] === name)!.cost_usd;
    const helper = usd(of(`${mark}-helper`));
    await until(
      () => ledger.getByRole("group", { name: "Costs by agent" }).locator("tbody tr").allTextContents(),
      (lines) =>
        lines.some((line) => line.startsWith(`${mark}-helper`) && line.includes(helper)) &&
        lines.some((line) => line.startsWith(mark) && line.includes(usd(of(mark)))),
      "what each agent spent itself",
    );
    // What was delegated is known where nothing else is asked.
    await page.goto(new URL("/costs", page.url()).href);
    const row = page
      .getByRole("group", { name: "Costs by agent" })
      .locator("tbody tr")
      .filter({ has: page.getByRole("link", { name: mark, exact: true }) });
    await until(
      () => row.textContent(),
      (text) => !!text?.includes(usd(of(mark)) + helper),
      "own cost, and what was delegated",
    );
  });
});

test("who spends it is a click from the agent, down to single runs; what it will come to is said", async () => {
  await visit(`/costs?agent=${mark}&by=user`, async (page) => {
    const users = page.getByRole("group", { name: "Costs by user" });
    await users.getByRole("link", { name: `${mark}-user`, exact: true }).click();
    await page.getByRole("group", { name: "Costs by run" }).getByRole("link", { name: sent.trace }).waitFor();
    const { day_usd, month_usd } = await ask<{ day_usd: number; month_usd: number }>("/api/v1/costs/forecast");
    expect(day_usd).toBeGreaterThan(0);
    expect(month_usd).toBeGreaterThanOrEqual(day_usd * 0.9);
    for (const name of ["Today will come to", "The month will come to"])
      await until(
        () => page.getByText(name, { exact: true }).locator("xpath=..").textContent(),
        (text) => /\$\d/.test(text ?? ""),
        name,
      );
  });
});

test("a model without a price is named with its tokens, and leads to its runs", async () => {
  await visit("/costs", async (page) => {
    const row = page
      .getByRole("group", { name: "Models without a price" })
      .getByRole("row", { name: new RegExp(unpriced) });
    await until(
      () => row.textContent(),
      (text) => /no price for it.*11k/.test(text ?? ""),
      "why, and how much",
    );
    await row.getByRole("link", { name: unpriced }).click();
    await page.locator(`[role=row] a[href*="${sent.trace}"]`).waitFor();
  });
});

test("the same traffic on another model", async () => {
  await visit(`/costs?agent=${mark}`, async (page) => {
    await page.getByRole("combobox", { name: "On which model instead" }).fill("gpt-4o-mini");
    await page.getByText(/% (less|more)/).waitFor();
    expect(new URL(page.url()).searchParams.get("instead")).toBe("gpt-4o-mini");
  });
});
