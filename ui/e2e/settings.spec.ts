/** Settings that hold on a server: how long things are kept, what of content, who is told, prices. On a server of its own. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until, withBrowser } from "./browser";
import { newTraceId, spanId } from "./otlp";
import { type Own, PROGRAM, pagesUnderTest, startOwn } from "./own";
import { SETTLED_MS } from "./settled";

const visit = withBrowser();
const model = `own-model-${newTraceId().slice(0, 6)}`;
const CARD = "4111 1111 1111 1111";
/** What arrived at the receiver of alerts. */
const told: string[] = [];
let receiver: Server;
let folder: string;
let own: Own;

beforeAll(async () => {
  if (!PROGRAM) return;
  receiver = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => {
      body += part;
    });
    request.on("end", () => {
      told.push(body);
      response.end("ok");
    });
  });
  await new Promise<void>((done) => receiver.listen(0, "127.0.0.1", done));
  folder = await mkdtemp(join(tmpdir(), "tawny-e2e-settings-"));
  await writeFile(join(folder, "policy.toml"), '[[policy]]\ncontent = "full"\n');
  own = await startOwn(
    ...["--retention", "spans=90d,bodies=30d"],
    ...["--policy", join(folder, "policy.toml")],
    ...["--slack-webhook", `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`],
  );
  const trace = newTraceId();
  const text = (key: string, value: string) => ({ key, value: { stringValue: value } });
  const number = (key: string, value: number) => ({ key, value: { intValue: String(value) } });
  const at = (ms: number) => `${Date.now() - 60_000 + ms}000000`;
  const span = (id: string, name: string, ms: number, attributes: object[], parent?: string) => ({
    ...{ traceId: trace, spanId: spanId(id), name, kind: 1, attributes },
    ...{ startTimeUnixNano: at(0), endTimeUnixNano: at(ms), ...(parent ? { parentSpanId: spanId(parent) } : {}) },
  });
  const spans = [
    span("root", "invoke_agent till", 900, [
      text("gen_ai.operation.name", "invoke_agent"),
      text("gen_ai.agent.name", "till"),
      text("input.value", `Charge ${CARD}`),
    ]),
    span(
      ...(["chat", `chat ${model}`, 300] as const),
      [
        text("gen_ai.operation.name", "chat"),
        text("gen_ai.provider.name", "openai"),
        text("gen_ai.request.model", model),
        number("gen_ai.usage.input_tokens", 1_000_000),
        number("gen_ai.usage.output_tokens", 1000),
      ],
      "root",
    ),
  ];
  const sent = await fetch(`${own.url}/v1/traces`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      resourceSpans: [{ resource: { attributes: [text("service.name", "till")] }, scopeSpans: [{ spans }] }],
    }),
  });
  expect(sent.ok, await sent.text()).toBe(true);
});

afterAll(async () => {
  await own?.stop();
  receiver?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const at = (section: string, work: (page: Page) => Promise<void>) =>
  visit("/status", async (page) => {
    await pagesUnderTest(page.context(), own);
    await page.goto(`${own.url}/settings/${section}`);
    await work(page);
  });

test.skipIf(!PROGRAM)("how long things are kept is what the server was told", async () => {
  await at("retention", async (page) => {
    await until(
      () => page.getByRole("group", { name: "Retention of telemetry" }).locator("tbody tr").allTextContents(),
      (rows) => rows.some((row) => /spans.*90 days/.test(row)) && rows.some((row) => /bodies.*30 days/.test(row)),
      "both layers",
    );
  });
});

test.skipIf(!PROGRAM)("what of content is kept is said, and what was removed is counted", async () => {
  await at("content", async (page) => {
    await page.getByRole("region", { name: "Policy" }).getByText(/full/).first().waitFor();
    await until(
      async () => {
        await page.reload();
        return page.getByRole("group", { name: "What was removed" }).textContent();
      },
      (text) => /card/.test(text ?? ""),
      "the card's number",
    );
    const search = await fetch(`${own.url}/api/v1/runs?q=4111`);
    expect(((await search.json()) as { total: number }).total).toBe(0);
  });
});

test.skipIf(!PROGRAM)("a test message arrives at the receiver", async () => {
  await at("receivers", async (page) => {
    await page
      .getByRole("button", { name: /^Send a test message/ })
      .first()
      .click();
    await page.getByText("it was taken").first().waitFor();
    expect(told.join("\n")).toMatch(/test/i);
  });
});

test.skipIf(!PROGRAM)(
  "a price of one's own holds, and the ledger is priced again after a look at what changes",
  async () => {
    const spent = async () => {
      const answer = await fetch(`${own.url}/api/v1/costs?by=model`);
      return (await answer.json()) as { total: { calls: number; cost_usd: number } };
    };
    await until(spent, ({ total }) => total.calls === 1, "the call in the ledger", SETTLED_MS);
    expect((await spent()).total.cost_usd).toBe(0);
    await at("prices", async (page) => {
      const prices = page.getByRole("region", { name: "Prices of your own" });
      await page
        .getByLabel("Price file (TOML)")
        .fill(`[[price]]\nprovider = "openai"\nmodel = "${model}"\ninput = 2.0\noutput = 8.0\n`);
      await prices.getByRole("button", { name: "Put in place" }).click();
      await prices.getByRole("group", { name: "Prices of your own" }).getByText(model).waitFor();
      await page.getByRole("button", { name: "What would pricing again change?" }).click();
      await page.getByText(/1 call of 1 run would change: from \$0 to \$2\.01/).waitFor();
      expect((await spent()).total.cost_usd).toBe(0);
      await page.getByRole("button", { name: "Price 1 call again" }).click();
      await until(spent, ({ total }) => Math.abs(total.cost_usd - 2.008) < 1e-9, "the ledger priced again");
    });
  },
);
