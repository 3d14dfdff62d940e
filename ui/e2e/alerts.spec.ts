import { beforeAll, expect, inject, test } from "vitest";
import { ask, until, usableByAll, withBrowser } from "./browser";
import { columnAt } from "./chart";
import { alertOf, END_OF_TEXT, shown } from "./trouble";

const visit = withBrowser();
const trouble = inject("troubles").alerts;
let fingerprint: string;

beforeAll(async () => {
  await shown(trouble);
  fingerprint = await alertOf(trouble.agent);
});

test("from the alert over its chart and worst runs to the step, a log, the step that wrote it and all it said, one click each", async () => {
  await visit("/alerts", async (page) => {
    await page.getByRole("region", { name: "E2eRunsFail" }).getByRole("link", { name: trouble.agent }).click();
    const chart = page.getByRole("img", { name: /^E2eRunsFail: what its rule compares/ });
    await chart.locator("svg").waitFor();
    await until(
      () => chart.getAttribute("aria-label"),
      (label) => /last 3/.test(label ?? ""),
      "the value on the chart",
      20_000,
    );
    const worst = page.getByRole("region", { name: "Worst runs" });
    await worst.getByText("order desk did not answer").first().waitFor();
    await worst.getByRole("listitem").first().getByRole("link").click();
    await page.getByRole("tree").waitFor();
    const url = new URL(page.url());
    expect(trouble.bad.map((trace) => `/runs/${trace}`)).toContain(url.pathname);
    expect(url.searchParams.get("step")).toBeTruthy();
    await page.getByRole("tab", { name: /^Logs/ }).first().click();
    await page.getByText("get_order gave up after 900 ms").first().waitFor();
    const record = page.getByRole("listitem").filter({ hasText: "the desk said more than anybody reads" });
    await record.getByRole("button", { name: "Open the step" }).click();
    const step = page.getByRole("region", { name: "Selected step" });
    await step.getByRole("heading", { name: "chat" }).waitFor();
    await step.getByRole("button", { name: /^Show .* more characters$/ }).click();
    await step.getByText(END_OF_TEXT).waitFor();
  });
});

test("a click anywhere in a column of the chart opens the runs of that time", async () => {
  await visit(
    `/alerts/${fingerprint}`,
    async (page) => {
      const chart = page.getByRole("img", { name: /^E2eRunsFail: what its rule compares/ });
      // Far above the line, which is not there yet when the runs began.
      await page.mouse.click(...(await columnAt(page, chart, trouble.sentAt - 240_000)));
      await page.getByRole("heading", { name: "Runs", exact: true }).waitFor();
      const url = new URL(page.url());
      const asked = ["agent", "sort"].map((name) => url.searchParams.get(name));
      // The worst first, by what the rule is about.
      expect([url.pathname, ...asked]).toEqual(["/runs", trouble.agent, "-errors"]);
      await page.locator(`a[href*="${trouble.bad[0]}"]`).first().waitFor();
    },
    { timezoneId: "UTC" },
  );
});

test("who takes care of an alert is seen by everybody", async () => {
  await visit(`/alerts/${fingerprint}`, async (page) => {
    await page.getByRole("button", { name: "Acknowledge" }).click();
    await page.getByLabel("Your name").fill("Robin");
    await page.getByRole("button", { name: "I take care of it" }).click();
    await page.getByText("Robin takes care of it").waitFor();
  });
  const { alerts } = await ask<{ alerts: { fingerprint: string; ack?: { by: string } }[] }>("/api/v1/alerts");
  expect(alerts.find((alert) => alert.fingerprint === fingerprint)?.ack?.by).toBe("Robin");
});

test("a silence says what it mutes, mutes it, and is ended", async () => {
  await visit(`/alerts/${fingerprint}`, async (page) => {
    await page.getByRole("button", { name: "Silence…" }).click();
    await page.getByText(/^Mutes 1 alert now: E2eRunsFail/).waitFor();
    await page.getByLabel("Your name").fill("Robin");
    await page.getByLabel("Why").fill("known, being mended");
    await page.getByRole("button", { name: "Silence", exact: true }).click();
    await page.getByText("A silence mutes it.").waitFor();
    await page.goto(`${new URL(page.url()).origin}/alerts?view=silences`);
    const mine = page.getByRole("list", { name: "Silences" }).getByRole("listitem").filter({ hasText: trouble.agent });
    await mine.getByText("mutes 1 alert").waitFor();
    await mine.getByRole("button", { name: "End now" }).click();
    await mine.getByRole("button", { name: "Again…" }).waitFor();
  });
});

test("rules say how near they are, and a rule is explained where it stands", async () => {
  await visit("/alerts?view=rules&rule=E2eRunsFail", async (page) => {
    const rule = page.getByRole("list", { name: "Rules" }).getByRole("listitem").filter({ hasText: "E2eRunsFail" });
    await rule
      .getByText(/1 firing, the first since|firing/)
      .first()
      .waitFor();
    await until(
      () => rule.getByRole("button").first().textContent(),
      (text) => /> 1/.test(text ?? "") && /×/.test(text ?? ""),
      "value and threshold",
    );
    await rule.getByRole("link", { name: "Explore it" }).click();
    await page.getByRole("region", { name: "Graph" }).waitFor();
  });
});

