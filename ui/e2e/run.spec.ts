import { beforeAll, expect, test } from "vitest";
import type { RunAnswer } from "@/api/types";
import { usd } from "@/lib/format";
import { ask, NARROW, until, withBrowser } from "./browser";
import { newTraceId, type Sent, sendLogs, sendSpans, spanId, supportRun } from "./otlp";

const visit = withBrowser();
const mark = `desk${newTraceId().slice(0, 8)}`;
const sent: Sent = { trace: newTraceId(), start: Date.now() - 30_000, service: "e2e-run" };
const path = `/runs/${sent.trace}`;
const answer = () => ask<RunAnswer>(`/api/v1/runs/${sent.trace}?content=none`);

beforeAll(async () => {
  await sendSpans(sent, supportRun(mark, `session-${mark}`));
  await sendLogs(sent, [
    { span: "tool1", at: 830, severity: [17, "ERROR"], body: `carrier timeout for ${mark}` },
    { span: "root", at: 1, severity: [9, "INFO"], body: "run started" },
  ]);
  await until(answer, (got) => got.steps.length === 8, "eight steps");
});

test("the tree shows every step in order, with its kind, and the totals agree with the server", async () => {
  const { run, steps } = await answer();
  await visit(path, async (page) => {
    const items = page.getByRole("treeitem");
    await items.nth(7).waitFor();
    const shown = await items.evaluateAll((all) => all.map((item) => item.id));
    expect(shown).toEqual(steps.map((step) => `step-${step.span_id}`));
    const levels = await items.evaluateAll((all) => all.map((item) => Number(item.getAttribute("aria-level"))));
    expect(levels).toEqual(steps.map((step) => step.depth + 1));
    const named = (name: RegExp) => page.getByRole("treeitem", { name }).count();
    expect(await named(new RegExp(`^Agent ${mark}.* 2\\.00 s$`))).toBe(1);
    expect(await named(/^Tool track_parcel/)).toBe(2);
    expect(await named(/^LLM chat/)).toBe(3);
    expect(await named(/^Retriever search_policy/)).toBe(1);

    const totals = await page.getByLabel("Totals").textContent();
    expect(totals).toContain(`Steps${run.steps}`);
    expect(totals).toContain(`LLM calls${run.llm_calls}`);
    expect(totals).toContain("Tokens in360");
    expect(totals).toContain("Tokens out65");
  });
});

test("bars lie where the steps lay in time", async () => {
  await visit(path, async (page) => {
    const bar = async (name: string) => {
      const box = await page
        .locator(`#step-${spanId(name)} [class*=bar]`)
        .first()
        .boundingBox();
      return box!;
    };
    await page.getByRole("treeitem").nth(7).waitFor();
    const [root, search, chat3] = [await bar("root"), await bar("search"), await bar("chat3")];
    const at = (ms: number) => root.x + (root.width * ms) / 2000;
    expect(Math.abs(search.x - at(20))).toBeLessThan(3);
    expect(Math.abs(chat3.x - at(1400))).toBeLessThan(3);
    expect(Math.abs(chat3.width - (root.width * 590) / 2000)).toBeLessThan(3);
  });
});

test("a link opens exactly one step and tab", async () => {
  await visit(`${path}?step=${spanId("chat1")}&tab=attributes`, async (page) => {
    const detail = page.getByRole("region", { name: "Selected step" });
    await detail.getByRole("tab", { name: "Attributes", selected: true }).waitFor();
    expect(await page.getByRole("treeitem", { selected: true }).getAttribute("id")).toBe(`step-${spanId("chat1")}`);
    await detail.getByLabel("Search attributes").fill("output_tokens");
    expect(await detail.getByRole("row").count()).toBe(2);
    expect(await detail.getByRole("row").last().textContent()).toContain("30");
    await page.reload();
    await until(
      () => detail.getByRole("row").count(),
      (rows) => rows === 2,
      "the attributes that were looked for",
    );
    // The next step is looked at as a whole.
    await page.locator(`#step-${spanId("chat3")}`).click();
    await until(
      async () => new URL(page.url()).searchParams.has("look"),
      (looks) => !looks,
      "an address without the search",
    );
  });
});

test("an LLM step shows what is new in its conversation, all of it when asked, the call with its answer in one place", async () => {
  await visit(`${path}?step=${spanId("chat3")}`, async (page) => {
    const detail = page.getByRole("region", { name: "Selected step" });
    const articles = detail.locator("article");
    const roles = () => articles.evaluateAll((all) => all.map((each) => each.getAttribute("data-role")));
    // Of what it was sent, only the tool's answer was not known to the call before.
    await detail.getByText("1 message new since").waitFor();
    expect(await roles()).toEqual(["system", "assistant", "assistant"]);
    await detail.getByRole("button", { name: "1 message as in the call before" }).click();
    await until(roles, (shown) => shown.length === 4, "the whole conversation");
    await page.reload();
    await until(roles, (shown) => shown.length === 4, "the whole conversation again, by its address");
    expect(await roles()).toEqual(["system", "user", "assistant", "assistant"]);
    expect(await articles.nth(1).textContent()).toContain(`Where is parcel ${mark}?`);
    expect(await articles.nth(2).textContent()).toMatch(/track_parcel.*Result.*Metz/s);
    expect(await articles.nth(3).textContent()).toContain(`Parcel ${mark} is held in Metz.`);
  });
});

