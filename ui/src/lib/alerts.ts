/** What the pages of alerts show, and what their URLs say. Pure. */

import type { Alert, ReviewedRule, Rule, RuleDistance, RuleExplanation, RuleGroup } from "@/api/types";
import { absolute, count } from "./format";
import { digits, fixed, upTo } from "./locale";
import { among, compactObject, text } from "./search";

/** Views of the page of alerts, with how they are called. */
export const ALERT_VIEWS = [
  ["now", "Now"],
  ["rules", "Rules"],
  ["history", "History"],
  ["silences", "Silences"],
  ["review", "Week in review"],
  ["backtest", "Backtest"],
] as const;
export type AlertView = (typeof ALERT_VIEWS)[number][0];
const VIEWS = ALERT_VIEWS.map(([view]) => view);

/** States an alert may be in, the worst first, with how they are called. */
export const ALERT_STATES = [
  ["firing", "Firing"],
  ["no_data", "No data"],
  ["pending", "Pending"],
  ["resolved", "Ended"],
] as const;
export type AlertState = (typeof ALERT_STATES)[number][0];
const STATES = ALERT_STATES.map(([state]) => state);

export interface AlertsSearch {
  /** Absent means what fires now. */
  view?: AlertView;
  /** Only this state; absent means what needs somebody. */
  state?: AlertState;
  /** Text the list is filtered by. */
  q?: string;
  /** The rule that is opened, or tried in a backtest. */
  rule?: string;
  /** How far back history, review and backtest look. */
  from?: string;
  /** Conditions of a silence about to be made. */
  silence?: string;
  /** Rules as they were changed for a backtest; absent means as they are. */
  tried?: string;
}

export function readAlertsSearch(raw: Record<string, unknown>): AlertsSearch {
  const view = among(VIEWS, raw.view);
  const from = text(raw.from);
  return compactObject<AlertsSearch>({
    view: view === "now" ? undefined : view,
    state: among(STATES, raw.state),
    q: text(raw.q),
    rule: text(raw.rule),
    from: from && /^\d+[smhdw]$/.test(from) ? from : undefined,
    silence: typeof raw.silence === "string" ? raw.silence : undefined,
    tried: view === "backtest" ? text(raw.tried) : undefined,
  });
}

export interface AlertSearch {
  /** Beginning and end of the chart; absent means around the time it fired. */
  from?: string;
  to?: string;
}

export function readAlertSearch(raw: Record<string, unknown>): AlertSearch {
  const time = (value: unknown) => {
    const found = text(value);
    return found && (/^\d+[smhdw]$/.test(found) || !Number.isNaN(Date.parse(found))) ? found : undefined;
  };
  return compactObject<AlertSearch>({ from: time(raw.from), to: time(raw.to) });
}

/** How grave: what colour it gets. Severities are words of those who write rules; these are the usual ones. */
export type Gravity = "critical" | "warning" | "info";
export function gravity(severity: string | null | undefined): Gravity {
  if (/^(critical|error|page|p1|high)$/i.test(severity ?? "")) return "critical";
  return /^(info|none|p[345]|low)$/i.test(severity ?? "") ? "info" : "warning";
}
const GRAVITIES: Gravity[] = ["critical", "warning", "info"];

/** Labels that say where a series comes from, not what it is about. */
const OF_THE_SERIES = new Set(["alertname", "severity", "instance", "job", "project", "source", "component", "le"]);
/** The same thing under a second name. */
const ALIASES: Record<string, string> = { workflow: "workflow_name", tool: "tool_name", agent: "agent_id" };

/** The labels that tell what an alert is about. */
export function about(labels: Record<string, string>): [string, string][] {
  return Object.entries(labels).filter(([name, value]) => {
    const alias = ALIASES[name];
    return !OF_THE_SERIES.has(name) && value !== "" && !(alias && labels[alias] === value);
  });
}

/** A label's name as people read it. */
export const labelName = (name: string) => name.replace(/_(id|name)$/, "").replaceAll("_", " ");

export interface AlertGroup {
  name: string;
  gravity: Gravity;
  severity: string | null | undefined;
  summary: string | undefined;
  alerts: Alert[];
}

