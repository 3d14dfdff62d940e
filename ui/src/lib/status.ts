/** The store's own figures as names and values. Pure. */
import { bytes, count } from "./format";

/** Nested figures become "a, b"; names say their unit (`…_bytes`). */
export function facts(value: unknown, path: string[] = []): [string, string][] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([key, each]): [string, string][] => {
    const name = [...path, key];
    if (typeof each === "number") return [[title(name), /bytes/.test(name.join("_")) ? bytes(each) : count(each)]];
    if (typeof each === "string") return [[title(name), each]];
    if (typeof each === "boolean") return [[title(name), each ? "yes" : "no"]];
    return facts(each, name);
  });
}

/** Figures of each table side by side: `{spans: {rows: 1, bytes: 2}}`. Tables may lack some. */
export function tableRows(tables: unknown): { columns: string[]; rows: [string, string[]][] } {
  if (typeof tables !== "object" || tables === null) return { columns: [], rows: [] };
  const entries = Object.entries(tables).filter(
    (entry): entry is [string, Record<string, unknown>] => typeof entry[1] === "object" && entry[1] !== null,
  );
  const keys = [...new Set(entries.flatMap(([, figures]) => Object.keys(figures)))].sort();
  const show = (key: string, value: unknown) =>
    typeof value === "number" ? (key.includes("bytes") ? bytes(value) : count(value)) : "–";
  return {
    columns: keys.map((key) => (key === "bytes" ? "Size" : title([key]))),
    rows: entries.map(([name, figures]) => [name, keys.map((key) => show(key, figures[key]))]),
  };
}

function title(path: string[]): string {
  const words = path
    .join(", ")
    .replaceAll("_", " ")
    .replace(/(?<=[a-z]) bytes$/, "");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
