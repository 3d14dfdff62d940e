/** Conditions on labels as silences are written, to show beforehand what they would mute. The server decides. Pure. */
import type { Alert } from "@/api/types";

interface Matcher {
  label: string;
  fits: (value: string) => boolean;
}

const ONE = /\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^,"{}\s]+))\s*(,|$)/y;

/** Conditions of a text; undefined where it cannot be read. */
export function readMatchers(written: string): Matcher[] | undefined {
  const source = written.trim().replace(/^\{/, "").replace(/\}$/, "").trim();
  const out: Matcher[] = [];
  ONE.lastIndex = 0;
  while (ONE.lastIndex < source.length) {
    const found = ONE.exec(source);
    if (!found) return undefined;
    const [, label, operator, quoted, plain] = found;
    const value = quoted === undefined ? plain! : quoted.replace(/\\(.)/g, (_, sign) => (sign === "n" ? "\n" : sign));
    if (operator === "=" || operator === "!=") {
      out.push({ label: label!, fits: (text) => (text === value) === (operator === "=") });
      continue;
    }
    let pattern: RegExp;
    try {
      pattern = new RegExp(`^(?:${value})$`);
    } catch {
      return undefined;
    }
    out.push({ label: label!, fits: (text) => pattern.test(text) === (operator === "=~") });
  }
  return out.length > 0 ? out : undefined;
}

/** Alerts that conditions fit; undefined where they cannot be read. */
export function mutedBy(written: string, alerts: Alert[]): Alert[] | undefined {
  const matchers = readMatchers(written);
  return matchers && alerts.filter(({ labels }) => matchers.every(({ label, fits }) => fits(labels[label] ?? "")));
}
