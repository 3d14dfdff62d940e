/** What holds on every page: an address shows the same again, fingers reach everything, times and numbers as one wants them, no motion for who asks for none. */
import type { Page } from "playwright-core";
import { beforeAll, expect, inject, test } from "vitest";
import { ask, NARROW, until, usableByAll, withBrowser } from "./browser";
import { newTraceId, type Sent, sendLogs, sendSpans, spanId, supportRun } from "./otlp";

const visit = withBrowser();
const mark = `reach${newTraceId().slice(0, 8)}`;
const session = `session-${mark}`;
const sent: Sent = { trace: newTraceId(), start: Date.now() - 30_000, service: `e2e-${mark}` };
const second = newTraceId();
const loop = inject("loop");

beforeAll(async () => {
  await sendSpans(sent, supportRun(mark, session));
  await sendSpans({ ...sent, trace: second, start: sent.start - 20_000 }, supportRun(mark, session));
  await sendLogs(
    sent,
    Array.from({ length: 12 }, (_, at) => ({
      span: "tool1",
      at: 830 + at,
      severity: [9 + (at % 2) * 8, at % 2 ? "ERROR" : "INFO"] as [number, string],
      body: `line ${at} of ${mark}`,
    })),
  );
  await until(
    () => ask<{ total: number }>(`/api/v1/runs?session=${session}`),
    ({ total }) => total === 2,
    "both runs",
  );
});

/** All that a person can set on a page, with its state, and the headings: what an address must bring back. */
const state = (page: Page) =>
  page.evaluate(() => {
    const STATES = ["aria-pressed", "aria-selected", "aria-sort", "aria-expanded", "aria-current"];
    const name = (element: Element) =>
      (element.getAttribute("aria-label") ?? element.textContent ?? "").replace(/\s+/g, " ").trim();
    const found: string[] = [];
    for (const element of document.querySelectorAll(
      `main :is(${STATES.map((each) => `[${each}]`).join()}, input, textarea, h1, h2)`,
    )) {
      const said = STATES.flatMap((each) =>
        element.hasAttribute(each) ? `${each}=${element.getAttribute(each)}` : [],
      );
      if (element instanceof HTMLInputElement && /^(checkbox|radio)$/.test(element.type))
        said.push(`${element.checked}`);
      else if (element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement) said.push(element.value);
      // Counts and ages go on by themselves.
      found.push(`${name(element).slice(0, 60)} ${said.join(" ")}`.replace(/\d[\d.,]*( [a-z%]+)?/g, "#"));
    }
    return found;
  });

/** The same twice, a moment apart, with nothing loading: the page has come to rest. */
async function settled(page: Page): Promise<string[]> {
  let before: string[] = [];
  return until(
    async () => {
      const loading = await page.locator("[aria-label=Loading]").count();
      await page.waitForTimeout(400);
      const now = await state(page);
      const rests = loading === 0 && now.length > 0 && JSON.stringify(now) === JSON.stringify(before);
      before = now;
      return rests ? now : undefined;
    },
    (found) => found !== undefined,
    "a page at rest",
  ).then((found) => found!);
}

const q = encodeURIComponent;

const ADDRESSES: [string, () => string][] = [
  ["overview", () => `/overview?from=1h&vs=1d&service=${sent.service}`],
  ["deep dive", () => `/deep-dive?from=3h&vs=7d&service=${sent.service}`],
  ["runs", () => `/runs?service=${sent.service}&sort=-duration_ms&live=false&columns=name,version&peek=${sent.trace}`],
  ["step", () => `/runs/${sent.trace}?step=${spanId("chat1")}&tab=attributes&look=output&path=true`],
  ["logs of a run", () => `/runs/${sent.trace}?view=logs&look=line+3`],
  ["transcript", () => `/runs/${sent.trace}?view=transcript&turned=${spanId("sub")}`],
  ["playback", () => `/runs/${sent.trace}?at=900&find=chat`],
  ["sessions", () => `/sessions?q=${mark}&from=7d`],
  ["session", () => `/sessions/session?id=${session}&open=${second}`],
  ["agents", () => "/agents?from=3h&show=all&order=name"],
  ["agent", () => `/agents/agent?name=${inject("versions").agent}&version=2.0&from=3h`],
  ["tools", () => "/tools?from=3h&order=-p95&tool=track_parcel"],
  ["costs", () => "/costs?from=7d&by=model&order=model"],
  ["issues", () => "/issues?state=acknowledged"],
  ["findings", () => `/findings?from=7d&of=${loop.agent}`],
  ["rules", () => "/alerts?view=rules&q=E2e&rule=E2eRunsFail"],
  ["history of alerts", () => "/alerts?view=history&q=E2e&from=24h"],
  ["a silence about to be made", () => `/alerts?view=silences&silence=${q('alertname="E2eRunsFail"')}`],
  ["backtest", () => "/alerts?view=backtest&rule=E2eRunsSlow&from=6h"],
  ["logs", () => `/logs?service=${sent.service}&severity=error&q=${mark}&from=3h`],
  ["explore", () => `/explore?expr=${q("tawny_ready")}&expr=up&mode=table&from=3h`],
  ["graph", () => `/explore?expr=${q("tawny_requests_accepted_total")}&from=15m&stack=true`],
  ["SQL as a chart", () => `/sql?as=chart&q=${q("SELECT kind, count(*) AS steps FROM spans GROUP BY kind")}`],
  ["doctor", () => `/doctor?from=7d&of=${sent.service}`],
  ["compare", () => `/compare?a=${sent.trace}&b=${second}&only=different`],
  ["connect", () => "/connect?framework=pydantic-ai"],
];

