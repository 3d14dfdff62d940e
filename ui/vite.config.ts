// Build of the web interface: one page, routes loaded on demand, everything bundled (no network at run time).
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

// While developing, `npm run dev` talks to a server started beside it.
const server = process.env.TAWNY_URL ?? "http://127.0.0.1:8296";

// The server takes changes only from pages of its own host, so the host stays as the browser names it.
const beside = { target: server, changeOrigin: false };
const proxy = {
  "/api": beside,
  "/prometheus": beside,
  "/runbooks": beside,
  "/healthz": beside,
  "/readyz": beside,
  "/v1": beside,
};

// The server hands these to browsers as they are: a first load is a third of its size.
let dist = "";
const packed: Plugin = {
  name: "packed",
  apply: "build",
  configResolved({ root, build }) {
    dist = resolve(root, build.outDir);
  },
  closeBundle() {
    for (const file of readdirSync(dist, { recursive: true, encoding: "utf8" }))
      if (/\.(js|css|html|svg)$/.test(file))
        writeFileSync(`${join(dist, file)}.br`, brotliCompressSync(readFileSync(join(dist, file))));
  },
};

export default defineConfig({
  plugins: [react(), packed],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: { target: "es2022", sourcemap: false, chunkSizeWarningLimit: 600 },
  server: { proxy },
  preview: { proxy },
});
