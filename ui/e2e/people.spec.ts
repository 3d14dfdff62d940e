/** People in the settings, on a server of its own: another password, a role in another project, and removal, each asked about first. */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { axe, until, withBrowser } from "./browser";
import { type Own, PROGRAM, pagesUnderTest, startOwn } from "./own";

const visit = withBrowser();
const PASSWORD = "correct horse battery";
const ANOTHER = "another horse battery";
let own: Own;

/** Signing in as a program would: 204 lets in, 401 does not. */
const signIn = async (name: string, password: string) =>
  (
    await fetch(`${own.url}/api/v1/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name, password }),
    })
  ).status;

beforeAll(async () => {
  if (!PROGRAM) return;
  own = await startOwn();
  const first = { name: "jane", password: PASSWORD, roles: [{ project: "*", role: "admin" }] };
  const added = await fetch(`${own.url}/api/v1/users`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(first),
  });
  expect(added.ok, await added.text()).toBe(true);
});
afterAll(() => own?.stop());

const people = (page: Page) => page.getByRole("region", { name: "People" });

/** The page of people as jane sees it, with somebody new who may look at the project. */
const beside = (name: string, work: (page: Page) => Promise<void>) =>
  visit(
    "/status",
    async (page) => {
      await pagesUnderTest(page.context(), own);
      await page.goto(`${own.url}/settings/people`);
      await page.getByRole("heading", { name: "Sign in" }).waitFor();
      await page.getByLabel("Name").fill("jane");
      await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
      await page.getByRole("button", { name: "Sign in", exact: true }).click();
      const add = page.getByRole("region", { name: "Somebody new" });
      await add.getByLabel("Name", { exact: true }).fill(name);
      await add.getByLabel("Password", { exact: true }).fill(PASSWORD);
      await add.getByRole("button", { name: "Add", exact: true }).click();
      await people(page)
        .getByRole("combobox", { name: `Role of ${name} in default` })
        .waitFor();
      await work(page);
    },
    // What is looked at by axe is not on its way to its colours.
    { complaints: /401/, reducedMotion: "reduce" },
  );

test.skipIf(!PROGRAM)("somebody is given another password, which opens the door from then on", async () => {
  await beside("bob", async (page) => {
    await people(page).getByRole("button", { name: "Another password for bob" }).click();
    const dialog = page.getByRole("dialog", { name: "Another password for bob" });
    const set = dialog.getByRole("button", { name: "Set the password" });
    await dialog.getByLabel("New password", { exact: true }).fill("too short");
    expect(await set.isDisabled()).toBe(true);
    expect(await axe(page)).toEqual([]);
    await dialog.getByLabel("New password", { exact: true }).fill(ANOTHER);
    await set.click();
    await dialog.waitFor({ state: "detached" });
    expect([await signIn("bob", PASSWORD), await signIn("bob", ANOTHER)]).toEqual([401, 204]);
  });
});

test.skipIf(!PROGRAM)("somebody is given a role in all projects, and loses the one in the project", async () => {
  await beside("carla", async (page) => {
    const open = people(page).getByRole("button", { name: "Another role for carla" });
    const dialog = page.getByRole("dialog", { name: "Another role for carla" });
    const choose = async (what: string, value: RegExp) => {
      await dialog.getByRole("combobox", { name: what }).click();
      await page.getByRole("option", { name: value }).click();
    };
    const give = dialog.getByRole("button", { name: "Give the role" });
    await open.click();
    // The role that carla has already is none to give.
    expect(await give.isDisabled()).toBe(true);
    await choose("In the project", /^all projects$/);
    await choose("Role", /^responder/);
    expect(await axe(page)).toEqual([]);
    await give.click();
    await dialog.waitFor({ state: "detached" });
    const everywhere = people(page).getByRole("combobox", { name: "Role of carla in all projects" });
    await until(
      () => everywhere.inputValue(),
      (value) => value === "responder in all",
      "the role in all projects",
    );

    await open.click();
    await choose("Role", /^none/);
    await give.click();
    await dialog.waitFor({ state: "detached" });
    await people(page).getByRole("combobox", { name: "Role of carla in default" }).waitFor({ state: "detached" });
    expect(await everywhere.count()).toBe(1);
  });
});

test.skipIf(!PROGRAM)("who is removed is gone from the list and stays outside; who is kept stays", async () => {
  await beside("dan", async (page) => {
    const open = people(page).getByRole("button", { name: "Remove dan" });
    const dialog = page.getByRole("dialog", { name: "Remove dan" });
    await open.click();
    expect(await axe(page)).toEqual([]);
    await dialog.getByRole("button", { name: "Keep" }).click();
    await dialog.waitFor({ state: "detached" });
    expect(await signIn("dan", PASSWORD)).toBe(204);

    await open.click();
    await dialog.getByRole("button", { name: "Remove dan" }).click();
    await dialog.waitFor({ state: "detached" });
    await open.waitFor({ state: "detached" });
    expect(await signIn("dan", PASSWORD)).toBe(401);
    await page.reload();
    await people(page).getByRole("button", { name: "Remove jane" }).waitFor();
    expect(await open.count()).toBe(0);
  });
});