test.each(ADDRESSES)("the address of %s with its filters brings the same page back", async (_, address) => {
  await visit(address(), async (page) => {
    const before = await settled(page);
    const asked = new URL(page.url());
    // Nothing of what was asked is dropped, so that a link says all.
    const wanted = new URL(address(), asked.origin).searchParams;
    expect([...new Set(wanted.keys())].filter((key) => !asked.searchParams.has(key))).toEqual([]);
    await page.reload();
    expect(await settled(page)).toEqual(before);
    expect(page.url()).toBe(asked.href);
    // And it is another page than the one without filters.
    await page.goto(`${asked.origin}${asked.pathname}`);
    if (asked.pathname !== "/sessions/session") expect(await settled(page)).not.toEqual(before);
  });
});

/** Controls that a finger cannot reach: outside of the screen, below something else, or seen only where a pointer hovers. */
const unreachable = (page: Page) =>
  page.evaluate(() => {
    const out: string[] = [];
    const shown = (element: Element) => {
      const { width, height } = element.getBoundingClientRect();
      // What only screen readers meet has no size; a box of a checkbox lies below its picture.
      return width > 2 && height > 2 && element.checkVisibility({ visibilityProperty: true });
    };
    const opacity = (element: Element | null): number =>
      element ? Number(getComputedStyle(element).opacity) * opacity(element.parentElement) : 1;
    const all = document.querySelectorAll("a[href], button, input, textarea, select, [role=tab], [role=slider]");
    for (const element of all) {
      if (!shown(element) || element.closest("[inert], [aria-hidden=true]")) continue;
      const says = () =>
        `${element.tagName} ${(element.getAttribute("aria-label") ?? element.textContent ?? "").trim().slice(0, 60)}`;
      const hidden = element instanceof HTMLInputElement && element.labels?.length;
      if (hidden && opacity(element) < 0.1) continue;
      if (opacity(element) < 0.1) {
        out.push(`only seen while a pointer hovers: ${says()}`);
        continue;
      }
      element.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
      const { left, top, width, height } = element.getBoundingClientRect();
      const [x, y] = [left + Math.min(width, 300) / 2, top + Math.min(height, 300) / 2];
      const hit = document.elementFromPoint(x, y);
      const label = element instanceof HTMLInputElement ? element.labels?.[0] : undefined;
      if (!hit) out.push(`outside of the screen: ${says()}`);
      else if (!element.contains(hit) && !hit.contains(element) && !label?.contains(hit))
        out.push(`below ${hit.tagName} ${hit.textContent?.trim().slice(0, 30)}: ${says()}`);
    }
    return [...new Set(out)];
  });

test.each([
  ...ADDRESSES,
  ["status", () => "/status"],
  ["dashboards", () => "/dashboards"],
  ["keys", () => "/settings/keys"],
] as [string, () => string][])("a finger reaches every control at 390 pixels: %s", async (_, address) => {
  await visit(
    address(),
    async (page) => {
      await settled(page);
      expect(await unreachable(page)).toEqual([]);
    },
    { viewport: NARROW, hasTouch: true, isMobile: true },
  );
});

