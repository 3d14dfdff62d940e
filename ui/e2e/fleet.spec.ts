import { beforeAll, expect, inject, test } from "vitest";
import { ask, axe, until, usableByAll, withBrowser } from "./browser";
import { SETTLED_MS } from "./settled";

const visit = withBrowser();
const { agent, traces } = inject("fleet");

interface Agents {
  agents: { name: string; runs: number }[];
}

beforeAll(async () => {
  await until(
    () => ask<Agents>("/api/v1/agents"),
    ({ agents }) => agents.some((each) => each.name === agent && each.runs === 2),
    "the agent in the catalogue",
    SETTLED_MS,
  );
});

test("an agent is found by itself, with who it calls over all its runs", async () => {
  await visit("/agents", async (page) => {
    const catalogue = page.getByRole("group", { name: "Agents", exact: true });
    await catalogue.getByRole("link", { name: agent, exact: true }).click();
    await page.getByRole("heading", { name: agent }).waitFor();
    expect(new URL(page.url()).searchParams.get("name")).toBe(agent);
    const calls = page.getByRole("group", { name: "Calls", exact: true });
    await until(
      () => calls.textContent(),
      (text) => /carrier-desk/.test(text ?? "") && /track_parcel/.test(text ?? "") && /gpt-4o-mini/.test(text ?? ""),
      "who it calls",
    );
    // Its graph leads on to the tool.
    await page.getByRole("link", { name: /^tool track_parcel/ }).click();
    await page.getByRole("heading", { name: "track_parcel" }).waitFor();
    await until(
      () => page.getByRole("region", { name: "Most frequent calls" }).textContent(),
      (text) => (text ?? "").includes(agent),
      "what it was called with",
    );
  });
});

test("from an agent one click leads to who spends its money", async () => {
  await visit(`/agents/agent?name=${agent}`, async (page) => {
    await page.getByTitle("Who spends it").click();
    await page.getByRole("heading", { name: "Costs", exact: true }).waitFor();
    const url = new URL(page.url());
    expect([url.searchParams.get("agent"), url.searchParams.get("by")]).toEqual([agent, "user"]);
    await page.getByRole("group", { name: "Costs by user" }).waitFor();
  });
});

test("two runs are aligned, and the first place where they part is marked", async () => {
  await visit(`/compare?a=${traces[0]}&b=${traces[1]}`, async (page) => {
    await page.getByText("Here they part").waitFor();
    await page.getByRole("button", { name: "To the first difference" }).click();
    await until(
      () => page.getByRole("list", { name: "Pairs of steps" }).textContent(),
      (text) => /cannot find it/.test(text ?? "") && /held in Metz/.test(text ?? ""),
      "both answers beside each other",
    );
    expect(new URL(page.url()).searchParams.has("pair")).toBe(true);
  });
});

test("more than two runs are beside each other, each one click from its steps beside the first's", async () => {
  const { runs } = await ask<{ runs: { trace_id: string }[] }>("/api/v1/runs?limit=20");
  const more = runs
    .map((run) => run.trace_id)
    .filter((id) => !traces.includes(id))
    .slice(0, 2);
  await visit(`/compare?a=${traces[0]}&b=${traces[1]}&${more.map((id) => `more=${id}`).join("&")}`, async (page) => {
    const table = page.getByRole("group", { name: "The runs" });
    await until(
      () => table.locator("tbody tr").count(),
      (rows) => rows === 2 + more.length,
      "a row each",
    );
    await table.getByRole("button", { name: "Duration" }).click();
    await table.locator("th[aria-sort=descending]").filter({ hasText: "Duration" }).waitFor();
    expect(new URL(page.url()).searchParams.get("order")).toBe("-duration");
    await page.getByRole("region", { name: "Together" }).getByRole("columnheader", { name: "Median" }).waitFor();
    expect(await axe(page)).toEqual([]);
    await table.getByRole("link", { name: "with the first" }).first().click();
    await page.getByRole("region", { name: "Steps" }).waitFor();
    expect(new URL(page.url()).searchParams.get("a")).toBe(traces[0]);
  });
});

test("a run alone is held against good runs of its kind", async () => {
  await visit(`/compare?a=${traces[0]}`, async (page) => {
    await page.getByRole("group", { name: "Against good runs", exact: true }).waitFor();
    await page.getByRole("region", { name: "Where it leaves them" }).waitFor();
  });
});

test.each([
  ["/agents", "Catalogue"],
  [`/agents/agent?name=${agent}`, "Versions"],
  ["/tools", "All tools"],
  [`/tools?tool=track_parcel`, "Arguments"],
  ["/costs", "Budgets"],
  [`/compare?a=${traces[0]}&b=${traces[1]}`, "Steps"],
  ["/settings/keys", "A new key"],
  ["/settings/people", "Somebody new"],
  ["/settings/projects", "Projects"],
  ["/settings/retention", "Telemetry"],
  ["/settings/content", "Policy"],
  ["/settings/receivers", "Receivers"],
  ["/settings/prices", "Budgets"],
] as const)("%s is readable by everybody, also on a phone", async (path, panel) => {
  await visit(path, (page) => usableByAll(page, () => page.getByRole("region", { name: panel, exact: true })));
});
