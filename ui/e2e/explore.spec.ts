import { expect, test } from "vitest";
import { until, usableByAll, withBrowser } from "./browser";

const visit = withBrowser();

test("what fits is offered while one writes: metrics, labels, values", async () => {
  await visit("/explore", async (page) => {
    const field = page.getByRole("textbox", { name: "Query A" });
    await field.click();
    await page.keyboard.type("tawny_requests_acc");
    const offers = page.getByRole("listbox", { name: "What fits" });
    await offers.getByRole("option", { name: /^tawny_requests_accepted_total/ }).waitFor();
    await page.keyboard.press("Tab");
    await page.keyboard.type("{sig");
    await offers.getByRole("option", { name: /^signal/ }).waitFor();
    await page.keyboard.press("Tab");
    await page.keyboard.type('="tra');
    await offers.getByRole("option", { name: /^traces/ }).waitFor();
    await page.keyboard.press("Tab");
    expect(await field.inputValue()).toBe('tawny_requests_accepted_total{signal="traces');
    await page.keyboard.type('"}');
    await page.keyboard.press("Enter");
    await page.getByRole("region", { name: "Graph" }).locator("svg").waitFor();
    expect(new URL(page.url()).searchParams.getAll("expr")).toEqual(['tawny_requests_accepted_total{signal="traces"}']);
    await page.getByText("Table", { exact: true }).click();
    await page.getByRole("region", { name: "Values" }).getByRole("cell", { name: "traces" }).waitFor();
    expect(new URL(page.url()).searchParams.get("mode")).toBe("table");
  });
});

test("functions come from the server, and a mistake is shown with its place", async () => {
  await visit(
    "/explore",
    async (page) => {
      const field = page.getByRole("textbox", { name: "Query A" });
      await field.click();
      await page.keyboard.type("histogram_quan");
      await page.getByRole("option", { name: /^histogram_quantile function/ }).waitFor();
      await field.fill("sum(");
      await page.keyboard.press("Enter");
      await until(
        () => page.getByRole("alert").textContent(),
        (text) => /1:\d/.test(text ?? ""),
        "the place of the mistake",
      );
    },
    // The browser tells of the answer itself, as it does of every refusal.
    { complaints: /400/ },
  );
});

test("several queries stand in one chart and in the address; Prometheus' address of a graph leads here", async () => {
  await visit("/graph?g0.expr=up&g0.tab=1&g1.expr=tawny_ready", async (page) => {
    await page.getByRole("textbox", { name: "Query B" }).waitFor();
    const url = new URL(page.url());
    expect([url.pathname, url.searchParams.getAll("expr"), url.searchParams.get("mode")]).toEqual([
      "/explore",
      ["up", "tawny_ready"],
      "table",
    ]);
    await page.getByText("Graph", { exact: true }).click();
    await page.getByRole("region", { name: "Graph" }).waitFor();
    await page.getByRole("button", { name: "Remove query A" }).click();
    await until(
      async () => new URL(page.url()).searchParams.getAll("expr"),
      (expr) => expr.join() === "tawny_ready",
      "one query",
    );
  });
});

test("an answer in SQL is drawn", async () => {
  await visit(
    `/sql?q=${encodeURIComponent("SELECT kind, count(*) AS steps FROM spans GROUP BY kind")}`,
    async (page) => {
      await page.getByText("Chart", { exact: true }).click();
      await page.getByRole("img", { name: /steps/ }).locator("svg").waitFor();
      expect(new URL(page.url()).searchParams.get("as")).toBe("chart");
    },
  );
});

test.each(["/explore?expr=tawny_ready", "/explore?expr=tawny_ready&mode=table", "/explore"])(
  "%s can be used by everybody, and fits a narrow screen",
  async (path) => {
    await visit(path, (page) => usableByAll(page, () => page.getByRole("heading", { level: 1 })));
  },
);
