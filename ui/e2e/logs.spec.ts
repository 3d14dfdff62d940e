/** The page of logs: found, filtered by any field of a record, followed as they come, each a click from its step. */
import { beforeAll, expect, test } from "vitest";
import { ask, URL_UNDER_TEST, until, withBrowser } from "./browser";
import { newTraceId, type Sent, sendLogs, sendSpans, spanId, supportRun } from "./otlp";

const visit = withBrowser();
const mark = `logs${newTraceId().slice(0, 8)}`;
const sent: Sent = { trace: newTraceId(), start: Date.now() - 60_000, service: `e2e-${mark}` };
const list = `/logs?service=${sent.service}`;

/** A record with attributes, as a program logs it. */
const record = (body: string, attributes: Record<string, string>) =>
  fetch(`${URL_UNDER_TEST}/v1/logs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      resourceLogs: [
        {
          resource: { attributes: [{ key: "service.name", value: { stringValue: sent.service } }] },
          scopeLogs: [
            {
              logRecords: [
                {
                  timeUnixNano: `${Date.now() - 1000}000000`,
                  severityNumber: 13,
                  severityText: "WARN",
                  body: { stringValue: body },
                  attributes: Object.entries(attributes).map(([key, value]) => ({
                    key,
                    value: { stringValue: value },
                  })),
                },
              ],
            },
          ],
        },
      ],
    }),
  });

beforeAll(async () => {
  await sendSpans(sent, supportRun(mark, `session-${mark}`));
  await sendLogs(sent, [
    { span: "root", at: 1, severity: [9, "INFO"], body: `started ${mark}` },
    { span: "tool1", at: 830, severity: [17, "ERROR"], body: `carrier timeout ${mark}` },
  ]);
  await record(`slow carrier ${mark}`, { "carrier.name": "north", "carrier.depot": "Metz" });
  await record(`slow carrier ${mark}`, { "carrier.name": "south" });
  await until(
    () => ask<{ total: number }>(`/api/v1/logs/counts?service=${sent.service}&from=1h&step=1m`),
    ({ total }) => total === 4,
    "the records",
  );
});

test("records are searched, narrowed by severity, and each is a click from the step that wrote it", async () => {
  await visit(list, async (page) => {
    const records = page.getByRole("region", { name: "Log records" }).locator("> ul > li");
    await until(
      () => records.count(),
      (n) => n === 4,
      "all records",
    );
    await page.getByRole("textbox", { name: "Search logs" }).fill("timeout");
    await until(
      () => records.count(),
      (n) => n === 1,
      "what was searched for",
    );
    await page.getByRole("textbox", { name: "Search logs" }).fill("");
    await page
      .getByRole("combobox", { name: "Lowest severity" })
      .or(page.getByLabel("Lowest severity"))
      .first()
      .click();
    await page.getByRole("option", { name: "error or worse" }).click();
    await until(
      () => records.allTextContents(),
      (lines) => lines.length === 1 && lines[0]!.includes("carrier timeout"),
      "the errors",
    );
    await records.first().getByRole("link", { name: /step/ }).click();
    await page.getByRole("tree").waitFor();
    const url = new URL(page.url());
    expect([url.pathname, url.searchParams.get("step")]).toEqual([`/runs/${sent.trace}`, spanId("tool1")]);
  });
});

test("one click on a field of a record shows only those that have it", async () => {
  await visit(list, async (page) => {
    const records = page.getByRole("region", { name: "Log records" }).locator("> ul > li");
    await until(
      () => records.count(),
      (n) => n === 4,
      "all records",
    );
    const slow = records.filter({ hasText: "slow carrier" });
    // Which of the two is first is the server's choice.
    for (const at of [0, 1]) await slow.nth(at).getByRole("button").first().click();
    const field = page.getByRole("list", { name: "Fields" }).getByRole("listitem").filter({ hasText: "north" });
    await field.getByRole("button", { name: "Only records with this carrier.name" }).click();
    await until(
      () => records.count(),
      (n) => n === 1,
      "the one record",
    );
    expect(new URL(page.url()).searchParams.getAll("attr")).toEqual(["carrier.name=north"]);
    await page.getByRole("link", { name: "Remove filter attr carrier.name=north" }).click();
    await until(
      () => records.count(),
      (n) => n === 4,
      "all records again",
    );
  });
});

test("followed, a new record shows by itself, and the chart counts it", async () => {
  await visit(list, async (page) => {
    await page.getByRole("button", { name: "Live tail" }).click();
    await page.getByRole("button", { name: "Live tail", pressed: true }).waitFor();
    const said = `just now ${newTraceId().slice(0, 8)}`;
    await record(said, {});
    await page.getByRole("region", { name: "Log records" }).getByText(said).waitFor();
    await until(
      () => page.getByRole("img", { name: /^Log records by level/ }).getAttribute("aria-label"),
      (label) => /warn: last [^;]*highest [1-9]/.test(label ?? ""),
      "it on the chart",
    );
    await page.keyboard.press("l");
    await page.getByRole("button", { name: "Live tail", pressed: false }).waitFor();
  });
});