/** Alerts of one name together, the gravest and oldest first. */
export function byName(alerts: Alert[]): AlertGroup[] {
  const groups = new Map<string, AlertGroup>();
  for (const alert of alerts) {
    const key = `${alert.name} ${alert.severity ?? ""}`;
    const group = groups.get(key);
    if (group) group.alerts.push(alert);
    else
      groups.set(key, {
        name: alert.name,
        gravity: gravity(alert.severity),
        severity: alert.severity,
        summary: alert.annotations.summary ?? alert.annotations.description,
        alerts: [alert],
      });
  }
  const since = (group: AlertGroup) => group.alerts.map((alert) => alert.active_at).sort()[0] ?? "";
  return [...groups.values()].sort(
    (one, other) =>
      GRAVITIES.indexOf(one.gravity) - GRAVITIES.indexOf(other.gravity) || since(one).localeCompare(since(other)),
  );
}

/** Whether an alert is shown: in the state that is asked for, or one that needs somebody, and with the text in it. */
export function isShown(alert: Alert, state: AlertState | undefined, q: string | undefined): boolean {
  if (state ? alert.state !== state : alert.state === "resolved" || alert.state === "pending") return false;
  if (!q) return true;
  const words =
    `${alert.name} ${alert.annotations.summary ?? ""} ${Object.values(alert.labels).join(" ")}`.toLowerCase();
  return q
    .toLowerCase()
    .split(/\s+/)
    .every((word) => words.includes(word));
}

/** A matcher for exactly this alert's labels, as silences are written. */
export const matcherOf = (labels: Record<string, string>): string =>
  Object.entries(labels)
    .filter(([name]) => name === "alertname" || !OF_THE_SERIES.has(name))
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(", ");

/** The filter of the list of runs that shows the runs an alert is about. */
export function runsOf(labels: Record<string, string>): { agent?: string[]; tool?: string[]; model?: string[] } {
  const one = (...names: string[]) => {
    const value = names.map((name) => labels[name]).find((each) => each);
    return value ? [value] : undefined;
  };
  return compactObject({
    agent: one("agent_id", "agent"),
    tool: one("tool_name", "tool"),
    model: one("model"),
  });
}

/** What a moment of a query looks back on where it names no range: Prometheus' lookback. */
const LOOKBACK_MS = 300_000;
const LENGTHS: Record<string, number> = { ms: 1, s: 1e3, m: 60e3, h: 3600e3, d: 86_400e3, w: 604_800e3, y: 31_536e6 };

