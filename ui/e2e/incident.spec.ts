import { readFile } from "node:fs/promises";
import { beforeAll, expect, test } from "vitest";
import { ask, axe, NARROW, until, withBrowser } from "./browser";
import { alertOf, issueOf, makeTrouble, type Trouble } from "./trouble";

const visit = withBrowser();
let trouble: Trouble;
let issue: string;

beforeAll(async () => {
  trouble = await makeTrouble();
  issue = await issueOf(trouble.agent);
}, 300_000);

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
    expect(await axe(page)).toEqual([]);
  });
  await visit(
    `/incidents/${issue}`,
    async (page) => {
      await page.getByRole("region", { name: "Brake" }).waitFor();
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
      expect(await axe(page)).toEqual([]);
    },
    { viewport: NARROW, colorScheme: "light" },
  );
});

interface Check {
  verdict: string;
  reason?: string | null;
}
const check = async () => {
  const { URL_UNDER_TEST } = await import("./browser");
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
  const audit = JSON.stringify(await ask("/api/v1/audit?limit=100"));
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

// Five tasks of someone on call. Each begins where the message about the alert leads, and has a number of clicks.

/** A page on which clicks count. */
async function onCall(most: number, work: (page: import("playwright-core").Page, click: Click) => Promise<void>) {
  await visit(`/alerts/${await alertOf(trouble.agent)}`, async (page) => {
    let clicks = 0;
    const click: Click = async (what) => {
      clicks += 1;
      await what.click();
    };
    await work(page, click);
    expect(clicks).toBeLessThanOrEqual(most);
  });
}
type Click = (what: import("playwright-core").Locator) => Promise<void>;

test("why did this run fail: at most two clicks", async () => {
  await onCall(2, async (page, click) => {
    await click(page.getByRole("region", { name: "Worst runs" }).getByRole("listitem").first().getByRole("link"));
    await page.getByRole("tree").waitFor();
    await until(
      () => page.locator("main").textContent(),
      (text) => /Timeout/.test(text ?? "") && /order desk did not answer/.test(text ?? ""),
      "the step that failed with its error",
    );
  });
});

test("what changed before: one click", async () => {
  await onCall(1, async (page, click) => {
    await click(page.getByRole("region", { name: "Issues of that time" }).getByRole("link").first());
    await page.getByRole("region", { name: "What changed just before" }).getByText(trouble.change).waitFor();
  });
});

test("who was hit and how much money, as a file: two clicks", async () => {
  await onCall(2, async (page, click) => {
    await click(page.getByRole("region", { name: "Issues of that time" }).getByRole("link").first());
    const download = page.waitForEvent("download");
    await click(page.getByRole("link", { name: "Who was hit, as a file" }));
    const lines = (await readFile(await (await download).path(), "utf8")).trim().split("\n");
    expect(lines[0]).toMatch(/trace_id.*user.*cost_usd/);
    expect(lines.slice(1).every((line) => line.includes(trouble.user) && /,0\.\d+$/.test(line))).toBe(true);
    expect(lines.length).toBe(4);
  });
});
