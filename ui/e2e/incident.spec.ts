import { beforeAll, expect, inject, test } from "vitest";
import { ask, axe, URL_UNDER_TEST, until, usableByAll, withBrowser } from "./browser";
import { columnAt } from "./chart";
import { alertOf, issueOf, shown } from "./trouble";

const visit = withBrowser();
const trouble = inject("troubles").incident;
let issue: string;

beforeAll(async () => {
  await shown(trouble);
  issue = await issueOf(trouble.agent);
});

test("an incident shows since when, what changed, the last good run beside the first bad one, and who was hit", async () => {
  await visit(`/incidents/${issue}`, async (page) => {
    await page.getByRole("region", { name: "What changed just before" }).getByText(trouble.change).waitFor();
    const runs = page.getByRole("region", { name: "Last good run and first bad one" });
    await until(
      () => runs.getByRole("link").evaluateAll((links) => links.map((link) => link.getAttribute("href") ?? "")),
      (links) =>
        links.some((href) => href.includes(trouble.good)) && links.some((href) => href.includes(trouble.bad[0]!)),
      "both runs",
    );
    expect(await page.getByRole("region", { name: "Who was hit" }).textContent()).toMatch(/Runs3.*Users1/);
    await page.getByRole("region", { name: "Users who were hit" }).getByText(trouble.user).waitFor();
    await usableByAll(page, (narrow) => narrow.getByRole("region", { name: "Brake" }));
  });
});

