/** Every page's state is in its address: loaded again, and opened in another browser, it shows the same. */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { ask, NARROW, URL_UNDER_TEST, until, withBrowser } from "./browser";
import { newTraceId, type Sent, sendLogs, sendSpans, spanId, supportRun } from "./otlp";
import { seen, seenAtRest, showsAgain } from "./seen";
import { SETTLED_MS } from "./settled";

const visit = withBrowser();
const mark = `kept${newTraceId().slice(0, 8)}`;
const session = `session-${mark}`;
const sent: Sent = { trace: newTraceId(), start: Date.now() - 60_000, service: `e2e-${mark}` };
const other: Sent = { ...sent, trace: newTraceId(), start: Date.now() - 50_000 };
const { agent, traces } = inject("fleet");
let dashboard = "";

beforeAll(async () => {
  await sendSpans(sent, supportRun(mark, session));
  await sendSpans(other, supportRun(mark, session));
  await sendLogs(
    sent,
    Array.from({ length: 10 }, (_, at) => ({
      span: "root",
      at: at * 10,
      severity: at % 2 ? ([17, "ERROR"] as [number, string]) : ([9, "INFO"] as [number, string]),
      body: `line ${at} of ${mark}`,
    })),
  );
  const made = await fetch(`${URL_UNDER_TEST}/api/v1/dashboards`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      title: `Kept ${mark}`,
      variables: [{ name: "agent", label: "Agent", options: ["one", "two"], value: "" }],
      panels: [
        {
          id: "p1",
          kind: "stat",
          title: "Said",
          x: 0,
          y: 0,
          w: 6,
          h: 4,
          queries: [{ language: "promql", query: "vector(42)" }],
        },
        { id: "p2", kind: "text", title: "Words", x: 6, y: 0, w: 6, h: 4, text: "Words." },
      ],
    }),
  });
  const answer = await made.text();
  expect(made.ok, answer).toBe(true);
  dashboard = (JSON.parse(answer) as { id: string }).id;
  await until(
    () => ask<{ total: number }>(`/api/v1/runs?session=${session}`),
    ({ total }) => total === 2,
    "both runs",
  );
  await until(
    () => ask<{ agents: { name: string; runs: number }[] }>("/api/v1/agents"),
    ({ agents }) => agents.some((each) => each.name === agent && each.runs === 2),
    "the agent in the catalogue",
    SETTLED_MS,
  );
});

afterAll(async () => {
  if (dashboard) await fetch(`${URL_UNDER_TEST}/api/v1/dashboards/${dashboard}`, { method: "DELETE" });
});

interface State {
  page: string;
  from: () => string;
  /** What a reader chooses there. */
  choose: (page: Page) => Promise<void>;
  narrow?: true;
  /** What it says is about the whole server and goes on while others work: only what is chosen is compared. */
  live?: true;
}

const run = `/runs/${sent.trace}`;
const choice = async (page: Page, field: string, option: string) => {
  await page
    .getByRole("combobox", { name: field })
    .or(page.getByRole("textbox", { name: field }))
    .first()
    .click();
  await page
    .getByRole("option", { name: new RegExp(`^${option}( [\\d,]+)?$`) })
    .first()
    .click();
};
const range = async (page: Page, name: string) => {
  await page.getByRole("button", { name: /^Time range/ }).click();
  await page.getByRole("menuitem", { name }).click();
  await page.getByRole("menu").waitFor({ state: "detached" });
};
const rows = "[role=row][aria-rowindex]";

