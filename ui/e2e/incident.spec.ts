import { beforeAll, expect, inject, test } from "vitest";
import { ask, axe, URL_UNDER_TEST, until, usableByAll, withBrowser } from "./browser";
import { issueOf, shown } from "./trouble";

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

test("its course, its findings, the alerts of that time and the step in which the two runs part lead on", async () => {
  await visit(`/incidents/${issue}`, async (page) => {
    const course = page.getByRole("img", { name: /^Runs by outcome around the incident/ });
    await until(
      () => course.getAttribute("aria-label"),
      (label) => new RegExp(`error: .*the incident: .*deploy: ${trouble.change}`).test(label ?? ""),
      "runs, the incident and the deployment on the chart",
    );
    const alerts = page.getByRole("region", { name: "Alerts of that time" });
    await alerts.getByRole("link", { name: "E2eRunsFail" }).first().click();
    await page.getByRole("heading", { name: "E2eRunsFail", level: 1 }).waitFor();
    expect(new URL(page.url()).pathname).toMatch(/^\/alerts\/[0-9a-f]+$/);
    // And back from the alert.
    await page.getByRole("region", { name: "Issues of that time" }).getByRole("link").first().click();
    const two = page.getByRole("region", { name: "Last good run and first bad one" });
    await two.getByText("They part at").waitFor();
    await two.getByRole("link", { name: "Compare step by step" }).click();
    await page.getByText("Here they part").waitFor();
  });
});

interface Check {
  verdict: string;
  reason?: string | null;
  brake?: { action: string; version?: string | null } | null;
}
const check = async (what: object = {}) => {
  const response = await fetch(`${URL_UNDER_TEST}/api/v1/budgets/check`, {
    method: "POST",
    body: JSON.stringify({ agent: trouble.agent, environment: "test", ...what }),
  });
  return (await response.json()) as Check;
};

test("one click holds the agent, the next takes the brake off, and both are on record", async () => {
  await visit(`/incidents/${issue}`, async (page) => {
    const brake = page.getByRole("region", { name: "Brake" });
    await brake.getByRole("button", { name: `Hold ${trouble.agent}` }).click();
    await brake.getByText(`${trouble.agent} is held`).waitFor();
    await until(
      check,
      ({ verdict, reason }) => verdict === "reject" && (reason ?? "").includes(trouble.agent),
      "the agent is told no",
    );
    await brake.getByRole("button", { name: "Take off" }).click();
    await brake.getByRole("button", { name: `Hold ${trouble.agent}` }).waitFor();
    await until(check, ({ verdict }) => verdict !== "reject", "the agent may go on");
  });
  const audit = JSON.stringify(await ask("/api/v1/audit"));
  expect(audit).toMatch(/brake/);
});

test("a tool is held alone, people take over, the version before is used: each by one click", async () => {
  await visit(`/incidents/${issue}`, async (page) => {
    const brake = page.getByRole("region", { name: "Brake" });
    const takeOff = async () => {
      await brake.getByRole("button", { name: "Take off" }).click();
      await brake.getByRole("list", { name: "Brakes in force" }).waitFor({ state: "detached" });
    };
    await brake.getByRole("button", { name: "Hold the tool get_order" }).click();
    await until(
      () => check({ tool: "get_order" }),
      ({ verdict, brake }) => verdict === "reject" && brake?.action === "hold",
      "the tool is held",
    );
    expect((await check({ tool: "other" })).verdict).not.toBe("reject");
    await takeOff();
    await brake.getByRole("button", { name: "Hand over to people" }).click();
    await until(check, ({ brake }) => brake?.action === "human", "people take over");
    await takeOff();
    await brake.getByRole("button", { name: "Use the version before" }).click();
    await brake.getByText(`${trouble.agent} works as 1.0`).waitFor();
    await until(
      check,
      ({ brake }) => brake?.action === "previous" && brake.version === "1.0",
      "the agent is told which version to work as",
    );
    expect((await check({ version: "1.0" })).verdict).not.toBe("reject");
    await takeOff();
  });
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
