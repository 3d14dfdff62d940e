/** Rules as files, to be changed and tried. Pure. */
import type { Rule, RuleGroup } from "@/api/types";
import { span } from "./alerts";

/** A text as YAML has it, in quotes; JSON's quotes are YAML's. */
const quoted = (text: string) => JSON.stringify(text);

/** A rule as a file of its own, with what decides whether it fires. */
export function ruleYaml(rule: Rule, group: RuleGroup): string {
  const lines = [
    "groups:",
    `  - name: ${quoted(group.name)}`,
    `    interval: ${span(group.interval_seconds)}`,
    "    rules:",
    `      - alert: ${quoted(rule.name)}`,
    "        expr: |",
    ...rule.query
      .trim()
      .split("\n")
      .map((line) => `          ${line}`),
  ];
  if (rule.for_seconds > 0) lines.push(`        for: ${span(rule.for_seconds)}`);
  const labels = Object.entries(rule.labels);
  if (labels.length > 0)
    lines.push("        labels:", ...labels.map(([name, text]) => `          ${name}: ${quoted(text)}`));
  return `${lines.join("\n")}\n`;
}

/** The plain comparisons with a number that end an expression or one of its conditions. */
const comparisons = (query: string) =>
  [...query.matchAll(/([<>=!]=|[<>])\s*(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?=\s*$|\s+(?:and|unless|or)\b)/gi)].map(
    ([, sign = "", number]) => ({ sign, number: Number(number) }),
  );

/** The number an expression is compared with, where it ends with a plain comparison; undefined where that cannot be told. */
export const thresholdOf = (query: string): number | undefined =>
  comparisons(query).find(({ sign }) => /^[<>]/.test(sign))?.number;

const SIGNS: Record<string, string> = { ">=": "≥", "<=": "≤", "==": "=", "!=": "≠" };

/** How an expression compares with its threshold; where that is not written as a number, by the side it fires on. */
export function signOf(query: string, threshold: number, below: boolean): string {
  const sign = comparisons(query).find(({ number }) => number === threshold)?.sign ?? (below ? "<" : ">");
  return SIGNS[sign] ?? sign;
}
