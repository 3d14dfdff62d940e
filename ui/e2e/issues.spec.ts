import { beforeAll, expect, test } from "vitest";
import { ask, until, withBrowser } from "./browser";
import { newTraceId, type Sent, type SpanIn, sendSpans } from "./otlp";

const visit = withBrowser();
const agent = `loops-${newTraceId().slice(0, 6)}`;
const sent: Sent = { trace: newTraceId(), start: Date.now() - 60_000, service: "e2e-issues" };

/** A run that asks the same of the same tool again and again, every call well answered. */
function loop(): SpanIn[] {
  const calls = Array.from({ length: 8 }, (_, at): SpanIn[] => [
    {
      id: `llm${at}`,
      parent: "root",
      name: "chat gpt-4o",
      at: 100 + at * 400,
      ms: 200,
      attributes: {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.provider.name": "openai",
      },
    },
    {
      id: `tool${at}`,
      parent: "root",
      name: "execute_tool get_order",
      at: 310 + at * 400,
      ms: 100,
      attributes: {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "get_order",
        "gen_ai.tool.call.arguments": '{"order":"A-17"}',
        "gen_ai.tool.call.result": '{"status":"pending"}',
      },
    },
  ]);
  const root: SpanIn = {
    id: "root",
    name: `invoke_agent ${agent}`,
    at: 0,
    ms: 4000,
    attributes: { "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": agent },
  };
  return [root, ...calls.flat()];
}

interface Issues {
  issues: { fingerprint: string; detector: string; agent: string; state: string }[];
}
/** A run is judged once nothing was heard of it for half a minute. */
const SETTLED_MS = 90_000;
const mine = () => ask<Issues>(`/api/v1/issues?agent=${agent}`);

beforeAll(async () => {
  await sendSpans(sent, loop());
  await until(
    mine,
    ({ issues }) => issues.some((issue) => issue.detector === "loop"),
    "the loop as an issue",
    SETTLED_MS,
  );
}, 2 * SETTLED_MS);

test("a loop that returned 200 everywhere is an issue that leads to the step which proves it", async () => {
  const { issues } = await mine();
  const loop = issues.find((issue) => issue.detector === "loop")!;
  await visit(`/issues?issue=${loop.fingerprint}`, async (page) => {
    const list = page.getByRole("list", { name: "Findings, newest first" });
    await list.getByRole("link").first().click();
    await page.getByRole("tree").waitFor();
    const url = new URL(page.url());
    expect([url.pathname, url.searchParams.has("step")]).toEqual([`/runs/${sent.trace}`, true]);
    const found = page.getByRole("list", { name: "Findings of the run" });
    await until(
      () => found.textContent(),
      (text) => /loop/.test(text ?? ""),
      "the finding on the run",
    );
  });
});

test("who has looked at an issue takes it off the list of what needs somebody", async () => {
  const { issues } = await mine();
  const issue = issues.find((issue) => issue.detector === "loop")!;
  await visit(`/issues?issue=${issue.fingerprint}`, async (page) => {
    await page.getByRole("button", { name: "Acknowledge" }).click();
    await until(
      mine,
      ({ issues }) => issues.some((each) => each.fingerprint === issue.fingerprint && each.state === "acknowledged"),
      "the issue acknowledged",
    );
    await page.getByText("Acknowledged", { exact: true }).click();
    await page.getByText(agent).first().waitFor();
  });
});
