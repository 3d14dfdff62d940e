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

/** Mantine's components name their classes in code: each class there must have its style. */
const styled: Plugin = {
  name: "styled",
  apply: "build",
  // After styles are written.
  enforce: "post",
  generateBundle(_, bundle) {
    const text = (css: boolean) =>
      Object.values(bundle)
        .map((file) =>
          file.type === "chunk"
            ? css
              ? ""
              : file.code
            : css && file.fileName.endsWith(".css")
              ? String(file.source)
              : "",
        )
        .join("\n");
    const classes = (from: string) => new Set(from.match(/\bm_[0-9a-f]{6,8}\b/g));
    const styles = classes(text(true));
    const bare = [...classes(text(false))].filter((name) => !styles.has(name));
    if (bare.length > 0)
      this.error(`no styles of Mantine's ${bare.join(", ")}: add the files that have them to src/theme/mantine.css`);
  },
};

/**
 * Files that import one another in a circle run before what they need is there: an icon that is asked for at once is then undefined, and
 * the page that has it does not come up.
 */
const acyclic: Plugin = {
  name: "acyclic",
  apply: "build",
  generateBundle(_, bundle) {
    const done = new Set<string>();
    const follow = (name: string, way: string[]) => {
      if (way.includes(name))
        this.error(
          `${[...way.slice(way.indexOf(name)), name].join(" → ")}: choose another size below which parts are merged`,
        );
      const file = bundle[name];
      if (done.has(name) || file?.type !== "chunk") return;
      for (const next of file.imports) follow(next, [...way, name]);
      done.add(name);
    };
    for (const name of Object.keys(bundle)) follow(name, []);
  },
};

/** Pages that people come to from outside, by how their address begins; longer beginnings first. */
const PAGES = {
  "/runs/": "src/pages/run/RunPage.tsx",
  "/runs": "src/pages/runs/RunsPage.tsx",
  "/overview": "src/pages/overview/OverviewPage.tsx",
  "/alerts/": "src/pages/alerts/AlertPage.tsx",
};

/** The file of the face that nearly all text is in. */
const FACE = "inter-latin-wght-normal";

/**
 * Tells the page itself which files the page of an address needs, so that `first.js` asks for them together with those of every page
 * instead of after these have run.
 */
const early: Plugin = {
  name: "early",
  apply: "build",
  transformIndexHtml: {
    order: "post",
    handler(html, { bundle = {} }) {
      const chunks = Object.values(bundle).filter((file) => file.type === "chunk");
      const needs = (name: string, seen = new Set<string>()): Set<string> => {
        const chunk = bundle[name];
        if (seen.has(name) || chunk?.type !== "chunk") return seen;
        seen.add(name);
        for (const file of chunk.imports) needs(file, seen);
        return seen;
      };
      const always = new Set(chunks.filter((chunk) => chunk.isEntry).flatMap((chunk) => [...needs(chunk.fileName)]));
      const files = Object.entries(PAGES).map(([address, page]) => {
        const chunk = chunks.find((each) => each.facadeModuleId?.endsWith(page));
        if (!chunk) throw new Error(`${page} is no page of its own any more: say what ${address} needs`);
        return [address, [...needs(chunk.fileName)].filter((file) => !always.has(file))];
      });
      const said = 'name="tawny-pages" content="[]"';
      if (!html.includes(said)) throw new Error(`index.html has no place for the files of pages: ${said}`);
      // With it from the start, nothing is drawn in another face first and then laid out again.
      const face = Object.keys(bundle).find((name) => name.includes(FACE));
      if (!face) throw new Error(`there is no ${FACE} any more: say which face all text is in`);
      const font = { rel: "preload", as: "font", type: "font/woff2", crossorigin: "", href: `/${face}` };
      return {
        html: html.replace(said, `name="tawny-pages" content='${JSON.stringify(files)}'`),
        tags: [{ tag: "link", attrs: font, injectTo: "head" }],
      };
    },
  },
};

export default defineConfig({
  plugins: [react(), styled, acyclic, early, packed],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    target: "es2022",
    sourcemap: false,
    // All styles are one small file: no page waits for more.
    cssCodeSplit: false,
    chunkSizeWarningLimit: 600,
    rolldownOptions: {
      output: {
        // A part that several pages share would be named after all of them.
        chunkFileNames: ({ name }) => `assets/${name.replace(/~.*/, "")}-[hash].js`,
        // What comes first is one file, what three pages share another, which the first page has loaded for all that follow: each file
        // is a question to the server, and a page that asked for twenty small ones came later for it.
        codeSplitting: {
          groups: [
            { name: "first", tags: ["$initial"], priority: 3 },
            { name: "common", minShareCount: 3, priority: 2 },
            { name: "shared", minShareCount: 2, entriesAware: true, entriesAwareMergeThreshold: 3000, priority: 1 },
          ],
        },
      },
    },
  },
  server: { proxy },
  preview: { proxy },
});