test("every page is reached by fingers alone", async () => {
  await visit(
    "/overview",
    async (page) => {
      await page.getByRole("button", { name: "Menu" }).tap();
      const pages = page.getByRole("navigation", { name: "Pages" }).getByRole("link");
      const hrefs = await pages.evaluateAll((all) => all.map((each) => each.getAttribute("href")));
      expect(hrefs.length).toBeGreaterThan(15);
    },
    { viewport: NARROW, hasTouch: true, isMobile: true },
  );
});

test("times and numbers are written as one wants them, and stay so", async () => {
  await visit(
    `/runs/${sent.trace}?step=${spanId("chat1")}`,
    async (page) => {
      const detail = page.getByRole("region", { name: "Selected step" });
      await detail.getByText("500 ms").first().waitFor();
      const started = new Date(sent.start).toISOString();
      const zoned = (zone: string) =>
        new Date(sent.start).toLocaleString("sv-SE", { timeZone: zone, hour: "2-digit", minute: "2-digit" });
      const header = page.locator("main");
      const shows = (text: string) =>
        until(
          async () =>
            `${await header.textContent()} ${await page.locator("[title]").evaluateAll((all) => all.map((each) => each.getAttribute("title")).join(" "))}`,
          (said) => said.includes(text),
          `${text} on the page`,
        );
      await shows(`${zoned("Asia/Kolkata")}:`);
      await page.keyboard.press("?");
      const help = page.getByRole("dialog", { name: "Keyboard, time zone, numbers" });
      await help.getByRole("combobox", { name: "Times in" }).fill("UTC");
      await page.getByRole("option", { name: "UTC", exact: true }).click();
      await page.keyboard.press("Escape");
      await shows(started.slice(11, 16));
      // Kept in this browser.
      await page.reload();
      await shows(started.slice(11, 16));
      await page.keyboard.press("?");
      await help.getByText(/21\.11\.26/).click();
      await page.keyboard.press("Escape");
      // Two seconds, as German has them.
      await shows("2,00 s");
    },
    { timezoneId: "Asia/Kolkata", locale: "de-DE" },
  );
});

test.each([
  "/overview",
  "/runs",
  `/runs/${sent.trace}?step=${spanId("chat1")}`,
  "/alerts?view=rules",
  "/explore?expr=up",
])("nothing moves on %s for who asks for less motion", async (path) => {
  await visit(
    path,
    async (page) => {
      await settled(page);
      await page.keyboard.press("Control+k");
      await page.getByRole("combobox", { name: "Go to a page, run or agent" }).waitFor();
      const moving = await page.evaluate(() =>
        [...document.querySelectorAll("*")].flatMap((element) => {
          const { animationName, animationDuration, transitionDuration, scrollBehavior } = getComputedStyle(element);
          const long = (text: string) => text.split(",").some((part) => Number.parseFloat(part) > 0.001);
          const moves =
            (animationName !== "none" && long(animationDuration)) ||
            long(transitionDuration) ||
            scrollBehavior === "smooth";
          return moves ? [`${element.tagName} ${element.className}`] : [];
        }),
      );
      expect(moving).toEqual([]);
    },
    { reducedMotion: "reduce" },
  );
});

test.each([
  ["findings one by one", `/findings?of=${loop.agent}`],
  ["several runs compared", `/compare?a=${sent.trace}&b=${second}&more=${loop.trace}`],
  ["nothing to compare yet", "/compare"],
  ["a run beside its list", `/runs?service=${sent.service}&peek=${sent.trace}`],
  ["playback", `/runs/${sent.trace}?at=900`],
  ["the critical path", `/runs/${sent.trace}?path=true`],
  ["SQL as a chart", `/sql?as=chart&q=${q("SELECT kind, count(*) AS steps FROM spans GROUP BY kind")}`],
])("%s can be used by everybody, in both schemes", async (_, path) => {
  await visit(path, (page) => usableByAll(page, () => page.getByRole("heading", { level: 1 })));
});

test.each([
  ["the palette", "Control+k", "Go to a page, run or agent"],
  ["the help", "?", "Keyboard, time zone, numbers"],
])("%s can be used by everybody, in both schemes", async (_, key, name) => {
  await visit("/status", async (page) => {
    await page.getByRole("heading", { level: 1 }).waitFor();
    await page.keyboard.press(key);
    await page.getByRole("dialog").waitFor();
    await usableByAll(page, () => page.getByLabel(name).first());
  });
});
