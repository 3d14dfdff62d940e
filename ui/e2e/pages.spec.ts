import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";
import type { SqlSchema, Status } from "@/api/types";
import { ask, FOUR_LOOKS, TWO_LOOKS, URL_UNDER_TEST, until, usableByAll, withBrowser } from "./browser";
import { newTraceId, type Sent, sendLogs, sendSpans, spanId, supportRun } from "./otlp";

const visit = withBrowser();
const mark = `page${newTraceId().slice(0, 8)}`;
const session = `session-${mark}`;
const sent: Sent = { trace: newTraceId(), start: Date.now() - 20_000, service: "e2e-pages" };

beforeAll(async () => {
  await sendSpans(sent, supportRun(mark, session));
  await sendLogs(sent, [{ span: "root", at: 1, severity: [9, "INFO"], body: "run started" }]);
  await sendSpans({ ...sent, trace: newTraceId(), start: Date.now() - 10_000 }, supportRun(mark, session));
  await until(
    () => ask<{ total: number }>(`/api/v1/runs?session=${session}`),
    ({ total }) => total === 2,
    "both runs",
  );
});

test("sessions lead to their runs, told in order", async () => {
  await visit("/sessions", async (page) => {
    await page.getByRole("link", { name: session }).click();
    await page.getByRole("heading", { name: new RegExp(session) }).waitFor();
    const turns = page.getByRole("region", { name: "Runs of the session" }).getByRole("listitem");
    await until(
      () => turns.count(),
      (n) => n === 2,
      "two turns",
    );
    expect(await turns.first().textContent()).toContain(`Where is parcel ${mark}?`);
    await turns.first().getByRole("link").click();
    await page.getByRole("tree").waitFor();
    expect(page.url()).toContain(sent.trace);
  });
});

test("SQL runs, links its runs, and says what is wrong", async () => {
  const { views } = await ask<SqlSchema>("/api/v1/sql/schema");
  await visit(
    `/sql?q=${encodeURIComponent(`SELECT trace_id, name FROM runs WHERE session_id = '${session}'`)}`,
    async (page) => {
      await page.getByRole("status").filter({ hasText: "2 rows" }).waitFor();
      await page.getByRole("cell", { name: sent.trace }).getByRole("link").waitFor();
      for (const view of views) expect(await page.getByLabel("Views and columns").textContent()).toContain(view.name);

      await page.getByLabel("SQL query").fill("SELECT nothing_of_the_kind FROM runs");
      await page.getByLabel("SQL query").press("Control+Enter");
      await until(
        () => page.getByRole("alert").textContent(),
        (text) => /nothing_of_the_kind/.test(text ?? ""),
        "the reason",
      );
    },
    { complaints: /400|422/ },
  );
});

test("every example runs", async () => {
  await visit("/sql", async (page) => {
    await page.getByRole("button", { name: "Examples" }).click();
    const titles = await page.getByRole("menuitem").allTextContents();
    expect(titles.length).toBeGreaterThan(2);
    for (const [at, title] of titles.entries()) {
      if (at > 0) await page.getByRole("button", { name: "Examples" }).click();
      await page.getByRole("menuitem", { name: title }).click();
      await until(
        async () => [await page.getByRole("alert").allTextContents(), await page.getByRole("status").allTextContents()],
        ([alerts, outcome]) => alerts!.length > 0 || /row/.test(outcome!.join("")),
        `an answer to ${title}`,
      );
      expect(await page.getByRole("alert").allTextContents(), title).toEqual([]);
    }
  });
});

test("the status page shows what the server counts", async () => {
  const status = await ask<Status>("/api/v1/status");
  await visit("/status", async (page) => {
    await page.getByRole("heading", { name: "Limits" }).waitFor();
    const text = (await page.locator("main").textContent()) ?? "";
    expect(text).toContain(status.version);
    expect(text).toContain(status.endpoints.otlp_grpc);
    for (const dialect of Object.keys(status.ingest.spans_by_dialect)) expect(text).toContain(dialect);
  });
});

test("the curl command on the page sends a trace, and the page notices", async () => {
  await visit("/connect", async (page) => {
    await page.getByRole("tab", { name: "curl" }).click();
    const { endpoints } = await ask<Status>("/api/v1/status");
    await until(
      () => page.locator("[data-snippet=curl]").textContent(),
      (text) => !!text?.includes(new URL(endpoints.otlp_http).port),
      "the server's own address",
    );
    const command = (await page.locator("[data-snippet=curl]").textContent())!;
    const { stdout } = await promisify(execFile)("bash", ["-c", command]);
    expect(stdout).not.toContain("error");
    await page.getByText("A trace arrived").waitFor();
  });
});

