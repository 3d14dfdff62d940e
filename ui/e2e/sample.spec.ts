import { expect, test } from "vitest";
import type { RunsAnswer } from "@/api/types";
import { SAMPLE_RUNS, SAMPLE_USER } from "@/lib/sampleRuns";
import { ask, until, withBrowser } from "./browser";

const visit = withBrowser();
const samples = () => ask<RunsAnswer>(`/api/v1/runs?user=${SAMPLE_USER}&limit=100`);

test("sample data is sent on request, said to be such, and erased", async () => {
  await visit("/connect", async (page) => {
    const part = page.getByRole("region", { name: "Sample data" });
    await part.getByRole("button", { name: "Send sample data" }).click();
    await until(samples, ({ runs }) => runs.length === SAMPLE_RUNS, "the sample runs");
    await part.getByText(`${SAMPLE_RUNS} sample runs in this project`).waitFor();
    await part.getByRole("link", { name: "Look around" }).click();
    await page.getByText("Some runs in this project are sample data").waitFor();
    await page.getByRole("link", { name: /^Erase it/ }).click();
    await part.getByRole("button", { name: "Erase sample data" }).click();
    await until(samples, ({ runs }) => runs.length === 0, "the erasing", 60_000);
    await part.getByRole("button", { name: "Send sample data" }).waitFor();
  });
  expect((await samples()).runs).toEqual([]);
});
