import { expect, test } from "vitest";
import type { DoctorAnswer } from "@/api/types";
import { ask, until, withBrowser } from "./browser";
import { newTraceId, type Sent, sendSpans, spanId, supportRun } from "./otlp";

const visit = withBrowser();

const fresh = (service: string): Sent => ({ trace: newTraceId(), start: Date.now() - 20_000, service });

test("a service in trouble shows what is wrong, the line to change, and an example", async () => {
  const sent = fresh(`e2e-ill-${newTraceId().slice(0, 6)}`);
  await sendSpans(sent, [
    { id: "root", name: "invoke_agent ill", at: 0, ms: 900, attributes: { "gen_ai.operation.name": "invoke_agent" } },
    {
      id: "chat",
      parent: "root",
      name: "chat gpt-4o",
      at: 10,
      ms: 500,
      attributes: {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.time_to_first_chunk": 0.2,
      },
    },
  ]);
  await visit(`/doctor?of=${sent.service}`, async (page) => {
    const finding = page.getByRole("article").filter({ hasText: "Streamed model calls without token counts" });
    await finding.waitFor();
    expect(await finding.textContent()).toContain("include_usage");
    await page.getByRole("region", { name: "Numbers are wrong or missing" }).waitFor();
    await finding.getByRole("link", { name: "See an example" }).click();
    await page.getByRole("tree").waitFor();
    expect(page.url()).toContain(sent.trace);
    expect(page.url()).toContain(spanId("chat"));
  });
});

test("a service in good health is told so", async () => {
  const sent = fresh(`e2e-well-${newTraceId().slice(0, 6)}`);
  await sendSpans(sent, supportRun("well", "session-well"));
  const answer = await until(
    () => ask<DoctorAnswer>(`/api/v1/doctor?service=${sent.service}`),
    ({ examined }) => examined.spans > 0,
    "the spans",
  );
  expect(answer?.findings.filter(({ severity }) => severity !== "info") ?? []).toEqual([]);
  await visit("/doctor?of=nobody-at-all", async (page) => {
    await page.getByText("No span of nobody-at-all arrived in this time").waitFor();
    await page.getByRole("link", { name: "How to send traces" }).click();
    await page.getByRole("heading", { name: "Send traces" }).waitFor();
  });
});

test("settings of a framework are found by its name, and are in the URL", async () => {
  await visit("/connect", async (page) => {
    await page.getByRole("combobox", { name: "A framework" }).fill("pydantic");
    await page.getByRole("option", { name: "Pydantic AI" }).click();
    await page.locator("[data-snippet=pydantic-ai]").waitFor();
    expect(page.url()).toContain("framework=pydantic-ai");
    expect(await page.locator("[data-snippet=pydantic-ai]").textContent()).toMatch(/http:\/\/[^{]+:\d+/);
  });
});
