/** Who one is and where: signing in, several projects, budgets and receivers of the settings. What the server says of the person is made up here: a server that asks for credentials would ask the other tests too. */
import { readFile } from "node:fs/promises";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { axe, URL_UNDER_TEST, until, withBrowser } from "./browser";

const visit = withBrowser();
const RIGHTS = ["read", "respond", "write", "admin"];

/** Answers as a server would of somebody with two projects, `shop` unless the request asks for another; keeps what requests ask for. */
async function withProjects(page: Page, projects = ["bank", "shop"], everywhere = true) {
  const asked = new Map<string, string | undefined>();
  page.on("request", (request) => {
    const { pathname, searchParams } = new URL(request.url());
    // By the parameter where the browser asks by itself: a stream, a file.
    const name = request.headers()["tawny-project"] ?? searchParams.get("tawny-project") ?? undefined;
    if (/^\/(api|prometheus)\//.test(pathname)) asked.set(pathname, name);
  });
  await page.route("**/api/v1/me", (route) => {
    const project = route.request().headers()["tawny-project"] ?? "shop";
    if (!projects.includes(project))
      return route.fulfill({
        status: 403,
        json: { title: "Not allowed", detail: `\`user:jane\` has no part in the project \`${project}\`` },
      });
    const rights = { rights: RIGHTS, everywhere, closed: true, oidc: false };
    return route.fulfill({ json: { who: "user:jane", project, projects, ...rights } });
  });
  return asked;
}

const project = (page: Page) => new URL(page.url()).searchParams.get("project");

test("who has several projects chooses one; it is in the address, and everything is asked about it", async () => {
  await visit("/status", async (page) => {
    const asked = await withProjects(page);
    await page.goto(`${URL_UNDER_TEST}/runs?from=7d`);
    await page.getByRole("button", { name: "Project shop, jane" }).waitFor();
    // The server's choice stands in the address, beside what was there.
    await until(
      async () => [project(page), new URL(page.url()).searchParams.get("from")],
      ([name, from]) => name === "shop" && from === "7d",
      "the project in the address",
    );
    await page.getByRole("button", { name: "Project shop, jane" }).click();
    await page.getByRole("menuitem", { name: "bank" }).click();
    await page.getByRole("button", { name: "Project bank, jane" }).waitFor();
    asked.clear();
    await page.getByRole("link", { name: "Runs", exact: true }).first().click();
    await until(
      async () => [new URL(page.url()).pathname, project(page), asked.has("/api/v1/live")],
      ([path, name, live]) => path === "/runs" && name === "bank" && live === true,
      "the runs of the project, and their changes",
    );
    for (const path of ["/costs", "/explore?expr=tawny_ready", "/findings", "/logs"]) {
      const at = new URL(path, URL_UNDER_TEST);
      at.searchParams.set("project", "bank");
      await page.goto(at.href);
      await page.getByRole("heading", { level: 1 }).waitFor();
    }
    await until(
      async () => [...asked.keys()],
      (paths) => paths.some((path) => path.startsWith("/prometheus/")) && paths.includes("/api/v1/findings"),
      "the questions of the pages",
    );
    expect([...asked].filter(([, name]) => name !== "bank")).toEqual([]);
    // The choice is kept for who comes by no link.
    await page.goto(`${URL_UNDER_TEST}/`);
    await page.getByRole("button", { name: "Project bank, jane" }).waitFor();
    expect(await axe(page)).toEqual([]);
  });
});

test("who has no rights in every project sees alerts of theirs, and is not offered what is the whole server's", async () => {
  await visit("/status", async (page) => {
    const asked = await withProjects(page, ["shop"], false);
    await page.goto(`${URL_UNDER_TEST}/alerts`);
    const views = page.getByRole("navigation", { name: "Views of alerts" }).getByRole("link");
    await until(
      () => views.allTextContents(),
      (names) => names.length === 2 && names[0]!.startsWith("Now") && names[1] === "History",
      "two views",
    );
    expect(await page.getByRole("button", { name: "Silence…" }).count()).toBe(0);
    asked.clear();
    await page.goto(`${URL_UNDER_TEST}/alerts?view=rules`);
    await page.getByRole("heading", { name: "This is about the whole server" }).waitFor();
    expect(await axe(page)).toEqual([]);
    await page.getByRole("link", { name: "Alerts of your project" }).click();
    await page
      .getByRole("searchbox")
      .or(page.getByRole("textbox", { name: "Filter alerts" }))
      .first()
      .waitFor();
    expect(asked.has("/api/v1/rules")).toBe(false);
  });
});

test("a file is asked for about the project too", async () => {
  await visit("/status", async (page) => {
    await withProjects(page);
    await page.goto(`${URL_UNDER_TEST}/costs?project=bank`);
    const link = page.getByRole("link", { name: "CSV" });
    expect(await link.getAttribute("href")).toMatch(/[?&]tawny-project=bank/);
    const download = page.waitForEvent("download");
    await link.click();
    expect((await readFile(await (await download).path(), "utf8")).split("\n")[0]).toMatch(/cost_usd/);
  });
});

test("a project one has no part in is said so, with the way back", async () => {
  await visit(
    "/status",
    async (page) => {
      await withProjects(page);
      await page.goto(`${URL_UNDER_TEST}/runs?project=vault`);
      await page.getByText("no part in the project").waitFor();
      expect(await axe(page)).toEqual([]);
      await page.getByRole("link", { name: "Go to your own project" }).click();
      await page.getByRole("button", { name: "Project shop, jane" }).waitFor();
    },
    { complaints: /403/ },
  );
});

test("signing in shows the page one wanted; it is offered elsewhere where the server has that", async () => {
  await visit(
    "/status",
    async (page) => {
      let known = false;
      await page.route("**/api/v1/me", (route) =>
        known
          ? route.fulfill({
              json: { who: "user:jane", project: "shop", projects: ["shop"], rights: RIGHTS, closed: true, oidc: true },
            })
          : route.fulfill({ status: 401, json: { title: "Who are you?", detail: "this server asks for a key" } }),
      );
      await page.route("**/api/v1/login", (route) => {
        if (route.request().method() === "GET") return route.fulfill({ json: { oidc: true } });
        known = route.request().postDataJSON().password === "correct horse battery";
        return known
          ? route.fulfill({ status: 204 })
          : route.fulfill({ status: 401, json: { title: "Who are you?", detail: "name and password do not fit" } });
      });
      await page.goto(`${URL_UNDER_TEST}/settings/retention`);
      const elsewhere = page.getByRole("link", { name: "Sign in with your organisation" });
      await elsewhere.waitFor();
      expect(await elsewhere.getAttribute("href")).toBe("/api/v1/login/oidc");
      expect(await axe(page)).toEqual([]);
      await page.getByLabel("Name").fill("jane");
      await page.getByLabel("Password", { exact: true }).fill("wrong");
      await page.getByRole("button", { name: "Sign in", exact: true }).click();
      await page.getByText("name and password do not fit").waitFor();
      await page.getByLabel("Password", { exact: true }).fill("correct horse battery");
      await page.getByRole("button", { name: "Sign in", exact: true }).click();
      await page.getByRole("region", { name: "Telemetry" }).waitFor();
      expect(new URL(page.url()).pathname).toBe("/settings/retention");
    },
    { complaints: /401/ },
  );
});

test("a budget is put in place from the settings and stands on the page of costs; one that cannot be read is refused", async () => {
  const file = '[[budget]]\nname = "far away"\nper = "project"\nover = "day"\nusd = 1000000\n';
  await visit(
    "/settings/prices",
    async (page) => {
      const text = page.getByLabel("Budget file (TOML)");
      const put = page.getByRole("region", { name: "Budgets" }).getByRole("button", { name: "Put in place" });
      const before = await text.inputValue();
      await text.fill('[[budget]]\nname = "far away"\nper = "planet"');
      await put.click();
      await page
        .getByText(/planet/)
        .first()
        .waitFor();
      await text.fill(file);
      await put.click();
      await until(
        () => put.isDisabled(),
        (kept) => kept,
        "the file kept",
      );
      try {
        await page.goto(`${URL_UNDER_TEST}/costs`);
        await page.getByRole("region", { name: "Budgets" }).getByText("far away").first().waitFor();
      } finally {
        await fetch(`${URL_UNDER_TEST}/api/v1/budgets`, {
          method: "PUT",
          headers: { "content-type": "application/toml" },
          body: before,
        });
      }
    },
    { complaints: /400|422/ },
  );
});

test("a receiver is tried from the settings, and why it failed is said", async () => {
  await visit("/status", async (page) => {
    const receiver = (name: string, kind: string) => ({
      name,
      integrations: [{ kind, about: "" }],
      routes: ["{}"],
      waiting: 0,
    });
    await page.route("**/api/v1/receivers", (route) =>
      route.fulfill({ json: { problems: [], receivers: [receiver("desk", "slack"), receiver("pager", "pagerduty")] } }),
    );
    await page.route("**/api/v1/receivers/*/test", (route) => {
      const failed = route.request().url().includes("pager");
      return route.fulfill({
        json: {
          results: [
            failed
              ? { kind: "pagerduty", accepted: false, error: "403: the key is not known" }
              : { kind: "slack", accepted: true, error: "" },
          ],
        },
      });
    });
    await page.goto(`${URL_UNDER_TEST}/settings/receivers`);
    await page.getByRole("button", { name: "Send a test message to desk" }).click();
    await page.getByText("it was taken").waitFor();
    await page.getByRole("button", { name: "Send a test message to pager" }).click();
    await page.getByText("the key is not known").waitFor();
    expect(await axe(page)).toEqual([]);
  });
});
