/** Who is told of alerts: whether a message would arrive, and where one that arrived leads. */
import { expect, inject, test } from "vitest";
import { axe, until, withBrowser } from "./browser";
import { LISTENS, told } from "./receiver";
import { alertOf, shown } from "./trouble";

const visit = withBrowser();

test.skipIf(!LISTENS)("the message about an alert leads to its page, which says the same", async () => {
  const trouble = await shown(inject("troubles").oncall);
  const messages = await until(
    told,
    (all) => all.some(({ alerts }) => alerts.some(({ labels }) => labels.agent_id === trouble.agent)),
    "the message",
  );
  const alert = messages.flatMap(({ alerts }) => alerts).find(({ labels }) => labels.agent_id === trouble.agent)!;
  const link = new URL(alert.annotations.alert_url!);
  expect(link.pathname).toBe(`/alerts/${await alertOf(trouble.agent)}`);
  await visit(link.pathname, async (page) => {
    await page.getByRole("region", { name: "What it says" }).getByText(alert.annotations.summary!).waitFor();
    await page.getByRole("region", { name: "Worst runs" }).getByRole("listitem").first().waitFor();
  });
});

test.skipIf(!LISTENS)("a test message is sent to a receiver from the settings, and arrives", async () => {
  await visit("/settings/receivers", async (page) => {
    await page.getByRole("button", { name: "Send a test message to e2e" }).click();
    await page.getByText("it was taken").waitFor();
    expect(await axe(page)).toEqual([]);
  });
  const about = (await told()).flatMap(({ alerts }) => alerts).filter(({ labels }) => labels.alertname === "TawnyTest");
  expect(about.map(({ status }) => status).sort()).toEqual(["firing", "resolved"]);
});