test("a silent server is said so, and its return noticed", async () => {
  await visit(
    "/runs",
    async (page) => {
      await page.locator("[role=row][aria-rowindex]").first().waitFor();
      await page.context().setOffline(true);
      await page.getByRole("alert").filter({ hasText: "The server does not answer" }).waitFor();
      await page.context().setOffline(false);
      await page.getByRole("alert").waitFor({ state: "hidden" });
    },
    { complaints: /ERR_INTERNET_DISCONNECTED|Failed to load resource/ },
  );
});

test("the keyboard help opens, and g goes places", async () => {
  await visit("/runs", async (page) => {
    await page.locator("[role=row][aria-rowindex]").first().waitFor();
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keyboard" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    await page.keyboard.press("g");
    await page.keyboard.press("s");
    await page.getByRole("heading", { name: "Sessions" }).waitFor();
  });
});

test("night and day are remembered", async () => {
  await visit("/status", async (page) => {
    const scheme = () => page.evaluate(() => document.documentElement.getAttribute("data-mantine-color-scheme"));
    expect(await scheme()).toBe("dark");
    await page.getByText("Day", { exact: true }).click({ force: true });
    await until(scheme, (value) => value === "light", "day");
    await page.reload();
    await page.getByRole("heading", { name: "Status" }).waitFor();
    expect(await scheme()).toBe("light");
  });
});

const PAGES: [string, string, string][] = [
  ["overview", "/overview?from=24h", "figure svg"],
  ["runs", "/runs", "[role=row][aria-rowindex], li a"],
  ["filtered runs", "/runs?service=e2e-pages&status=ok", "[aria-label=Filters]"],
  ["no runs", "/runs?q=thisisnowhere", "h2"],
  ["run", `/runs/${sent.trace}`, "[role=tree]"],
  ["LLM step", `/runs/${sent.trace}?step=${spanId("chat3")}`, "article"],
  ["tool step", `/runs/${sent.trace}?step=${spanId("tool1")}`, "[role=tabpanel] h3"],
  ["retrieval", `/runs/${sent.trace}?step=${spanId("search")}`, "[role=tabpanel] ol"],
  ["attributes", `/runs/${sent.trace}?step=${spanId("chat1")}&tab=attributes`, "[role=tabpanel] table"],
  ["transcript", `/runs/${sent.trace}?view=transcript`, "article"],
  ["agents", `/runs/${sent.trace}?view=agents`, "main table"],
  ["run logs", `/runs/${sent.trace}?view=logs`, "main li"],
  ["run raw", `/runs/${sent.trace}?view=raw`, "main [class*=view]"],
  ["sessions", "/sessions", "[role=row], li a"],
  ["session", `/sessions/session?id=${session}`, "ol li"],
  ["SQL", "/sql?q=SELECT+trace_id,+steps+FROM+runs+LIMIT+5", "[role=cell]"],
  ["send traces", "/connect", "pre"],
  ["settings of a framework", "/connect?framework=pydantic-ai", "[data-snippet=pydantic-ai]"],
  ["issues", "/issues", "li button, h2"],
  ["doctor", "/doctor?from=7d", "article, h2"],
  ["status", "/status", "table"],
  ["a page that is not there", "/nowhere", "h1"],
];

test.each(PAGES)("%s has no accessibility violation and never scrolls sideways", async (name, path, ready) => {
  // The main pages are seen in all four looks.
  const looks = ["runs", "run", "LLM step"].includes(name) ? FOUR_LOOKS : TWO_LOOKS;
  await visit(path, (page) => usableByAll(page, () => page.locator(ready), looks));
});

test.each([
  ["/overview", "figure svg"],
  ["/runs", "[role=row][aria-rowindex]"],
])("the first load of %s stays below 500 KiB compressed, and asks nobody else", async (path, ready) => {
  await visit("/status", async (page) => {
    const sizes = new Map<string, number | undefined>();
    const origins = new Set<string>();
    page.on("request", async (request) => {
      const url = new URL(request.url());
      origins.add(url.origin);
      if (url.pathname.startsWith("/api/")) return;
      sizes.set(url.pathname, undefined);
      const found = await request.sizes().catch(() => undefined);
      // One that the page gave up has no size, and nobody waits for it.
      if (found) sizes.set(url.pathname, found.responseBodySize);
      else sizes.delete(url.pathname);
    });
    await page.goto(`${URL_UNDER_TEST}${path}`);
    await page.locator(ready).first().waitFor();
    const known = await until(
      async () => [...sizes.values()],
      (all) => all.every((size) => size !== undefined),
      "all that was asked for",
    );
    expect([...origins]).toEqual([new URL(URL_UNDER_TEST).origin]);
    expect(known.length).toBeGreaterThan(4);
    expect(known.reduce<number>((sum, size) => sum + (size ?? 0), 0)).toBeLessThan(500 * 1024);
  });
});
