/** The list of sessions: sorted by its columns, narrowed down by how they went, by user and environment; the address says so. */
import type { Page } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import type { Session } from "@/api/types";
import { ask, axe, until, withBrowser } from "./browser";
import { newTraceId, type SpanIn, sendSpans, supportRun } from "./otlp";

const visit = withBrowser();
const mark = `talk${newTraceId().slice(0, 8)}`;
const [short, long, dear] = [`${mark}-short`, `${mark}-long`, `${mark}-dear`];
const user = `user-${mark}`;
const list = `/sessions?agent=${mark}`;

/** Spans of which the one of that name has these attributes too. */
const having = (spans: SpanIn[], id: string, attributes: SpanIn["attributes"]) =>
  spans.map((span) => (span.id === id ? { ...span, attributes: { ...span.attributes, ...attributes } } : span));

const send = (minutes: number, spans: SpanIn[]) =>
  sendSpans({ trace: newTraceId(), start: Date.now() - minutes * 60_000, service: `e2e-${mark}` }, spans);

beforeAll(async () => {
  // One run that failed, just now; three over eight minutes; two that cost much, of a user with a name.
  const failed = supportRun(mark, short).map((span) => (span.id === "root" ? { ...span, error: "gave up" } : span));
  await send(1, failed);
  for (const minutes of [20, 16, 12]) await send(minutes, supportRun(mark, long));
  const costly = having(supportRun(mark, dear), "chat3", { "gen_ai.usage.input_tokens": 500_000 });
  for (const minutes of [8, 6]) await send(minutes, having(costly, "root", { "user.id": user }));
  await until(
    () => ask<{ sessions: Session[] }>(`/api/v1/sessions?agent=${mark}`),
    ({ sessions }) => sessions.length === 3 && sessions.reduce((sum, each) => sum + each.runs, 0) === 6,
    "three sessions of six runs",
  );
});

/** The sessions in the order of the page. */
const shown = (page: Page) =>
  page
    .getByRole("table", { name: "Sessions" })
    .getByRole("link", { name: new RegExp(mark) })
    .allTextContents();

const order = (page: Page, wanted: string[]) =>
  until(
    () => shown(page),
    (names) => names.join(" ") === wanted.join(" "),
    `${wanted.join(", then ")}`,
  );

const parameter = (page: Page, name: string) => new URL(page.url()).searchParams.get(name);

test("a click on a column sorts sessions by what all their runs come to, and the address says so", async () => {
  await visit(list, async (page) => {
    await order(page, [short, dear, long]);
    const column = (name: string) => page.getByRole("columnheader", { name });
    for (const [name, wanted] of [
      ["Runs", [long, dear, short]],
      ["Length", [long, dear, short]],
      ["Cost", [dear, long, short]],
    ] as const) {
      await column(name).getByRole("link").click();
      await until(
        () => column(name).getAttribute("aria-sort"),
        (way) => way === "descending",
        `the column ${name} to sort`,
      );
      await order(page, [...wanted]);
    }
    await column("Cost").getByRole("link").click();
    await order(page, [short, long, dear]);
    expect(parameter(page, "order")).toBe("cost_usd");
    await page.reload();
    await order(page, [short, long, dear]);
    expect(await axe(page)).toEqual([]);
    // Once more, and the list is as it was.
    await column("Cost").getByRole("link").click();
    await order(page, [short, dear, long]);
    expect(parameter(page, "order")).toBe(null);
  });
});

test("sessions are narrowed down by how they went and by user", async () => {
  await visit(list, async (page) => {
    await page.getByRole("combobox", { name: "Status" }).click();
    await page.getByRole("option", { name: "With a failed run" }).click();
    await order(page, [short]);
    expect(parameter(page, "status")).toBe("error");
    await page.goto(new URL(list, page.url()).href);
    await order(page, [short, dear, long]);
    await page.getByRole("combobox", { name: "User" }).fill(user);
    await page.getByRole("option", { name: user, exact: true }).click();
    await order(page, [dear]);
    expect(parameter(page, "user")).toBe(user);
  });
});

test("choices that leave nothing say so, and are taken back at once", async () => {
  await visit(`${list}&environment=nowhere-${mark}`, async (page) => {
    await page.getByRole("heading", { name: "No session matches" }).waitFor();
    expect(await page.getByRole("combobox", { name: "Environment" }).inputValue()).toBe(`nowhere-${mark}`);
    expect(await axe(page)).toEqual([]);
    await page.getByRole("link", { name: "Clear filters" }).click();
    await page.getByRole("table", { name: "Sessions" }).waitFor();
    expect([parameter(page, "agent"), parameter(page, "environment")]).toEqual([null, null]);
  });
});
