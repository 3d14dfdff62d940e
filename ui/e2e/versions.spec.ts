/** Agents by version, tools by what they are called with, and whether agents choose others than before. */
import { beforeAll, expect, test } from "vitest";
import { ask, until, withBrowser } from "./browser";
import { newTraceId, type SpanIn, sendSpans, spanId } from "./otlp";
import { SETTLED_MS } from "./settled";

const visit = withBrowser();
const mark = newTraceId().slice(0, 8);
const agent = `made-${mark}`;
const [lookup, refund] = [`lookup_${mark}`, `refund_${mark}`];
const runs: string[] = [];

const definition = (name: string, description: string) => ({
  ...{ type: "function", name, description },
  parameters: { type: "object", properties: { order: { type: "string" } } },
});

/** A run of a version: what it is told, what it is offered, and the tools it calls. */
function run(
  version: string,
  model: string,
  prompt: string,
  tools: object[],
  calls: [string, object, string?][],
): SpanIn[] {
  const of = { "gen_ai.agent.name": agent, "gen_ai.agent.version": version };
  return [
    {
      ...{ id: "root", name: `invoke_agent ${agent}`, at: 0, ms: 3000 },
      attributes: { "gen_ai.operation.name": "invoke_agent", ...of },
    },
    {
      ...{ id: "chat", parent: "root", name: `chat ${model}`, at: 10, ms: 200 },
      attributes: {
        ...of,
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": model,
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 10,
        "gen_ai.tool.definitions": tools,
        "gen_ai.input.messages": [
          { role: "system", parts: [{ type: "text", content: prompt }] },
          { role: "user", parts: [{ type: "text", content: "Where is it?" }] },
        ],
        "gen_ai.output.messages": [{ role: "assistant", parts: [{ type: "text", content: "Here." }] }],
      },
    },
    ...calls.map(
      ([tool, args, error], at): SpanIn => ({
        ...{ id: `t${at}`, parent: "root", name: `execute_tool ${tool}`, at: 300 + at * 100, ms: 50 },
        ...(error ? { error } : {}),
        attributes: {
          ...of,
          "gen_ai.operation.name": "execute_tool",
          "gen_ai.tool.name": tool,
          "gen_ai.tool.call.arguments": args,
          ...(error ? { "error.type": error } : {}),
        },
      }),
    ),
  ];
}

/** In the time before the last quarter of an hour, and in it. */
const BEFORE = 20 * 60_000;
const NOW = 60_000;

beforeAll(async () => {
  const send = async (ago: number, spans: SpanIn[]) => {
    const trace = newTraceId();
    runs.push(trace);
    await sendSpans({ trace, start: Date.now() - ago, service: `e2e-${agent}` }, spans);
  };
  const many = (tool: string, args: object, n: number, error?: string) =>
    Array.from({ length: n }, (): [string, object, string?] => [tool, args, error]);
  await send(
    BEFORE,
    run(
      "1.0",
      "gpt-4o",
      "Answer the customer briefly.",
      [definition(lookup, "Finds an order.")],
      [...many(lookup, { order: "A-17" }, 40), ...many(refund, { order: "A-17", amount: 5 }, 4)],
    ),
  );
  await send(
    NOW,
    run(
      ...(["2.0", "gpt-4o-mini", "Answer the customer politely."] as const),
      [definition(lookup, "Finds an order or a parcel."), definition(refund, "Pays back.")],
      [
        ...many(lookup, { order: "A-17" }, 7),
        ...many(lookup, { order: 17 }, 1),
        ...many(refund, { order: "A-17", amount: 5 }, 32),
        ...many(refund, { order: "B-9", amount: 7 }, 4, "Refused"),
      ],
    ),
  );
  await until(
    () => ask<{ agents: { name: string; runs: number }[] }>("/api/v1/agents"),
    ({ agents }) => agents.some((each) => each.name === agent && each.runs === 2),
    "the agent in the catalogue",
    SETTLED_MS,
  );
});

test("what changed between two versions: prompt word by word, tools new and described otherwise, the model", async () => {
  await visit(`/agents/agent?name=${agent}`, async (page) => {
    const versions = page.getByRole("group", { name: "Versions" });
    await versions.getByRole("link", { name: "2.0", exact: true }).click();
    const changed = page.getByRole("region", { name: "What changed in 2.0" });
    await until(
      () => changed.textContent(),
      (text) =>
        ["gpt-4o → gpt-4o-mini", `new: ${refund}`, `described otherwise: ${lookup}`].every((words) =>
          text?.includes(words),
        ),
      "model and tools",
    );
    expect(await changed.locator("figure mark").allTextContents()).toEqual(["briefly", "politely"]);
    await changed.getByRole("link", { name: "in its run" }).last().click();
    await page.getByRole("tree").waitFor();
    expect(new URL(page.url()).pathname).toBe(`/runs/${runs[1]}`);
  });
});

test("each way from caller to callee has its calls, latency and failures, over all runs", async () => {
  await visit(`/agents/agent?name=${agent}`, async (page) => {
    const row = page.getByRole("group", { name: "Calls", exact: true }).getByRole("row", { name: new RegExp(refund) });
    await until(
      () => row.textContent(),
      (text) => /40.*4 \(10\.0 %\).*ms/.test(text ?? ""),
      "calls, failures, latency",
    );
    await page.getByRole("link", { name: new RegExp(`^tool ${refund}`) }).waitFor();
  });
});

test("a tool's arguments are taken apart by name and type, failures beside them, each call leading to its step", async () => {
  await visit(`/tools?tool=${lookup}&agent=${agent}&from=15m`, async (page) => {
    const args = page.getByRole("group", { name: "Arguments by name" }).getByRole("row", { name: /order/ });
    await until(
      () => args.textContent(),
      (text) => /(number or string|string or number)/.test(text ?? ""),
      "an argument of two types",
    );
    await page.goto(page.url().replace(`tool=${lookup}`, `tool=${refund}`));
    await until(
      () =>
        page
          .getByRole("group", { name: "Arguments by name" })
          .getByRole("row", { name: /amount/ })
          .textContent(),
      (text) => /36.*4/.test(text ?? ""),
      "calls and failures",
    );
    await page.getByRole("region", { name: "Most frequent calls" }).getByRole("link", { name: /B-9/ }).click();
    await page.getByRole("tree").waitFor();
    expect(new URL(page.url()).searchParams.get("step")).toMatch(
      new RegExp(`^(${[40, 41, 42, 43].map((at) => spanId(`t${at}`)).join("|")})$`),
    );
  });
});

test("a share of calls that moved is marked, though nothing of it failed", async () => {
  await visit(`/tools?agent=${agent}&from=15m`, async (page) => {
    const row = page.getByRole("group", { name: "Tools", exact: true }).getByRole("row", { name: new RegExp(lookup) });
    // From 40 of 44 calls to 8 of 44.
    await until(
      () => row.textContent(),
      (text) => /18\.2 %.*−72\.7 pts/.test(text ?? ""),
      "how much it moved",
    );
    await until(
      () => page.getByText("Choice of tools", { exact: true }).locator("xpath=..").textContent(),
      (text) => /73 % moved/.test(text ?? ""),
      "the drift of the choice",
    );
  });
});
