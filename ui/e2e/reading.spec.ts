/** Reading a run closely: what is new between rounds, playback, the keyboard alone, what is taken elsewhere, tokens and cost of steps. */
import { execFile } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import { beforeAll, expect, inject, test } from "vitest";
import type { RunAnswer } from "@/api/types";
import { compact, usd } from "@/lib/format";
import { ask, until, withBrowser } from "./browser";
import { newTraceId, type Sent, type SpanIn, sendSpans, spanId, supportRun } from "./otlp";
import { SETTLED_MS } from "./settled";

const visit = withBrowser();
const mark = `read${newTraceId().slice(0, 8)}`;
const sent: Sent = { trace: newTraceId(), start: Date.now() - 60_000, service: `e2e-${mark}` };
const path = `/runs/${sent.trace}`;

const said = (role: string, content: string) => ({ role, parts: [{ type: "text", content }] });
const chat = (id: string, at: number, input: object[], answer: string): SpanIn => ({
  id,
  parent: "root",
  name: "chat gpt-4o",
  at,
  ms: 300,
  attributes: {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.request.temperature": 0.2,
    "gen_ai.usage.input_tokens": 1500,
    "gen_ai.usage.output_tokens": 40,
    "gen_ai.input.messages": input,
    "gen_ai.output.messages": [{ ...said("assistant", answer), finish_reason: "stop" }],
  },
});
const rules = said("system", "Answer it's brief.");
const [first, second, third] = ["first", "second", "third"].map((word) =>
  said("user", `The ${word} question of ${mark}`),
);
/** Three rounds: the second adds to the first; the third forgets what the first was asked. */
const rounds: SpanIn[] = [
  {
    id: "root",
    name: `invoke_agent ${mark}`,
    at: 0,
    ms: 2000,
    attributes: { "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": mark },
  },
  chat("r1", 100, [rules, first!], "One."),
  chat("r2", 700, [rules, first!, said("assistant", "One."), second!], "Two."),
  chat("r3", 1300, [rules, said("assistant", "One."), second!, said("assistant", "Two."), third!], "Three."),
];

beforeAll(async () => {
  await sendSpans(sent, rounds);
  await until(
    () => ask<RunAnswer>(`/api/v1/runs/${sent.trace}`),
    ({ steps }) => steps.length === rounds.length,
    "the steps",
  );
});

const detail = (page: Page) => page.getByRole("region", { name: "Selected step" });

test("between rounds only what is new is shown, what was taken out is said, and the call before is a click away", async () => {
  await visit(`${path}?step=${spanId("r2")}`, async (page) => {
    const step = detail(page);
    await step.getByText("1 message new since").waitFor();
    const shown = async () => (await step.locator("article").allTextContents()).join("\n");
    expect(await shown()).toContain("The second question");
    expect(await shown()).not.toContain("The first question");
    await page.locator(`#step-${spanId("r3")}`).click();
    await step.getByText("1 message taken out").first().waitFor();
    expect(await shown()).toContain("The third question");
    expect(await shown()).not.toContain("The second question");
    await step.getByText("1 message taken out since the call before").click();
    await step.getByText(`The first question of ${mark}`).waitFor();
    await step.getByRole("button", { name: "the call before", exact: true }).click();
    await until(
      async () => new URL(page.url()).searchParams.get("step"),
      (id) => id === spanId("r2"),
      "the round before",
    );
  });
});

test("tokens and cost stand beside each step, and say what the server says", async () => {
  const { steps } = await ask<RunAnswer>(`/api/v1/runs/${sent.trace}?content=none`);
  const step = steps.find((each) => each.span_id === spanId("r1"))!;
  expect(step.cost_usd).toBeGreaterThan(0);
  await visit(path, async (page) => {
    const row = page.locator(`#step-${spanId("r1")}`);
    await until(
      () => row.textContent(),
      (text) => !!text?.includes(compact(1540)) && text.includes(usd(step.cost_usd)),
      "tokens and cost",
    );
  });
});

test("played, a run shows what had begun by then; the moment is moved by hand and by keys, and is in the address", async () => {
  await visit(path, async (page) => {
    await page.getByRole("treeitem").nth(3).waitFor();
    const later = () =>
      page.locator("[role=treeitem][data-off]").evaluateAll((rows) => rows.map((row) => row.id.replace("step-", "")));
    await page.getByRole("button", { name: "Play the run" }).click();
    const slider = page.getByRole("slider", { name: "Moment of the run" });
    await page.getByRole("button", { name: "Pause" }).click();
    // To a moment within the second round: the third has not begun.
    await slider.evaluate((element: HTMLInputElement) => {
      const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")!.set!;
      set.call(element, "800");
      element.dispatchEvent(new Event("input", { bubbles: true }));
    });
    await until(later, (ids) => ids.join() === spanId("r3"), "the third round still to come");
    expect(await page.locator("[role=treeitem][data-now]").count()).toBe(2);
    await slider.press("Home");
    await until(later, (ids) => ids.length === 3, "all rounds to come");
    await until(
      async () => new URL(page.url()).searchParams.get("at"),
      (at) => at === "0",
      "the moment in the address",
    );
    // Played to its end, it stops by itself, and everything has begun.
    await page.getByText("5×", { exact: true }).click();
    await page.getByRole("button", { name: "Play", exact: true }).click();
    await page.getByRole("button", { name: "Play", exact: true }).waitFor();
    await until(later, (ids) => ids.length === 0, "the whole run");
    await until(
      async () => new URL(page.url()).searchParams.get("at"),
      (at) => at === "2000",
      "its end in the address",
    );
    await page.getByRole("button", { name: "Close playback" }).click();
    await until(
      async () => new URL(page.url()).searchParams.has("at"),
      (at) => !at,
      "an address without a moment",
    );
  });
});

