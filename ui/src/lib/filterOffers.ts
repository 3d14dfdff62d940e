/** What the search field of the runs offers while somebody types: fields, values with counts, bounds. Pure. */
import { type Bound, FACETS, FIELDS, type Field, type RunsSearch } from "./filter";

export interface Offer {
  /** What is shown. */
  label: string;
  /** Runs that have it. */
  count?: number;
  /** The word that takes the place of the typed one; absent where the offer restricts the list instead. */
  word?: string;
  /** The restriction. */
  change?: { field: Field; value: string } | { bound: Bound; value: number } | { errors: true };
}

/** Offers shown at most. */
const MOST = 8;

const UNITS: Record<string, number> = { "": 1, ms: 1, s: 1000, m: 60_000, k: 1000, M: 1e6 };

/** The word at the end of a text, which is the one being typed. */
export const lastWord = (text: string) => /\S*$/.exec(text)![0];

/** The text without the word being typed, or with another in its place. */
export const replaceLast = (text: string, word = "") => text.slice(0, text.length - lastWord(text).length) + word;

/** Fields whose values are so many that they are counted only for who writes one. */
const RARE = ["user", "tag"] as const;

/** The field whose values are being written, where its counts must be asked for. */
export const rareField = (text: string) => RARE.find((field) => lastWord(text).startsWith(`${field}:`));

/** `counts` are the values of the facets as the server gave them. */
export function offers(text: string, counts: Record<string, { value: string; count: number }[]>): Offer[] {
  const word = lastWord(text);
  if (!word) return [];
  const bound = /^(duration|tokens|steps)\s*([<>])=?\s*(\d+(?:\.\d+)?)(ms|s|m|k|M)?$/.exec(word);
  if (bound) {
    const [, of, sign, number, unit = ""] = bound;
    const value = Number(number) * (UNITS[unit] ?? 1);
    const name = `${sign === ">" ? "min" : "max"}_${of === "duration" ? "duration_ms" : of}` as Bound;
    return [
      {
        label: `${of} ${sign === ">" ? "at least" : "at most"} ${value}${of === "duration" ? " ms" : ""}`,
        change: { bound: name, value },
      },
    ];
  }
  const field = FIELDS.find((each) => word.startsWith(`${each}:`));
  if (field) {
    const typed = word.slice(field.length + 1).toLowerCase();
    const known = (counts[field] ?? []).filter((each) => each.value.toLowerCase().includes(typed));
    const found = known.slice(0, MOST).map(({ value, count }) => ({
      label: `${field}: ${value}`,
      count,
      change: { field, value },
    }));
    // What is not, or not fully, in a list of counts is taken as it is written too.
    const value = word.slice(field.length + 1);
    const asWritten =
      !FACETS.some((facet) => facet === field) && value !== "" && known.every((it) => it.value !== value);
    return asWritten ? [...found.slice(0, MOST - 1), { label: `${field}: ${value}`, change: { field, value } }] : found;
  }
  const typed = word.toLowerCase();
  const fields: Offer[] = FIELDS.filter((each) => each.startsWith(typed)).map((each) => ({
    label: `${each}: …`,
    word: `${each}:`,
  }));
  for (const of of ["duration", "tokens", "steps"]) {
    if (of.startsWith(typed)) fields.push({ label: `${of} > …`, word: `${of}>` });
  }
  if ("errors".startsWith(typed)) fields.push({ label: "with a failed step", change: { errors: true } });
  const values: Offer[] = FIELDS.flatMap((each) =>
    (counts[each] ?? [])
      .filter(({ value }) => typed.length > 1 && value.toLowerCase().includes(typed))
      .map(({ value, count }) => ({ label: `${each}: ${value}`, count, change: { field: each, value } })),
  ).sort((a, b) => (b.count ?? 0) - (a.count ?? 0));
  return [...fields, ...values].slice(0, MOST);
}

/** The search with a restriction more. */
export function restricted(search: RunsSearch, change: NonNullable<Offer["change"]>): RunsSearch {
  if ("errors" in change) return { ...search, errors: true };
  if ("bound" in change) return { ...search, [change.bound]: change.value };
  const now = search[change.field] ?? [];
  return now.includes(change.value) ? search : { ...search, [change.field]: [...now, change.value] };
}
