/** What the palette finds besides pages, runs and agents: tools, sessions, issues and dashboards, each a key away. */
import { afterAll, beforeAll, test } from "vitest";
import { ask, URL_UNDER_TEST, until, withBrowser } from "./browser";
import { newTraceId, sendSpans, supportRun } from "./otlp";
import { SETTLED_MS, sendLoop } from "./settled";

const visit = withBrowser();
const mark = `find${newTraceId().slice(0, 8)}`;
const [tool, session, title] = [`look_up_${mark}`, `session-${mark}`, `Board ${mark}`];
let agent: string;
let board: string;
let issue: string;

beforeAll(async () => {
  // First what takes longest: the loop is seen once its run has settled.
  ({ agent } = await sendLoop());
  const run = supportRun(mark, session).map((span) =>
    span.attributes && "gen_ai.tool.name" in span.attributes
      ? { ...span, attributes: { ...span.attributes, "gen_ai.tool.name": tool } }
      : span,
  );
  await sendSpans({ trace: newTraceId(), start: Date.now() - 10_000, service: `e2e-${mark}` }, run);
  const made = await fetch(`${URL_UNDER_TEST}/api/v1/dashboards`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ title }),
  });
  board = ((await made.json()) as { id: string }).id;
  const { issues } = await until(
    () => ask<{ issues: { detector: string; fingerprint: string }[] }>(`/api/v1/issues?agent=${agent}`),
    ({ issues }) => issues.some(({ detector }) => detector === "loop"),
    "the loop as an issue",
    SETTLED_MS,
  );
  issue = issues.find(({ detector }) => detector === "loop")!.fingerprint;
});
afterAll(async () => {
  if (board) await fetch(`${URL_UNDER_TEST}/api/v1/dashboards/${board}`, { method: "DELETE" });
});

/** What is typed, the group and the name of what is chosen, and the address it leads to. */
const FOUND: [what: string, typed: () => string, group: string, name: () => string, address: () => string][] = [
  ["a tool", () => tool, "Tools", () => tool, () => `/tools?tool=${tool}`],
  ["a session", () => mark, "Sessions", () => session, () => `/sessions/session?id=${session}`],
  ["an issue", () => `loop ${agent}`, "Issues", () => `loop in ${agent}`, () => `/incidents/${issue}`],
  ["a dashboard", () => title.toLowerCase(), "Dashboards", () => title, () => `/dashboards/${board}`],
];

test.each(FOUND)("the palette finds %s by its name and opens it", async (_, typed, group, name, address) => {
  await visit("/overview", async (page) => {
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: "Go to a page, run or agent" }).fill(typed());
    await page.getByRole("group", { name: group }).getByRole("option").filter({ hasText: name() }).first().click();
    await until(
      async () => new URL(page.url()).pathname + new URL(page.url()).search,
      (shown) => shown === address(),
      address(),
    );
  });
});
