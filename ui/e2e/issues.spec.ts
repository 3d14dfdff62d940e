/** Issues and findings: from a failure that said nothing to the step that proves it, decided about, searched, sorted, narrowed down. */
import { beforeAll, expect, inject, test } from "vitest";
import { ask, axe, until, withBrowser } from "./browser";
import { SETTLED_MS, sendLoop } from "./settled";

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

test("an issue that comes back after it was resolved is marked, and needs somebody again", async () => {
  const { issues } = await mine();
  const issue = issues.find((issue) => issue.detector === "loop")!;
  const its = (state: string) => async () =>
    (await mine()).issues.some((each) => each.fingerprint === issue.fingerprint && each.state === state);
  await visit(`/incidents/${issue.fingerprint}`, async (page) => {
    await page.getByRole("button", { name: "Resolve" }).click();
    await until(its("resolved"), Boolean, "the issue resolved");
    await sendLoop(agent);
    await until(its("regressed"), Boolean, "the issue back", SETTLED_MS);
    await page.goto(new URL("/issues", page.url()).href);
    const row = page.getByRole("listitem").filter({ hasText: `loop in ${agent}` });
    await row.getByText("came back").waitFor();
  });
});

test("findings are narrowed down by detector and severity, and the address says so", async () => {
  await visit(`/findings?of=${agent}`, async (page) => {
    const list = page.getByRole("list", { name: "Findings, newest first" });
    const detectors = () => list.locator("dd[data-severity]").allTextContents();
    await list.getByRole("listitem").first().getByRole("link", { name: agent, exact: true }).waitFor();
    await page.getByRole("combobox", { name: "Detector" }).click();
    await page.getByRole("option", { name: "loop", exact: true }).click();
    await until(detectors, (all) => all.length > 0 && all.every((name) => name === "loop"), "loops alone");
    expect(new URL(page.url()).searchParams.get("detector")).toBe("loop");
    await page.getByRole("combobox", { name: "Severity" }).click();
    await page.getByRole("option", { name: "info", exact: true }).click();
    await page.getByRole("heading", { name: "Nothing was seen" }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "Nothing was seen" }).waitFor();
    expect(new URL(page.url()).searchParams.get("severity")).toBe("info");
  });
});

test("issues are narrowed down by agent and detector, and the address says so", async () => {
  await visit("/issues", async (page) => {
    await page.getByRole("combobox", { name: "Agent" }).fill(agent);
    await page.getByRole("option", { name: agent, exact: true }).click();
    const rows = page.getByRole("listitem").filter({ hasText: agent });
    await rows.first().waitFor();
    expect(new URL(page.url()).searchParams.get("of")).toBe(agent);
    await page.getByRole("combobox", { name: "Severity" }).click();
    await page.getByRole("option", { name: "info", exact: true }).click();
    await until(
      async () => new URL(page.url()).searchParams.get("severity"),
      (severity) => severity === "info",
      "the severity in the address",
    );
    expect(await axe(page)).toEqual([]);
  });
});

test("issues are searched by what they are called, and sorted; the address says so", async () => {
  await visit("/issues", async (page) => {
    await page.getByRole("textbox", { name: "Search issues" }).fill(`Loop in ${agent}`);
    const rows = page.getByRole("listitem").filter({ has: page.getByRole("button", { expanded: false }) });
    await until(
      () => rows.allTextContents(),
      (texts) => texts.length === 1 && texts[0]!.includes(`loop in ${agent}`),
      "the loop alone",
    );
    await page.getByRole("combobox", { name: "Order" }).click();
    await page.getByRole("option", { name: "Gravest first" }).click();
    await until(
      async () => new URL(page.url()).search,
      (search) => new URLSearchParams(search).get("order") === "-severity" && search.includes("q=Loop"),
      "text and order in the address",
    );
    await rows.first().waitFor();
    await page.getByRole("textbox", { name: "Search issues" }).fill(`nothing like ${agent}`);
    await page.getByRole("heading", { name: "No such issue" }).waitFor();
  });
});
