// End-to-end tests: a real browser against a running server, named by TAWNY_URL.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const { BENCH, SHOTS } = process.env;
const include = BENCH ? "bench.ts" : SHOTS ? "shots.ts" : "**/*.spec.ts";

export default defineConfig({
  resolve: { alias: { "@": fileURLToPath(new URL("../src", import.meta.url)) } },
  test: {
    dir: import.meta.dirname,
    include: [include],
    // Measurements and pictures are of what the server has.
    globalSetup: BENCH || SHOTS ? [] : fileURLToPath(new URL("before.ts", import.meta.url)),
    // Most of a test is waiting for runs to settle and rules to fire: two browsers do it side by side. What is measured is measured alone.
    fileParallelism: !BENCH && !SHOTS,
    maxWorkers: 2,
    testTimeout: 400_000,
    hookTimeout: 400_000,
  },
});
