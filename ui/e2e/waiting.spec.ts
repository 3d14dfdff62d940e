/** The numbers beside Alerts and Issues in the navigation. What waits is made up here: other tests make alerts and issues too. */
import { expect, test } from "vitest";
import type { Alert, Issue } from "@/api/types";
import { axe, URL_UNDER_TEST, until, withBrowser } from "./browser";

const visit = withBrowser();
type Counted = Pick<Alert, "state" | "ack" | "silenced_by" | "inhibited_by">;
const firing: Counted = { state: "firing" };

test("what fires and what is open is counted beside its page: in words too, and nothing where nothing waits", async () => {
  await visit("/status", async (page) => {
    let alerts: Counted[] = [firing, { ...firing, silenced_by: "s1" }];
    let issues: Pick<Issue, "severity">[] = [{ severity: "warning" }, { severity: "info" }];
    await page.route(
      ({ pathname, searchParams }) => pathname === "/api/v1/alerts" && searchParams.get("state") === "firing",
      (route) => route.fulfill({ json: { alerts } }),
    );
    await page.route(
      ({ pathname }) => pathname === "/api/v1/issues",
      (route) => route.fulfill({ json: { issues, next: null } }),
    );
    const link = (name: string) =>
      page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: new RegExp(`^${name}`) });
    /** Loads the page anew, as somebody who comes back. */
    const says = async (beside: string[]) => {
      const answered = ["alerts", "issues"].map((what) =>
        page.waitForResponse((response) => new URL(response.url()).pathname === `/api/v1/${what}`),
      );
      await page.goto(`${URL_UNDER_TEST}/status`);
      await Promise.all(answered);
      await until(
        () => Promise.all([link("Alerts").textContent(), link("Issues").textContent()]),
        (texts) => texts.join("; ") === beside.join("; "),
        beside.join(" and "),
      );
    };
    // What is silenced waits for nobody.
    await says(["Alerts1 firing", "Issues2 open"]);
    expect(await axe(page)).toEqual([]);

    alerts = [{ ...firing, ack: { by: "jane", at: new Date().toISOString(), comment: "" } }];
    issues = [...issues, { severity: "critical" }];
    await says(["Alerts1 firing, somebody takes care of each", "Issues3 open, some critical"]);

    issues = Array.from({ length: 100 }, () => ({ severity: "info" }));
    alerts = [];
    await says(["Alerts", "Issues99+ open"]);
  });
});
