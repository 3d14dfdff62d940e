/** What a page shows, in words that can be compared: with the same page loaded again, or in another browser. */
import type { Page } from "playwright-core";
import { expect } from "vitest";
import { until } from "./browser";

/** A moment as it is written once German numbers and Tokyo's time are chosen. */
export const germanInTokyo = (at: number) =>
  new Intl.DateTimeFormat("de-DE", {
    ...{ timeZone: "Asia/Tokyo", year: "numeric", month: "2-digit", day: "2-digit" },
    ...{ hour: "2-digit", minute: "2-digit", second: "2-digit" },
  }).format(at);

/** Everything chosen, typed and said on a page. Moments and numbers, which move by themselves, are left out. */
export interface Seen {
  address: string;
  /** Fields with what is in them; whatever is selected, checked, pressed, unfolded or sorted by. */
  chosen: string[];
  said: string[];
}

export const seen = (page: Page): Promise<Seen> =>
  page.evaluate(() => {
    const still = (text: string) =>
      text
        .replace(/\s+/g, " ")
        .replace(/\b(now|(in )?\d+(s|m|h|d|mo|y)( ago)?)\b/g, "…")
        .replace(/[\d.,]+/g, "#")
        .trim();
    const places = [...document.querySelectorAll("main, [role=dialog]")];
    // Lists of what could be chosen come and go with the focus, and a drawing is told by its label.
    const aside = "svg, script, style, [role=listbox], [role=tooltip], [aria-hidden=true]";
    const name = (element: Element) =>
      still(
        element.getAttribute("aria-label") ??
          (element as HTMLInputElement).labels?.[0]?.textContent ??
          element.textContent ??
          "",
      );
    const chosen: string[] = [];
    const said: string[] = [];
    for (const place of places) {
      for (const element of place.querySelectorAll<HTMLElement>("*")) {
        if (element.closest(aside) || !element.checkVisibility()) continue;
        if (element instanceof HTMLInputElement && /^(checkbox|radio)$/.test(element.type)) {
          if (element.checked) chosen.push(`${name(element)}: checked`);
        } else if (element instanceof HTMLInputElement && element.type === "range") {
          // The keyboard's place on a chart is nobody's choice yet.
        } else if (element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement) {
          if (element.value) chosen.push(`${name(element)}: ${element.value}`);
        }
        for (const of of ["selected", "checked", "pressed", "expanded", "current", "sort"]) {
          const value = element.getAttribute(`aria-${of}`);
          if (value && value !== "false" && value !== "none") chosen.push(`${name(element)}: ${of} ${value}`);
        }
      }
      const walk = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
      for (let node = walk.nextNode(); node; node = walk.nextNode()) {
        const text = still(node.textContent ?? "");
        if (text && node.parentElement?.checkVisibility() && !node.parentElement.closest(aside)) said.push(text);
      }
    }
    return { address: location.pathname + location.search, chosen, said };
  });

/** The same once nothing loads any more and nothing moves. */
export async function seenAtRest(page: Page): Promise<Seen> {
  let before = "";
  await until(
    async () => {
      const loading = await page.locator("[aria-label=Loading]").count();
      const now = JSON.stringify(await seen(page));
      const still = loading === 0 && now === before;
      before = now;
      return still;
    },
    (still) => still,
    "a page at rest",
  );
  return JSON.parse(before) as Seen;
}

/** Waits until the page shows what was seen; says what differs where it never does. `live`: it says something else by itself. */
export async function showsAgain(page: Page, { said, ...chosen }: Seen, where: string, live = false) {
  const wanted = live ? chosen : { ...chosen, said };
  const end = Date.now() + 60_000;
  for (;;) {
    const { said: says, ...rest } = await seen(page);
    const now = live ? rest : { ...rest, said: says };
    if (JSON.stringify(now) === JSON.stringify(wanted)) return;
    if (Date.now() > end) {
      expect(now, where).toEqual(wanted);
      return;
    }
    await page.waitForTimeout(250);
  }
}
