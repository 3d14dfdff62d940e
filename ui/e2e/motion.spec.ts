/** Who asks the system for less motion gets none. */
import type { Page } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import { ask, URL_UNDER_TEST, until, withBrowser } from "./browser";
import { newTraceId, type Sent, sendSpans, supportRun } from "./otlp";

const visit = withBrowser();
const mark = `calm${newTraceId().slice(0, 8)}`;
const done: Sent = { trace: newTraceId(), start: Date.now() - 20_000, service: `e2e-${mark}` };
/** A run that goes on: its light would glow. */
const running: Sent = { ...done, trace: newTraceId(), start: Date.now() - 2_000 };

beforeAll(async () => {
  await sendSpans(done, supportRun(mark, `session-${mark}`));
  await sendSpans(running, supportRun(mark, `session-${mark}`).slice(1, 4));
  await until(
    () => ask<{ total: number }>(`/api/v1/runs?service=${done.service}`),
    ({ total }) => total === 2,
    "the runs",
  );
});

/** Every animation and transition that takes longer than an eye sees, from now on, however it was begun. */
const watch = (page: Page) =>
  page.addInitScript(() => {
    const seen = new Set<string>();
    (window as unknown as { moved: Set<string> }).moved = seen;
    const look = () => {
      for (const animation of document.getAnimations()) {
        const timing: ComputedEffectTiming = animation.effect?.getComputedTiming() ?? {};
        const { duration, iterations, delay } = timing;
        const ms = (Number(duration) || 0) * Math.min(iterations ?? 1, 100) + (delay ?? 0);
        if (ms <= 20) continue;
        const target = (animation.effect as KeyframeEffect).target;
        const name =
          animation instanceof CSSTransition ? animation.transitionProperty : (animation as CSSAnimation).animationName;
        seen.add(`${name} of ${target?.tagName.toLowerCase()}.${target?.className} for ${ms} ms`);
      }
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
const moved = (page: Page) => page.evaluate(() => [...(window as unknown as { moved: Set<string> }).moved]);

/** What moves where motion is welcome: lights, menus, dialogs, drawers, folds, new rows. */
async function walk(page: Page): Promise<string[]> {
  await watch(page);
  const all: string[] = [];
  const to = async (path: string, ready: string) => {
    all.push(...(await moved(page).catch(() => [])));
    await page.goto(URL_UNDER_TEST + path);
    await page.locator(ready).first().waitFor();
  };
  await to(`/runs?service=${done.service}`, "[role=row][aria-rowindex]");
  await page.getByRole("button", { name: "Views" }).click();
  await page.getByRole("menuitem", { name: "Failed", exact: true }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("menu").waitFor({ state: "detached" });
  await sendSpans({ ...done, trace: newTraceId(), start: Date.now() - 1000 }, supportRun(mark, `session-${mark}`));
  await page.locator("[role=row][data-new]").first().waitFor();
  await page.keyboard.press("?");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Go to a page, run or agent" }).waitFor();
  await to(`/runs/${running.trace}`, "[role=treeitem]");
  await to(`/runs/${done.trace}`, "[role=treeitem]");
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowLeft");
  await page.locator("[role=treeitem][aria-expanded=false]").first().waitFor();
  await to("/overview", "figure svg");
  await to("/connect", "pre");
  await to("/sql", "textarea");
  await page.getByRole("button", { name: "Examples" }).click();
  await page.getByRole("menuitem").first().click();
  await page.getByRole("status").filter({ hasText: "row" }).waitFor();
  await to("/settings/keys", "form");
  all.push(...(await moved(page)));
  return [...new Set(all)];
}

test("nothing moves for whom the system says so, and something does for others", async () => {
  expect(await visit("/status", walk, { reducedMotion: "reduce" })).toEqual([]);
  expect((await visit("/status", walk, { reducedMotion: "no-preference" })).length).toBeGreaterThan(3);
});
