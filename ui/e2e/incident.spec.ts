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

interface Check {
  verdict: string;
  reason?: string | null;
}
const check = async () => {
  const response = await fetch(`${URL_UNDER_TEST}/api/v1/budgets/check`, {
    method: "POST",
    body: JSON.stringify({ agent: trouble.agent, environment: "test" }),
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