test("tool, retrieval, events, logs and raw show what was sent", async () => {
  await visit(`${path}?step=${spanId("tool2")}`, async (page) => {
    const detail = page.getByRole("region", { name: "Selected step" });
    await detail.getByRole("tab", { name: "Tool", selected: true }).waitFor();
    await until(
      () => detail.getByRole("tabpanel").textContent(),
      (text) => /parcel.*Metz/s.test(text ?? ""),
      "arguments and result",
    );

    await page.locator(`#step-${spanId("search")}`).click();
    await detail.getByRole("tab", { name: /Retrieval/, selected: true }).waitFor();
    const found = detail.getByRole("tabpanel").locator("ol > li");
    await until(
      () => found.count(),
      (n) => n === 2,
      "two documents",
    );
    expect(await found.first().textContent()).toMatch(/policy\.md.*0\.91.*refunded/s);

    await page.locator(`#step-${spanId("tool1")}`).click();
    await detail.getByRole("tab", { name: /Events/ }).click();
    await detail.getByText("at track (carrier.py:81)").waitFor();
    await detail.getByRole("tab", { name: /Logs/ }).click();
    await detail.getByText(`carrier timeout for ${mark}`).waitFor();
    await detail.getByRole("tab", { name: "Raw" }).click();
    await until(
      () => detail.getByRole("tabpanel").textContent(),
      (text) => !!text?.includes(spanId("tool1")),
      "the raw span",
    );
  });
});

test("a call is copied as curl and as a test case, also where the browser gives no clipboard", async () => {
  await visit(`${path}?step=${spanId("chat3")}`, async (page) => {
    // As on a page over plain HTTP from another computer.
    await page.evaluate(() => {
      Object.defineProperty(navigator, "clipboard", { value: undefined });
      document.addEventListener("copy", () => {
        document.body.dataset.copied = (document.activeElement as HTMLTextAreaElement).value;
      });
    });
    const step = page.getByRole("region", { name: "Selected step" });
    const taken = async (as: string) => {
      await step.getByRole("button", { name: "Take the step elsewhere" }).click();
      await page.getByRole("menuitem", { name: as }).click();
      await page.getByRole("menu").waitFor({ state: "hidden" });
      return page.evaluate(() => document.body.dataset.copied ?? "");
    };
    const curl = await taken("Copy the call as curl");
    expect(curl).toMatch(/^curl -sS /);
    const { messages } = JSON.parse(/-d '([\s\S]*)'$/.exec(curl)![1]!.replaceAll("'\\''", "'"));
    expect(JSON.stringify(messages)).toContain(`Where is parcel ${mark}?`);
    const made = JSON.parse(await taken("Copy as a test case"));
    expect([made.kind, made.source.trace_id, made.source.span_id]).toEqual(["llm", sent.trace, spanId("chat3")]);
    expect(JSON.stringify(made.expected)).toContain(`Parcel ${mark} is held in Metz.`);
  });
});

test("a failure is explained: the failed step, what repeated it, who asked", async () => {
  await visit(path, async (page) => {
    await page.getByRole("treeitem").nth(7).waitFor();
    await page.keyboard.press("e");
    const detail = page.getByRole("region", { name: "Selected step" });
    await detail.getByText("CarrierTimeout").first().waitFor();
    expect(page.url()).toContain(`step=${spanId("tool1")}`);
    await detail.getByRole("button", { name: "a later track_parcel" }).click();
    await until(
      async () => page.url(),
      (url) => url.includes(spanId("tool2")),
      "the repeated step",
    );
  });
});

test("arrow keys walk, fold and unfold", async () => {
  await visit(path, async (page) => {
    const items = page.getByRole("treeitem");
    await items.nth(7).waitFor();
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowDown");
    await until(
      async () => page.url(),
      (url) => url.includes(spanId("search")),
      "the second step",
    );
    await page.keyboard.press("ArrowLeft");
    await until(
      async () => page.url(),
      (url) => url.includes(spanId("root")),
      "the parent",
    );
    await page.keyboard.press("ArrowLeft");
    await until(
      () => items.count(),
      (n) => n === 1,
      "a folded tree",
    );
    expect(await items.first().getAttribute("aria-expanded")).toBe("false");
    await page.keyboard.press("ArrowRight");
    await until(
      () => items.count(),
      (n) => n === 8,
      "an unfolded tree",
    );
  });
});

