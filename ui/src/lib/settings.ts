/** The sections of the settings, and lengths of time in words. Pure. */

export const SECTIONS = [
  ["keys", "Keys"],
  ["people", "People"],
  ["projects", "Projects"],
  ["retention", "Retention"],
  ["content", "Content"],
  ["prices", "Prices and budgets"],
  ["receivers", "Receivers"],
  ["audit", "Audit"],
  ["display", "Display"],
] as const;
export type Section = (typeof SECTIONS)[number][0];

export const sectionOf = (word: string): Section => SECTIONS.find(([section]) => section === word)?.[0] ?? "keys";

export interface SettingsSearch {
  /** Which of the two audit logs; absent means what people and keys did. */
  of?: "agents";
}

export const readSettingsSearch = (raw: Record<string, unknown>): SettingsSearch =>
  raw.of === "agents" ? { of: "agents" } : {};

/** Numbers of a page of the audit log, which is read backwards: after which entry it begins, and up to which it goes. */
export interface Stretch {
  after: number;
  upTo: number;
}

/** The stretch of at most `size` entries that ends with `upTo`; none where nothing older than it is kept. */
export const stretchTo = (upTo: number, first: number, size: number): Stretch | undefined =>
  upTo >= first && upTo > 0 ? { after: Math.max(first - 1, upTo - size, 0), upTo } : undefined;

/** The number in a head of the log, `12:9f3c…`. */
export const headOf = (head: string): number => Number.parseInt(head, 10) || 0;

/** What a key may be used for, with what that means. */
export const SCOPES = [
  ["ingest", "send telemetry, ask budgets"],
  ["read", "see data"],
  ["write", "change rules, budgets, dashboards"],
  ["admin", "change keys and people"],
] as const;

export const ROLES = [
  ["viewer", "sees data"],
  ["responder", "acknowledges, silences, brakes"],
  ["editor", "changes rules, budgets, dashboards"],
  ["admin", "changes keys, people, the store"],
] as const;

/** Seconds as a whole number of the largest unit that fits: `90 days`, `36 hours`. */
export function span(seconds: number | null | undefined): string {
  if (seconds == null) return "for ever";
  for (const [unit, size] of [
    ["day", 86_400],
    ["hour", 3600],
    ["minute", 60],
  ] as const)
    if (seconds >= size && seconds % size === 0) return `${seconds / size} ${unit}${seconds === size ? "" : "s"}`;
  return `${seconds} seconds`;
}
