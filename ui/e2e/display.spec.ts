/** Display in the settings: time zone, numbers and colours of this browser, which hold on other pages and after loading anew. */
import { beforeAll, expect, test } from "vitest";
import { axe, until, withBrowser } from "./browser";
import { newTraceId, type Sent, sendRun } from "./otlp";
import { germanInTokyo } from "./seen";

const visit = withBrowser();
const mark = `show${newTraceId().slice(0, 8)}`;
const sent: Sent = { trace: newTraceId(), start: Date.now() - 5_000, service: `e2e-${mark}` };

beforeAll(async () => {
  await sendRun(sent, mark);
});

test("a zone and a way to write numbers are chosen in the settings, and a run's start is written so", async () => {
  await visit(
    "/settings/display",
    async (page) => {
      const display = page.getByRole("region", { name: "Display" });
      const zone = display.getByRole("combobox", { name: "Times in" }).or(display.getByLabel("Times in")).first();
      await zone.fill("Tokyo");
      // The choice loads the page anew.
      await Promise.all([page.waitForEvent("load"), page.getByRole("option", { name: "Asia/Tokyo" }).click()]);
      await until(
        () => zone.inputValue(),
        (value) => value === "Asia/Tokyo",
        "the zone that was chosen",
      );
      await Promise.all([page.waitForEvent("load"), display.getByText(/1\.234,5/).click()]);
      await display.waitFor();
      await page.goto(new URL(`/runs/${sent.trace}`, page.url()).href);
      await page.getByText(germanInTokyo(sent.start)).first().waitFor();
    },
    { timezoneId: "America/New_York", locale: "de-DE" },
  );
});

test("colours are chosen in the settings, stay so after loading anew, and follow the system again", async () => {
  await visit("/settings/display", async (page) => {
    const display = page.getByRole("region", { name: "Display" });
    const shown = (scheme: string) => page.locator(`html[data-mantine-color-scheme=${scheme}]`).waitFor();
    await display.waitFor();
    await shown("dark");
    await display.getByText("Day", { exact: true }).click();
    await shown("light");
    await page.reload();
    await display.waitFor();
    await shown("light");
    await page.emulateMedia({ reducedMotion: "reduce" });
    expect(await axe(page)).toEqual([]);
    await display.getByText("As the system", { exact: true }).click();
    await shown("dark");
  });
});