test("a rule's value and threshold have their unit", async () => {
  await visit("/alerts?view=rules&q=E2eRuns", async (page) => {
    const rule = (name: string) =>
      page.getByRole("list", { name: "Rules" }).getByRole("listitem").filter({ hasText: name });
    const says = (name: string, words: RegExp) =>
      until(
        () => rule(name).textContent(),
        (text) => words.test(text ?? ""),
        `${name}: ${words}`,
      );
    await says("E2eRunsSlow", /\d m?s> 1 h 00 m\d+(\.\d)? %/);
    await says("E2eRunsAllFail", /\d %> 99 %\d+(\.\d+)? %/);
    // Opened, each series says the same, and so does the chart.
    await rule("E2eRunsAllFail").getByRole("button").first().click();
    await says("E2eRunsAllFail", /Quiet: the highest value is \d+(\.\d+)? %, the threshold 99 %/);
    const chart = rule("E2eRunsAllFail").getByRole("img", { name: /^E2eRunsAllFail, the last 6 hours/ });
    await until(
      () => chart.getAttribute("aria-label"),
      (label) => /last \d+(\.\d+)? %/.test(label ?? ""),
      "the share on the chart",
      20_000,
    );
  });
});

test("a threshold that is another series has a distance, and is drawn beside the value", async () => {
  await visit("/alerts?view=rules&q=E2eRunsFailOften&rule=E2eRunsFailOften", async (page) => {
    const rule = page
      .getByRole("list", { name: "Rules" })
      .getByRole("listitem")
      .filter({ hasText: "E2eRunsFailOften" });
    // Of seven runs three fail; it fires at nine in ten.
    await until(
      () => rule.getByRole("button").first().textContent(),
      (text) => /3> 6\.348 %/.test(text ?? ""),
      "value, threshold and distance",
    );
    expect(await rule.getByRole("row").nth(1).textContent()).toMatch(/36\.348 %$/);
    await until(
      () => rule.getByRole("img", { name: /^E2eRunsFailOften, the last 6 hours/ }).getAttribute("aria-label"),
      (label) => /threshold( of e2e-desk-\w+)?: last 6\.3/.test(label ?? ""),
      "the threshold on the chart",
      70_000,
    );
  });
});

test("a backtest shows when a rule would have fired, and with another threshold that it would not have", async () => {
  await visit("/alerts?view=backtest&rule=E2eRunsFail&from=6h", async (page) => {
    const tried = page.getByRole("region", { name: "E2eRunsFail" });
    await until(
      () => tried.textContent(),
      (text) => /Would have fired[1-9]\d*×/.test(text ?? ""),
      "the firing of the past",
    );
    // The chart has the threshold and each time of firing.
    await until(
      () => tried.getByRole("img", { name: /^E2eRunsFail: what it compares/ }).getAttribute("aria-label"),
      (label) => /would fire at \d+: \d{4}-/.test(label ?? ""),
      "the firing on the chart",
      70_000,
    );
    await tried.getByText("fires past 1").first().waitFor();
    const field = page.getByLabel("Rules as YAML");
    await field.fill((await field.inputValue()).replace("> 1", "> 1000"));
    await page.getByRole("button", { name: "Try it on the past" }).click();
    await until(
      () => tried.textContent(),
      (text) => /Would have fired0×/.test(text ?? ""),
      "no firing",
    );
    // The address shows somebody else what was tried.
    await page.reload();
    await until(
      async () => [await field.inputValue(), await tried.textContent()],
      ([text, outcome]) => /> 1000/.test(text ?? "") && /Would have fired0×/.test(outcome ?? ""),
      "the same trial",
    );
  });
});

test("what happened is in the history, and the week in review has every rule", async () => {
  await visit(`/alerts?view=history&q=${trouble.agent}`, async (page) => {
    await page.getByText("fired", { exact: true }).first().waitFor();
    await page.getByRole("link", { name: "Week in review" }).click();
    const row = page
      .getByRole("row")
      .filter({ has: page.getByRole("rowheader", { name: "E2eRunsFail", exact: true }) });
    await until(
      () => row.getByRole("cell").allTextContents(),
      ([verdict, fired, , , longest, proposal]) =>
        !!verdict && verdict !== "never fired" && Number(fired) >= 1 && /\d/.test(longest ?? "") && !!proposal,
      "verdict, firings, the longest of them and what to change",
    );
  });
});

test.each(["", "?view=rules", "?view=history", "?view=silences", "?view=review", "?view=backtest", "/one"])(
  "alerts%s can be used by everybody, and fits a narrow screen",
  async (view) => {
    const path = view === "/one" ? `/alerts/${fingerprint}` : `/alerts${view}`;
    await visit(path, (page) => usableByAll(page, () => page.getByRole("heading", { level: 1 })));
  },
);
