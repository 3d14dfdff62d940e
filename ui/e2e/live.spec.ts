/**
 * An event shows within five seconds, untouched. The seconds are those of the page: its clock stands still but for what it is
 * given, so that a busy machine neither fails the test nor passes it.
 */
import type { Page } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import { ask, until, withBrowser } from "./browser";
import { newTraceId, sendLogs, sendSpans, supportRun } from "./otlp";

const visit = withBrowser();
const service = `e2e-live-${newTraceId().slice(0, 6)}`;
const WITHIN_MS = 5000;
/** The page's time between two looks at it. */
const LOOK_MS = 40;

let sent = 0;
/** A run with a record of its log; both began just now. */
async function happens() {
  const which = { trace: newTraceId(), start: Date.now() - 2000, service };
  await sendSpans(which, supportRun(`live${sent}`, `session-${service}`));
  await sendLogs(which, [{ span: "root", at: 5, severity: [9, "INFO"], body: `parcel ${sent} is on its way` }]);
  sent += 1;
}

beforeAll(async () => {
  await happens();
  await until(
    () => ask<{ total: number }>(`/api/v1/runs?service=${service}`),
    ({ total }) => total === 1,
    "the first run",
  );
});

const runs = (page: Page) => page.locator("[role=row][aria-rowindex]").count();
const answered = async (page: Page) => {
  const words = await page.getByRole("region", { name: "Is it working?" }).textContent();
  return Number(/of (\d+) runs?/.exec(words ?? "")?.[1]);
};
const records = (page: Page) => page.getByRole("region", { name: "Log records" }).getByRole("listitem").count();
const drawn = async (page: Page) => {
  const words = await page.getByRole("img", { name: /^Runs by outcome\./ }).getAttribute("aria-label");
  return Number(/ok: last .*?highest (\d+)/.exec(words ?? "")?.[1]);
};

test.each([
  ["/overview", answered],
  ["/deep-dive", drawn],
  ["/runs", runs],
  ["/logs", records],
])("%s shows what happened within five seconds", async (path, shown) => {
  await visit("/status", async (page) => {
    await page.clock.install();
    await page.goto(new URL(`${path}?service=${service}&from=24h`, page.url()).href);
    const before = await until(
      () => shown(page),
      (many) => many === sent,
      "what was sent before",
    );
    // Far enough ahead of a page whose clock went on while this was being said.
    await page.clock.pauseAt(Date.now() + 10_000);
    await happens();
    let given = 0;
    await until(
      async () => {
        await page.clock.runFor(LOOK_MS);
        given += LOOK_MS;
        return (await shown(page)) > before || given >= WITHIN_MS;
      },
      (done) => done,
      "the new one, or the end of its time",
    );
    expect(await shown(page), `after ${given} ms of the page`).toBe(sent);
  });
});
