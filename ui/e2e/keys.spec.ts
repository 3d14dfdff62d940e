/** Who may do what, on a server of its own: the first person, signing in, keys that are made, used, rotated and revoked. */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { axe, until, withBrowser } from "./browser";
import { type Own, PROGRAM, pagesUnderTest, startOwn } from "./own";

const visit = withBrowser();
const PASSWORD = "correct horse battery";
let own: Own;

beforeAll(async () => {
  if (PROGRAM) own = await startOwn();
});
afterAll(() => own?.stop());

/** As a program with that key. */
const asked = async (path: string, key?: string, body?: unknown) =>
  (
    await fetch(own.url + path, {
      method: body === undefined ? "GET" : "POST",
      headers: { "content-type": "application/json", ...(key ? { authorization: `Bearer ${key}` } : {}) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  ).status;
const send = (key?: string) => asked("/v1/traces", key, { resourceSpans: [] });

const at = (work: (page: Page) => Promise<void>) =>
  visit(
    "/status",
    async (page) => {
      await pagesUnderTest(page.context(), own);
      await work(page);
    },
    // What is looked at by axe is not on its way to its colours.
    { complaints: /401/, reducedMotion: "reduce" },
  );

/** Nobody who is not signed in sees what there is: no navigation, no palette, no key that leads somewhere. */
async function shut(page: Page) {
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await until(
    () => page.getByRole("navigation").count(),
    (shown) => shown === 0,
    "no navigation",
  );
  const address = page.url();
  await page.getByRole("heading", { name: "Sign in" }).click();
  for (const key of ["Control+k", "?", "g", "r"]) await page.keyboard.press(key);
  expect(await page.getByRole("dialog").count()).toBe(0);
  expect(page.url()).toBe(address);
  expect(await axe(page)).toEqual([]);
}

async function enter(page: Page, password = PASSWORD) {
  await page.getByLabel("Name").fill("jane");
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

test.skipIf(!PROGRAM)("the first person closes the door, and is asked at once who they are", async () => {
  await at(async (page) => {
    await page.goto(`${own.url}/settings/people`);
    await page.getByText("The first is administrator of all projects").waitFor();
    await page.getByLabel("Name").fill("jane");
    await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await shut(page);
    await enter(page, "wrong horse battery");
    await page.getByRole("alert").waitFor();
    await enter(page);
    await page.getByRole("region", { name: "People" }).getByText("jane").first().waitFor();
    expect(new URL(page.url()).pathname).toBe("/settings/people");
    await page.getByRole("navigation", { name: "Pages" }).waitFor();
  });
  expect([await asked("/api/v1/runs"), await send()]).toEqual([401, 401]);
});

/** Whatever ran before: jane is there, and the door closed. */
async function person() {
  const body = { name: "jane", password: PASSWORD, roles: [{ project: "*", role: "admin" }] };
  expect([200, 201, 401]).toContain(await asked("/api/v1/users", undefined, body));
}

test.skipIf(!PROGRAM)("a key is made, used, rotated and revoked", async () => {
  await person();
  await at(async (page) => {
    await page.goto(`${own.url}/settings/keys`);
    await shut(page);
    await enter(page);
    await page.getByLabel("What it is for").fill("checkout agent");
    await page.getByRole("button", { name: "Make the key" }).click();
    const shown = page.getByRole("dialog", { name: "The key for checkout agent" });
    const key = (await shown.locator("code").first().textContent())!;
    expect(key.length).toBeGreaterThan(20);
    expect(await axe(page)).toEqual([]);
    await shown.getByRole("button", { name: "Close" }).click();
    await shown.waitFor({ state: "detached" });
    // It is shown once.
    expect(await page.content()).not.toContain(key);
    const row = page.getByRole("row", { name: /checkout agent/ });
    expect(await row.first().textContent()).toMatch(/ingest.*never/);

    // It is for sending, and for nothing else.
    await until(
      () => send(key),
      (status) => status === 200,
      "what is sent with the key taken",
    );
    expect([await asked("/api/v1/runs", key), await send("tawny_no_such_key")]).toEqual([403, 401]);
    await until(
      async () => {
        await page.reload();
        await row.first().waitFor();
        return row.first().textContent();
      },
      (text) => /now|ago/.test(text ?? "") && !/never/.test(text ?? ""),
      "when it was used",
      150_000,
    );

    await page.getByRole("button", { name: "Rotate checkout agent" }).click();
    const next = (await shown.locator("code").first().textContent())!;
    await shown.getByRole("button", { name: "Close" }).click();
    await shown.waitFor({ state: "detached" });
    expect(next).not.toBe(key);
    await until(
      async () => [await send(key), await send(next)],
      ([before, now]) => before === 401 && now === 200,
      "the new key in place of the old",
    );

    await page.getByRole("button", { name: "Revoke checkout agent" }).click();
    const sure = page.getByRole("dialog", { name: "Revoke checkout agent?" });
    await sure.getByRole("button", { name: "Revoke it" }).click();
    await sure.waitFor({ state: "detached" });
    await until(
      () => page.getByRole("button", { name: /^(Revoke|Rotate) checkout agent/ }).count(),
      (left) => left === 0,
      "nothing to revoke",
    );
    await until(
      () => send(next),
      (status) => status === 401,
      "the key refused",
    );
  });
});

test.skipIf(!PROGRAM)("who signs out is outside, and somebody let in elsewhere sees the page they wanted", async () => {
  await person();
  await at(async (page) => {
    await page.goto(`${own.url}/costs?by=model`);
    await shut(page);
    await enter(page);
    await page.getByRole("heading", { level: 1, name: "Costs" }).waitFor();
    expect(new URL(page.url()).searchParams.get("by")).toBe("model");
    await page.getByRole("button", { name: /^Project default, jane/ }).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await shut(page);
  });
});