test("its course is drawn with its changes and leads to the runs of a time, its alerts and other issues to their pages", async () => {
  await visit(
    `/incidents/${issue}`,
    async (page) => {
      const chart = page.getByRole("img", { name: /^Runs by outcome around the incident\./ });
      await until(
        () => chart.getAttribute("aria-label"),
        (label) =>
          /error: last/.test(label ?? "") &&
          (label ?? "").includes(`deploy: ${trouble.change}: `) &&
          (label ?? "").includes("the incident: "),
        "runs, changes and when it began",
      );
      const other = page.getByRole("region", { name: "Other issues of these runs" }).getByRole("link").first();
      expect(await other.getAttribute("href")).toMatch(/^\/incidents\//);
      const alert = page
        .getByRole("region", { name: "Alerts of that time" })
        .getByRole("link", { name: "E2eRunsFail" });
      expect(await alert.first().getAttribute("href")).toBe(`/alerts/${await alertOf(trouble.agent)}`);
      await page.mouse.click(...(await columnAt(page, chart, trouble.sentAt - 240_000)));
      await page.getByRole("heading", { name: "Runs", exact: true }).waitFor();
      await page.locator(`a[href*="${trouble.bad[0]}"]`).first().waitFor();
      expect(new URL(page.url()).searchParams.get("agent")).toBe(trouble.agent);
    },
    { timezoneId: "UTC" },
  );
});

interface Check {
  verdict: string;
  reason?: string | null;
  brake?: { action: string; version?: string | null } | null;
}
/** What the agent is told that asks whether it may go on. */
const check = async (more: object = {}) => {
  const response = await fetch(`${URL_UNDER_TEST}/api/v1/budgets/check`, {
    method: "POST",
    body: JSON.stringify({ agent: trouble.agent, environment: "test", ...more }),
  });
  return (await response.json()) as Check;
};

test("one click holds the agent, the next takes the brake off, and both are on record", async () => {
  await visit(`/incidents/${issue}`, async (page) => {
    const brake = page.getByRole("region", { name: "Brake" });
    await brake.getByRole("button", { name: `Hold ${trouble.agent}` }).click();
    await brake.getByText(`${trouble.agent} is held`).waitFor();
    await until(
      () => check(),
      ({ verdict, reason }) => verdict === "reject" && (reason ?? "").includes(trouble.agent),
      "the agent is told no",
    );
    await brake.getByRole("button", { name: "Take off" }).click();
    await brake.getByRole("button", { name: `Hold ${trouble.agent}` }).waitFor();
    await until(
      () => check(),
      ({ verdict }) => verdict !== "reject",
      "the agent may go on",
    );
  });
  const audit = JSON.stringify(await ask("/api/v1/audit"));
  expect(audit).toMatch(/brake/);
});

test.each([
  {
    button: "Hand over to people",
    says: `${trouble.agent} is handed over to people`,
    stopped: { asks: {}, brake: { action: "human" } },
    free: undefined,
  },
  {
    button: "Use the version before",
    says: `${trouble.agent} works as 1.0`,
    stopped: { asks: { version: "2.0" }, brake: { action: "previous", version: "1.0" } },
    free: { version: "1.0" },
  },
  {
    button: "Hold the tool get_order",
    says: "the tool get_order is held",
    stopped: { asks: { tool: "get_order" }, brake: { action: "hold" } },
    free: { tool: "another_tool" },
  },
])("$button: one click, answered when the agent asks, and on record", async ({ button, says, stopped, free }) => {
  const { entries: before } = await ask<{ entries: { seq: number }[] }>("/api/v1/audit");
  await visit(`/incidents/${issue}`, async (page) => {
    const brake = page.getByRole("region", { name: "Brake" });
    await brake.getByRole("button", { name: button, exact: true }).click();
    try {
      await brake.getByText(says).waitFor();
      expect(await check(stopped.asks)).toMatchObject({ verdict: "reject", brake: stopped.brake });
      if (free) expect((await check(free)).verdict).not.toBe("reject");
    } finally {
      await brake.getByRole("button", { name: "Take off" }).click();
    }
    await brake.getByRole("button", { name: button, exact: true }).waitFor();
    expect((await check(stopped.asks)).verdict).not.toBe("reject");
  });
  const { entries } = await ask<{ entries: { seq: number; action: string; target: string; detail: string }[] }>(
    "/api/v1/audit",
  );
  const last = Math.max(...before.map(({ seq }) => seq));
  const mine = entries.filter((entry) => entry.seq > last && JSON.stringify(entry).includes(trouble.agent));
  expect(mine.map(({ action }) => action).sort()).toEqual(["brake.off", "brake.on"]);
});

test("findings one by one lead to the step, and to their incident", async () => {
  await visit(`/findings?of=${trouble.agent}`, async (page) => {
    const list = page.getByRole("list", { name: "Findings, newest first" });
    await list.getByRole("listitem").first().waitFor();
    expect(await axe(page)).toEqual([]);
    await list.getByRole("listitem").first().getByRole("link").nth(1).click();
    await page.getByRole("region", { name: "Brake" }).waitFor();
    expect(new URL(page.url()).pathname).toMatch(/^\/incidents\//);
  });
});

test("a brake in force is seen on the agent's page and the overview, taken off there, and written to the audit log", async () => {
  await visit(`/incidents/${issue}`, async (page) => {
    const brake = page.getByRole("region", { name: "Brake", exact: true });
    await brake.getByRole("button", { name: `Hold ${trouble.agent}` }).click();
    await brake.getByText(`${trouble.agent} is held`).waitFor();
    const off = { name: `Take off: ${trouble.agent} is held` };
    await page.goto(new URL("/overview", page.url()).href);
    await page.getByRole("button", off).waitFor();
    await page.goto(new URL(`/agents/agent?name=${trouble.agent}`, page.url()).href);
    await page.getByRole("button", off).click();
    await page.getByRole("button", off).waitFor({ state: "detached" });
    await page.goto(new URL("/settings/audit", page.url()).href);
    const log = page.getByRole("group", { name: "Audit log" });
    await log.getByText("brake.off").first().waitFor();
    await usableByAll(page, () => log);
  });
});

test("where the server fails, the agent's page says so instead of zero", async () => {
  await visit(
    "/agents",
    async (page) => {
      await page.route(/\/api\/v1\/agents\?/, (route) => route.fulfill({ status: 500, body: "{}" }));
      await page.goto(new URL(`/agents/agent?name=${trouble.agent}`, page.url()).href);
      await page.getByRole("region", { name: "Calls", exact: true }).getByRole("alert").waitFor();
    },
    { complaints: /500/ },
  );
});
