/** A server of a test's own, for what would lock the other tests out. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { BrowserContext } from "playwright-core";
import { URL_UNDER_TEST } from "./server";

/** The program; without it such tests are skipped. */
export const PROGRAM = process.env.TAWNY_BIN;

export interface Own {
  /** Pages and API, and the door for telemetry. */
  url: string;
  stop: () => Promise<void>;
}

/** `settings` are further flags of `tawny serve`. */
export async function startOwn(...settings: string[]): Promise<Own> {
  const data = await mkdtemp(join(tmpdir(), "tawny-e2e-"));
  const anywhere = ["--http", "--otlp-http", "--otlp-grpc"].flatMap((port) => [port, "127.0.0.1:0"]);
  const child: ChildProcess = spawn(PROGRAM!, ["serve", "--json", "--data", data, ...anywhere, ...settings], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const gone = new Promise<void>((done) => child.once("exit", () => done()));
  const stop = async () => {
    child.kill();
    await gone;
    await rm(data, { recursive: true, force: true });
  };
  // It says where it listens in its first line; what follows must be read, or it waits.
  const first = await new Promise<string>((done) => {
    createInterface({ input: child.stdout! })
      .on("line", done)
      .once("close", () => done(""));
  });
  if (!first) {
    await stop();
    throw new Error(`${PROGRAM} did not start`);
  }
  const { http } = JSON.parse(first) as { http: string };
  return { url: http.includes("://") ? http.replace(/\/$/, "") : `http://${http}`, stop };
}

/** The pages under test in front of that server. */
export async function pagesUnderTest(context: BrowserContext, { url }: Own) {
  await context.route(
    (address) => address.origin === url && !/^\/(api|prometheus|v1)\//.test(address.pathname),
    async (route) => {
      const { pathname, search } = new URL(route.request().url());
      await route.fulfill({ response: await route.fetch({ url: URL_UNDER_TEST + pathname + search }) });
    },
  );
}
