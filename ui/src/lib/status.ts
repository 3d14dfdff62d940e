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

function title(path: string[]): string {
  const words = path
    .join(", ")
    .replaceAll("_", " ")
    .replace(/(?<=[a-z]) bytes$/, "");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