test("finding a step keeps the way to it", async () => {
  await visit(path, async (page) => {
    const items = page.getByRole("treeitem");
    await items.nth(7).waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("carrier-desk");
    await until(
      () => items.count(),
      (n) => n === 2 || n === 3,
      "the sub-agent and its ancestors",
    );
    expect(page.url()).toContain("find=carrier-desk");
  });
});

test("the transcript tells the run once, with the sub-agent folded in", async () => {
  await visit(`${path}?view=transcript`, async (page) => {
    const told = page.getByRole("region", { name: "Transcript" });
    await told.getByText(`Parcel ${mark} is held in Metz.`).waitFor();
    expect(await told.getByText(`Where is parcel ${mark}?`).count()).toBe(1);
    expect(await told.getByText("Held until Thursday.").count()).toBe(0);
    await told.getByRole("button", { name: /carrier-desk/, expanded: false }).click();
    await told.getByText("Held until Thursday.").waitFor();
    // What is unfolded is in the address, and folded again it is not.
    await page.reload();
    await told.getByText("Held until Thursday.").waitFor();
    await told.getByRole("button", { name: /carrier-desk/, expanded: true }).click();
    await told.getByText("Held until Thursday.").waitFor({ state: "detached" });
    expect(new URL(page.url()).searchParams.has("turned")).toBe(false);
  });
});

test("agents show what each did itself", async () => {
  const { run } = await answer();
  await visit(`${path}?view=agents`, async (page) => {
    const lines = page.getByRole("region", { name: "Agents of the run" }).locator("tbody tr");
    await lines.first().waitFor();
    expect(await lines.count()).toBe(run.agents.length);
    expect(await lines.nth(0).textContent()).toContain(mark);
    expect(await lines.nth(1).textContent()).toContain("carrier-desk");
    // Two calls of its own, 300 ms and the cost of one call delegated.
    const [own, below] = run.agents.map((agent) => agent.cost_usd ?? 0);
    expect([own! > below!, below! > 0]).toEqual([true, true]);
    expect(await lines.nth(0).textContent()).toContain(`1.70 s + 300 ms`);
    expect(await lines.nth(0).textContent()).toContain(`${usd(own)} + ${usd(below)}`);
    expect(await lines.nth(1).textContent()).not.toContain(" + ");
    await lines.nth(1).getByRole("button", { name: "carrier-desk" }).click();
    await page.getByRole("tree").waitFor();
    expect(page.url()).toContain(spanId("sub"));
  });
});

test("the logs of the run lead to their step", async () => {
  await visit(`${path}?view=logs`, async (page) => {
    const line = page.getByRole("listitem").filter({ hasText: `carrier timeout for ${mark}` });
    await line.waitFor();
    expect(await page.getByRole("listitem").count()).toBe(2);
    await line.getByRole("button", { name: "Open the step" }).click();
    await page.getByRole("tree").waitFor();
    expect(page.url()).toContain(spanId("tool1"));
  });
});

test("a running run goes on by itself until it is done", async () => {
  const running: Sent = { trace: newTraceId(), start: Date.now() - 1500, service: "e2e-run" };
  const [root, ...rest] = supportRun(`live${mark}`, `session-live-${mark}`);
  await sendSpans(running, rest.slice(0, 2));
  await until(
    () => fetch(`${process.env.TAWNY_URL}/api/v1/runs/${running.trace}`),
    (response) => response.ok,
    "the run",
  );
  await visit(`/runs/${running.trace}`, async (page) => {
    await page.getByRole("heading", { level: 1 }).waitFor();
    await page.getByText("Running", { exact: true }).first().waitFor();
    await until(
      () => page.getByRole("treeitem").count(),
      (n) => n === 2,
      "two steps",
    );
    await sendSpans(running, rest.slice(2));
    await until(
      () => page.getByRole("treeitem").count(),
      (n) => n === 7,
      "seven steps without reloading",
    );
    await sendSpans(running, [root!]);
    await page.getByText("Completed", { exact: true }).first().waitFor();
    await until(
      () => page.getByRole("treeitem").count(),
      (n) => n === 8,
      "eight steps",
    );
  });
});

test("on a phone the step is a sheet over the tree", async () => {
  await visit(
    path,
    async (page) => {
      await page.getByRole("treeitem").nth(2).click();
      const sheet = page.getByRole("dialog");
      await sheet.getByText("gpt-4o-mini").first().waitFor();
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth)).toBe(true);
      await sheet.getByRole("button", { name: "Close the step" }).click();
      await sheet.waitFor({ state: "hidden" });
    },
    { viewport: NARROW },
  );
});

test("a run that does not exist is said so in the server's words", async () => {
  await visit(
    `/runs/${"0".repeat(31)}1`,
    async (page) => {
      const alert = page.getByRole("alert");
      await alert.waitFor();
      expect((await alert.textContent())!.length).toBeGreaterThan(20);
      expect(await page.getByRole("treeitem").count()).toBe(0);
    },
    { complaints: /404/ },
  );
});