/** How far before a moment the telemetry lies that a query's value there was made of: its shortest range. */
export function lookbackMs(query: string): number {
  const bare = query.replace(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`/g, "");
  const ranges = [...bare.matchAll(/\[\s*((?:\d+(?:ms|[smhdwy]))+)/g)].map(([, range = ""]) =>
    [...range.matchAll(/(\d+)(ms|[smhdwy])/g)].reduce((sum, [, of, unit]) => sum + Number(of) * LENGTHS[unit!]!, 0),
  );
  return ranges.length > 0 ? Math.min(...ranges) : LOOKBACK_MS;
}

/** Whether a series is the one an alert was made from: no label says otherwise. */
export const isSeriesOf = (series: Record<string, string>, alert: Record<string, string>): boolean =>
  Object.entries(series).every(([name, value]) => name === "__name__" || (alert[name] ?? "") === value);

/** Whether a row is the one that a URL names: by its name, or by group and name where several have it. */
export const isRule = ({ rule, group }: RuleRow, asked: string | undefined, rows: RuleRow[]): boolean =>
  asked === `${group.name}/${rule.name}` ||
  (asked === rule.name && rows.find((row) => row.rule.name === asked)?.group.name === group.name);

/** What a URL calls a row. */
export const ruleKey = ({ rule, group }: RuleRow, rows: RuleRow[]): string =>
  rows.filter((row) => row.rule.name === rule.name).length > 1 ? `${group.name}/${rule.name}` : rule.name;

/** A rule in the table, with how near it is. */
export interface RuleRow {
  rule: Rule;
  group: RuleGroup;
  distance: RuleDistance | undefined;
}

const STATE_RANK = ["firing", "pending", "inactive"];

/** Alert rules, those that fire first, then by how near they are. */
export function ruleRows(groups: RuleGroup[], distances: RuleDistance[] | undefined): RuleRow[] {
  const found = new Map(distances?.map((each) => [`${each.group} ${each.name}`, each]));
  const rows = groups.flatMap((group) =>
    group.rules
      .filter((rule) => rule.kind === "alert")
      .map((rule) => ({ rule, group, distance: found.get(`${group.name} ${rule.name}`) })),
  );
  const near = ({ distance }: RuleRow) => distance?.nearest?.of_threshold ?? -1;
  return rows.sort(
    (one, other) =>
      STATE_RANK.indexOf(one.rule.state) - STATE_RANK.indexOf(other.rule.state) ||
      near(other) - near(one) ||
      one.rule.name.localeCompare(other.rule.name),
  );
}

/** A number as people read it beside its threshold: four significant digits, thousands as `12.4k`. */
export function figure(value: number | null | undefined): string {
  if (value == null) return "–";
  const size = Math.abs(value);
  if (size >= 1e15 || (size > 0 && size < 1e-4)) return value.toExponential(2);
  for (const [unit, scale] of [
    ["G", 1e9],
    ["M", 1e6],
    ["k", 1e4],
  ] as const) {
    if (size >= scale) {
      const by = unit === "k" ? 1e3 : scale;
      return `${digits(value / by, 4)}${unit}`;
    }
  }
  return digits(value, 4);
}

/** How much of its threshold a value is. */
export function distanceText(near: number | null | undefined): string {
  if (near == null) return "–";
  if (near >= 10) return `${figure(Number(near.toPrecision(2)))}×`;
  if (near >= 1) return `${upTo(near, 2)}×`;
  return `${fixed(near * 100, near < 0.1 ? 1 : 0)} %`;
}

/** Where a rule stands, in a sentence; `reads` says a value in its unit. */
export function stands(
  { alerts, below, threshold, values }: RuleExplanation,
  reads: (value: number | null | undefined) => string,
): string {
  const firing = alerts.filter((alert) => alert.state === "firing");
  const first = firing.flatMap((alert) => alert.fired_at ?? []).sort()[0];
  if (first) return `${count(firing.length)} firing, the first since ${absolute(first, "second")}`;
  const pending = alerts.find((alert) => alert.state === "pending");
  if (pending) return `Pending since ${absolute(pending.active_at, "second")}`;
  const nearest = values[0];
  if (!nearest) return "Quiet: there are no series it could fire for";
  const limit = threshold ?? nearest.threshold;
  if (limit == null) return `Quiet: the highest value is ${reads(nearest.value)}`;
  const which = threshold == null ? "nearest" : below ? "lowest" : "highest";
  return `Quiet: the ${which} value is ${reads(nearest.value)}, the threshold ${reads(limit)}; other conditions of the rule may hold it back too`;
}

/** What is to be said of a rule's verdict: whether somebody has to change something. */
export const verdictTone = ({ verdict }: ReviewedRule): "bad" | "good" | undefined =>
  verdict === "fine" || verdict === "acted on" ? "good" : verdict === "never fired" ? undefined : "bad";

/** Milliseconds as seconds, minutes or hours of a rule: `5m`, `1h30m`. */
export function span(seconds: number): string {
  const parts: [number, string][] = [
    [86_400, "d"],
    [3600, "h"],
    [60, "m"],
    [1, "s"],
  ];
  let rest = Math.round(seconds);
  let out = "";
  for (const [size, unit] of parts) {
    const whole = Math.floor(rest / size);
    if (whole > 0) out += `${whole}${unit}`;
    rest -= whole * size;
  }
  return out || "0s";
}

/** Messages nobody takes, together by who does not take them and why: forty groups of alerts are one trouble. */
export function waitingBy(waiting: readonly { receiver: string; error: string; attempts: number }[]) {
  const found = new Map<string, { receiver: string; error: string; messages: number; attempts: number }>();
  for (const { receiver, error, attempts } of waiting) {
    const key = `${receiver}\n${error}`;
    const row = found.get(key) ?? { receiver, error, messages: 0, attempts: 0 };
    found.set(key, { ...row, messages: row.messages + 1, attempts: Math.max(row.attempts, attempts) });
  }
  return [...found.values()].sort((one, other) => other.messages - one.messages);
}

/** A template of a rule for people: what an alert will fill in is named, not written as code. */
export const templateText = (text: string): string =>
  text.replace(/\{\{\s*\$labels\.(\w+)\s*\}\}/g, "‹$1›").replace(/\{\{\s*\$value[^}]*\}\}/g, "‹value›");

/** Reviewed rules with the same verdict and advice together, so that forty times the same sentence is said once; those that fired first. */
export function sameAdvice(rules: readonly ReviewedRule[]): ReviewedRule[][] {
  const found = new Map<string, ReviewedRule[]>();
  for (const rule of rules) {
    const key = rule.fired === 0 ? `${rule.verdict}\n${rule.proposal}` : rule.name;
    found.set(key, [...(found.get(key) ?? []), rule]);
  }
  return [...found.values()].sort((one, other) => Number(one[0]!.fired === 0) - Number(other[0]!.fired === 0));
}
