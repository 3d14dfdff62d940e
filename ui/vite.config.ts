// Build of the web interface: one page, routes loaded on demand, everything bundled (no network at run time).
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

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

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: { target: "es2022", sourcemap: false, chunkSizeWarningLimit: 600 },
  server: { proxy },
  preview: { proxy },
});
