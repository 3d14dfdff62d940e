// End-to-end tests: a real browser against a running server, named by TAWNY_URL.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { alias: { "@": fileURLToPath(new URL("../src", import.meta.url)) } },
  test: {
    dir: import.meta.dirname,
    include: process.env.BENCH ? ["bench.ts"] : process.env.SHOTS ? ["shots.ts"] : ["**/*.spec.ts"],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
