/** The sections of the settings, and lengths of time in words. Pure. */

export const SECTIONS = [
  ["keys", "Keys"],
  ["people", "People"],
  ["projects", "Projects"],
  ["retention", "Retention"],
  ["content", "Content"],
  ["prices", "Prices and budgets"],
  ["receivers", "Receivers"],
] as const;
export type Section = (typeof SECTIONS)[number][0];

export const sectionOf = (word: string): Section => SECTIONS.find(([section]) => section === word)?.[0] ?? "keys";

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