test("a run is read from the list to its last tab without a pointer", async () => {
  const other: Sent = { trace: newTraceId(), start: Date.now() - 40_000, service: `${sent.service}-keys` };
  await sendSpans(other, supportRun(mark, `session-${mark}`));
  await until(
    () => ask<{ total: number }>(`/api/v1/runs?service=${other.service}`),
    ({ total }) => total === 1,
    "the run",
  );
  await visit(`/runs?service=${other.service}`, async (page) => {
    await page.locator("[role=row][aria-rowindex]").first().waitFor();
    const press = (...keys: string[]) =>
      keys.reduce((done, key) => done.then(() => page.keyboard.press(key)), Promise.resolve());
    const step = (name: string) =>
      until(
        async () => new URL(page.url()).searchParams.get("step"),
        (id) => id === spanId(name),
        `the step ${name}`,
      );
    await press("j", "Enter");
    await page.getByRole("treeitem").nth(7).waitFor();
    await press("Home", "j");
    await step("search");
    await press("k");
    await step("root");
    await press("End");
    await step("chat3");
    await press("e");
    await step("tool1");
    const tab = (name: RegExp) => detail(page).getByRole("tab", { name, selected: true }).waitFor();
    await tab(/^Tool/);
    await press("]");
    await tab(/^Attributes/);
    await press("[");
    await tab(/^Tool/);
    await press("[");
    await tab(/^Raw/);
    await press("c");
    await page.getByRole("button", { name: "Critical path", pressed: true }).waitFor();
    await press("p");
    await page.getByRole("button", { name: "Pause" }).waitFor();
    await press("p");
    await press("/");
    await page.keyboard.type("carrier-desk");
    await until(
      () => page.getByRole("treeitem").count(),
      (rows) => rows < 8,
      "what was looked for",
    );
    await press("Escape", "Escape");
    await page.locator("[role=row][aria-rowindex]").first().waitFor();
    expect(new URL(page.url()).searchParams.get("service")).toBe(other.service);
    // Every control is reached with the tab key, and shows that it is.
    const reached = new Set<string>();
    for (let at = 0; at < 40; at += 1) {
      await press("Tab");
      reached.add(
        await page.evaluate(() => {
          const focused = document.activeElement as HTMLElement;
          const style = getComputedStyle(focused);
          const after = getComputedStyle(focused, "::after");
          const ring = [style, after].some((each) => each.outlineStyle !== "none" || each.boxShadow !== "none");
          return `${focused.tagName} ${focused.getAttribute("aria-label") ?? focused.textContent?.slice(0, 30)}${ring ? "" : " without a ring"}`;
        }),
      );
    }
    expect(reached.size).toBeGreaterThan(15);
    expect([...reached].filter((name) => /without a ring/.test(name) && !/^BODY/.test(name))).toEqual([]);
  });
});

test("the copied command makes the call again, and the test case says what was expected", async () => {
  const calls: { path: string; key: string | undefined; body: string }[] = [];
  const model = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => {
      body += part;
    });
    request.on("end", () => {
      calls.push({ path: request.url ?? "", key: request.headers.authorization, body });
      response.end('{"ok":true}');
    });
  });
  await new Promise<void>((done) => model.listen(0, "127.0.0.1", done));
  try {
    await visit(`${path}?step=${spanId("r2")}`, async (page) => {
      await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
      const taken = async (as: string) => {
        await detail(page).getByRole("button", { name: "Take the step elsewhere" }).click();
        await page.getByRole("menuitem", { name: as }).click();
        await page.getByRole("menu").waitFor({ state: "hidden" });
        return page.evaluate(() => navigator.clipboard.readText());
      };
      const curl = await taken("Copy the call as curl");
      const { stdout } = await promisify(execFile)("bash", ["-c", curl], {
        env: {
          PATH: process.env.PATH,
          OPENAI_BASE_URL: `http://127.0.0.1:${(model.address() as AddressInfo).port}/v1`,
          OPENAI_API_KEY: "sk-test",
        },
      });
      expect(stdout).toBe('{"ok":true}');
      const [call] = calls;
      expect([call?.path, call?.key]).toEqual(["/v1/chat/completions", "Bearer sk-test"]);
      expect(JSON.parse(call?.body ?? "")).toEqual({
        model: "gpt-4o",
        temperature: 0.2,
        messages: [
          { role: "system", content: "Answer it's brief." },
          { role: "user", content: `The first question of ${mark}` },
          { role: "assistant", content: "One." },
          { role: "user", content: `The second question of ${mark}` },
        ],
      });
      const made = JSON.parse(await taken("Copy as a test case"));
      expect(made).toMatchObject({
        kind: "llm",
        model: "gpt-4o",
        expected: { text: "Two." },
        source: { trace_id: sent.trace, span_id: spanId("r2") },
      });
      expect(made.input.messages).toEqual(JSON.parse(call?.body ?? "").messages);
    });
  } finally {
    model.close();
  }
});

test("a finding is pinned to the step that proves it", async () => {
  const { agent, trace } = inject("loop");
  const { findings } = await until(
    () => ask<{ findings: { span_ids: string[] }[] }>(`/api/v1/findings?trace_id=${trace}`),
    ({ findings }) => findings.some(({ span_ids }) => span_ids.length > 0),
    `a finding of ${agent}`,
    SETTLED_MS,
  );
  const proof = findings.flatMap(({ span_ids }) => span_ids)[0]!;
  await visit(`/runs/${trace}`, (page) =>
    page
      .locator(`#step-${proof}`)
      .getByLabel(/finding/)
      .waitFor(),
  );
});