const STATES: State[] = [
  {
    page: "the overview",
    from: () => `/overview?agent=${agent}`,
    choose: async (page) => {
      await range(page, "Last 24 hours");
      await page.getByRole("button", { name: /^Compare with/ }).click();
      await page.getByRole("menuitem", { name: "The same hours yesterday" }).click();
    },
  },
  {
    page: "the deep dive",
    live: true,
    from: () => "/deep-dive",
    choose: async (page) => {
      await choice(page, "Only this agent", agent);
      await range(page, "Last hour");
    },
  },
  {
    page: "runs",
    from: () => `/runs?service=${sent.service}&live=false`,
    choose: async (page) => {
      await page.locator(rows).nth(1).waitFor();
      await page.getByRole("columnheader", { name: "Duration" }).getByRole("link").click();
      await page.getByRole("textbox", { name: "Search runs" }).fill(mark);
      await page.getByRole("button", { name: "Columns" }).click();
      await page.getByRole("checkbox", { name: "Version" }).check();
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
      for (const row of [0, 1]) await page.locator(rows).nth(row).getByRole("checkbox").check();
      await page.getByRole("region", { name: "Chosen runs" }).getByText("2 runs chosen").waitFor();
      await page
        .locator(rows)
        .first()
        .getByRole("button", { name: /^Look at/ })
        .click();
      await page.getByRole("complementary", { name: "Run" }).getByRole("link", { name: "Open the run" }).waitFor();
    },
  },
  {
    page: "a run beside the list, on a phone",
    from: () => `/runs?service=${sent.service}&live=false`,
    narrow: true,
    choose: async (page) => {
      await page
        .getByRole("button", { name: /^Look at/ })
        .first()
        .click();
      await page.getByRole("dialog", { name: "Run" }).getByRole("link", { name: "Open the run" }).waitFor();
    },
  },
  {
    page: "the steps of a run",
    from: () => run,
    choose: async (page) => {
      await page.getByRole("treeitem").nth(7).waitFor();
      await page.keyboard.press("c");
      await page.locator(`#step-${spanId("sub")}`).click();
      await page.getByRole("tree").press("ArrowLeft");
      await page.locator(`#step-${spanId("sub")}[aria-expanded=false]`).waitFor();
      await page.locator(`#step-${spanId("chat1")}`).click();
      await page
        .getByRole("region", { name: "Selected step" })
        .getByRole("tab", { name: /^Attributes/ })
        .click();
      await page.getByRole("textbox", { name: "Search attributes" }).fill("gen_ai");
    },
  },
  {
    page: "a run that is played, everything folded",
    from: () => run,
    choose: async (page) => {
      await page.getByRole("button", { name: "Fold everything", exact: true }).click();
      await page.getByRole("button", { name: "Play the run" }).click();
      await page.getByRole("button", { name: "Pause" }).click();
      await until(async () => new URL(page.url()).searchParams.has("at"), Boolean, "the moment in the address");
    },
  },
  {
    page: "the transcript",
    from: () => `${run}?view=transcript`,
    choose: (page) => page.getByRole("button", { name: /carrier-desk/, expanded: false }).click(),
  },
  {
    page: "the logs of a run",
    from: () => run,
    choose: async (page) => {
      await page.getByRole("tab", { name: /^Logs/ }).first().click();
      await page.getByRole("textbox", { name: "Search logs" }).fill("line 3");
    },
  },
  {
    page: "runs beside each other",
    from: () => `/compare?a=${traces[0]}&b=${traces[1]}`,
    choose: async (page) => {
      await page.getByText("Differences", { exact: true }).click();
      await page.getByRole("button", { name: "To the first difference" }).click();
    },
  },
  {
    page: "sessions",
    from: () => "/sessions",
    choose: async (page) => {
      await page.getByRole("textbox", { name: "Search sessions" }).fill(mark);
      await range(page, "All time");
      await until(
        () => page.getByRole("link", { name: session }).count(),
        (found) => found === 1,
        "the session",
      );
    },
  },
  {
    page: "a session",
    from: () => `/sessions/session?id=${session}`,
    choose: (page) => page.getByRole("button", { name: "Everything that was said" }).first().click(),
  },
  {
    page: "agents",
    live: true,
    from: () => "/agents",
    choose: async (page) => {
      await page.getByText("and models", { exact: true }).click();
      await page.getByRole("group", { name: "Agents", exact: true }).getByRole("button", { name: "p95" }).click();
      await range(page, "Last 7 days");
    },
  },
  { page: "an agent", from: () => `/agents/agent?name=${agent}`, choose: (page) => range(page, "Last 7 days") },
  {
    page: "tools",
    from: () => `/tools?agent=${agent}`,
    choose: async (page) => {
      await range(page, "Last 24 hours");
      const tools = page.getByRole("group", { name: "Tools", exact: true });
      await tools.getByRole("button", { name: "p95", exact: true }).click();
      await tools.getByRole("link", { name: "track_parcel" }).click();
      await page.getByRole("region", { name: "Arguments" }).waitFor();
    },
  },
  {
    page: "costs",
    from: () => `/costs?agent=${agent}`,
    choose: async (page) => {
      await choice(page, "Grouped by", "By session");
      await page.getByRole("group", { name: "Costs by session" }).getByRole("button", { name: "Calls" }).click();
      await page.getByRole("combobox", { name: "On which model instead" }).fill("gpt-4o");
      await page.getByText("instead of", { exact: false }).first().waitFor();
      await page.keyboard.press("Escape");
    },
  },
  {
    page: "issues",
    live: true,
    from: () => "/issues",
    choose: (page) => page.getByText("Resolved", { exact: true }).click(),
  },
  {
    page: "findings",
    live: true,
    from: () => "/findings",
    choose: async (page) => {
      await choice(page, "Severity", "warning");
      await range(page, "Last hour");
    },
  },
  {
    page: "rules",
    live: true,
    from: () => "/alerts?view=rules",
    choose: async (page) => {
      await page.getByRole("textbox", { name: "Filter rules" }).fill("E2eRunsSlow");
      await page.getByRole("list", { name: "Rules" }).getByRole("button").first().click();
    },
  },
  {
    page: "the history of alerts",
    live: true,
    from: () => "/alerts",
    choose: async (page) => {
      await page.getByRole("link", { name: "History" }).click();
      await page.getByRole("textbox", { name: "Filter what happened" }).fill("E2eRunsFail");
    },
  },
  {
    page: "a silence that is being made",
    live: true,
    from: () => "/alerts?view=silences",
    choose: async (page) => {
      await page.getByRole("button", { name: "Silence…" }).click();
      await page.getByRole("dialog").waitFor();
    },
  },
  {
    page: "PromQL",
    from: () => "/explore?expr=tawny_requests_accepted_total&expr=tawny_ready",
    choose: async (page) => {
      await page.getByText("Stacked", { exact: true }).click();
      const legend = page.getByRole("region", { name: "Graph" }).getByRole("button", { pressed: false });
      await legend.last().click();
      await page.getByRole("button", { pressed: true }).first().waitFor();
    },
  },
  {
    page: "values of PromQL",
    from: () => "/explore",
    choose: async (page) => {
      await page.getByRole("textbox", { name: "Query A" }).fill("tawny_ready");
      await page.keyboard.press("Enter");
      await page.getByText("Table", { exact: true }).click();
      await page.getByRole("region", { name: "Values" }).waitFor();
    },
  },
  {
    page: "SQL",
    from: () => "/sql",
    choose: async (page) => {
      const query = `SELECT kind, count(*) AS steps FROM spans WHERE service = '${sent.service}' GROUP BY kind ORDER BY 1`;
      await page.getByLabel("SQL query").fill(query);
      await page.getByLabel("SQL query").press("Control+Enter");
      await page.getByText("Chart", { exact: true }).click();
      await choice(page, "Along the axis", "steps");
    },
  },
  {
    page: "logs",
    from: () => `/logs?service=${sent.service}`,
    choose: async (page) => {
      await choice(page, "Lowest severity", "error or worse");
      await page.getByRole("textbox", { name: "Search logs" }).fill(`of ${mark}`);
      await range(page, "Last 6 hours");
    },
  },
  {
    page: "a dashboard",
    from: () => `/dashboards/${dashboard}`,
    choose: async (page) => {
      await choice(page, "Agent", "two");
      await range(page, "Last 24 hours");
    },
  },
  {
    page: "a panel that is being written",
    from: () => `/dashboards/${dashboard}`,
    choose: async (page) => {
      await page.getByRole("button", { name: "What to do with the dashboard" }).click();
      await page.getByRole("menuitem", { name: "Arrange" }).click();
      await page.getByRole("button", { name: "Write Said" }).click();
      await page.getByRole("region", { name: "How it looks" }).getByText("42", { exact: true }).waitFor();
    },
  },
  { page: "the doctor", from: () => `/doctor?of=${sent.service}`, choose: (page) => range(page, "Last 24 hours") },
  {
    page: "settings",
    from: () => "/settings",
    choose: (page) => page.getByRole("link", { name: "Retention" }).click(),
  },
  {
    page: "how to send traces",
    from: () => "/connect",
    choose: (page) => page.getByRole("tab", { name: "Rust" }).click(),
  },
];

test.each(STATES.map((state) => [state.page, state] as const))(
  "%s: what was chosen is in the address, for this browser and any other",
  async (_, state) => {
    const context = state.narrow ? { viewport: NARROW, hasTouch: true } : {};
    const wanted = await visit(
      state.from(),
      async (page) => {
        const before = await seenAtRest(page);
        await state.choose(page);
        // What is chosen late, by a field that waits for more letters, is still on its way to the address.
        await until(
          () => seen(page),
          ({ address }) => address !== before.address,
          "another address",
        );
        const chosen = await seenAtRest(page);
        expect([chosen.chosen, chosen.said], "nothing was chosen").not.toEqual([before.chosen, before.said]);
        await page.reload();
        await showsAgain(page, chosen, `${chosen.address}, loaded again`, state.live);
        return chosen;
      },
      context,
    );
    await visit(
      wanted.address,
      (page) => showsAgain(page, wanted, `${wanted.address}, in another browser`, state.live),
      context,
    );
  },
);
