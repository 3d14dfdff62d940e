import { beforeAll, expect, inject, test } from "vitest";
import { ask, until, withBrowser } from "./browser";
import { SETTLED_MS } from "./settled";

const visit = withBrowser();
const { agent, trace } = inject("loop");

interface Issues {
  issues: { fingerprint: string; detector: string; agent: string; state: string }[];
}
const mine = () => ask<Issues>(`/api/v1/issues?agent=${agent}`);

beforeAll(async () => {
  await until(
    mine,
    ({ issues }) => issues.some((issue) => issue.detector === "loop"),
    "the loop as an issue",
    SETTLED_MS,
  );
});

test("a loop that returned 200 everywhere is an issue that leads to the step which proves it", async () => {
  const { issues } = await mine();
  const loop = issues.find((issue) => issue.detector === "loop")!;
  await visit(`/issues?issue=${loop.fingerprint}`, async (page) => {
    const list = page.getByRole("list", { name: "Findings, newest first" });
    await list.getByRole("link").first().click();
    await page.getByRole("tree").waitFor();
    const url = new URL(page.url());
    expect([url.pathname, url.searchParams.has("step")]).toEqual([`/runs/${trace}`, true]);
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
