import { expect, test } from "vitest";
import type { Alert, ReviewedRule, Rule, RuleDistance, RuleExplanation, RuleGroup } from "@/api/types";
import {
  about,
  byName,
  distanceText,
  figure,
  isRule,
  isSeriesOf,
  isShown,
  lookbackMs,
  matcherOf,
  readAlertsSearch,
  ruleKey,
  ruleRows,
  runsOf,
  sameAdvice,
  span,
  stands,
  templateText,
  waitingBy,
} from "./alerts";
import { ruleYaml, signOf, thresholdOf } from "./backtest";
import { mutedBy, readMatchers } from "./matchers";

const alert = (name: string, state: string, labels: Record<string, string> = {}, severity = "warning"): Alert => ({
  fingerprint: `${name}${JSON.stringify(labels)}`,
  name,
  state,
  severity,
  labels: { alertname: name, severity, ...labels },
  annotations: { summary: `${name} says` },
  active_at: "2026-11-21T10:00:00Z",
  traces: [],
  group: "g",
});

test("an alert is told by what it is about, not by where its series comes from", () => {
  const labels = {
    alertname: "A",
    severity: "P1",
    instance: "x:1",
    job: "tawny",
    agent_id: "desk",
    tool: "t",
    tool_name: "t",
  };
  expect(about(labels)).toEqual([
    ["agent_id", "desk"],
    ["tool_name", "t"],
  ]);
  expect(runsOf(labels)).toEqual({ agent: ["desk"], tool: ["t"] });
  expect(matcherOf(labels)).toBe('alertname="A", agent_id="desk", tool="t", tool_name="t"');
});

test("what fires or has lost its data needs somebody; the rest is asked for", () => {
  expect(isShown(alert("A", "firing"), undefined, undefined)).toBe(true);
  expect(isShown(alert("A", "no_data"), undefined, undefined)).toBe(true);
  expect(isShown(alert("A", "pending"), undefined, undefined)).toBe(false);
  expect(isShown(alert("A", "pending"), "pending", undefined)).toBe(true);
  expect(isShown(alert("A", "firing", { agent_id: "desk" }), undefined, "DESK a")).toBe(true);
  expect(isShown(alert("A", "firing"), undefined, "desk")).toBe(false);
});

test("alerts of one rule stand together, the gravest first", () => {
  const groups = byName([
    alert("Slow", "firing", { agent_id: "a" }),
    alert("Fails", "firing", {}, "P1"),
    alert("Slow", "firing", { agent_id: "b" }),
  ]);
  expect(groups.map((group) => [group.name, group.alerts.length])).toEqual([
    ["Fails", 1],
    ["Slow", 2],
  ]);
});

test("the series of an alert is the one that no label speaks against", () => {
  const labels = { alertname: "A", agent_id: "desk", severity: "P1" };
  expect(isSeriesOf({ __name__: "x", agent_id: "desk" }, labels)).toBe(true);
  expect(isSeriesOf({ agent_id: "other" }, labels)).toBe(false);
});

const rule = (name: string, state = "inactive"): Rule => ({
  name,
  kind: "alert",
  query: `${name}_total > 5`,
  for_seconds: 90,
  labels: { severity: "P1" },
  annotations: {},
  health: "ok",
  state,
  alerts: 0,
});
const group = (name: string, ...rules: Rule[]): RuleGroup => ({
  name,
  file: `${name}.yml`,
  interval_seconds: 30,
  took_ms: 1,
  missed: 0,
  rules,
});
const distance = (of: string, name: string, near: number): RuleDistance => ({
  group: of,
  name,
  below: false,
  series: 1,
  nearest: { labels: {}, value: near * 5, of_threshold: near },
});

test("messages nobody takes are told once for each receiver and reason", () => {
  const message = (receiver: string, attempts: number, error = "refused") => ({ receiver, attempts, error });
  expect(waitingBy([message("team", 3), message("oncall", 1), message("team", 9), message("team", 2, "404")])).toEqual([
    { receiver: "team", error: "refused", messages: 2, attempts: 9 },
    { receiver: "oncall", error: "refused", messages: 1, attempts: 1 },
    { receiver: "team", error: "404", messages: 1, attempts: 2 },
  ]);
});

test("a template of a rule reads as a sentence", () => {
  expect(templateText("{{ $labels.detector }} in runs of {{$labels.agent_id}}: {{ $value | humanize }}")).toBe(
    "‹detector› in runs of ‹agent_id›: ‹value›",
  );
});

test("rules that never fired and are advised the same are one row, those that fired have their own", () => {
  const rule = (name: string, fired: number, proposal = "check") =>
    ({ name, fired, proposal, verdict: fired ? "fine" : "never fired" }) as ReviewedRule;
  const groups = sameAdvice([rule("a", 0), rule("b", 2), rule("c", 0), rule("d", 2), rule("e", 0, "drop it")]);
  expect(groups.map((group) => group.map(({ name }) => name))).toEqual([["b"], ["d"], ["a", "c"], ["e"]]);
});

test("rules that fire come first, then those nearest to it", () => {
  const groups = [group("g", rule("a"), rule("b"), rule("c", "firing")), group("h", rule("a"))];
  const rows = ruleRows(groups, [distance("g", "b", 0.9), distance("h", "a", 0.5)]);
  expect(rows.map((row) => `${row.group.name}/${row.rule.name}`)).toEqual(["g/c", "g/b", "h/a", "g/a"]);
  const [, , twin] = rows;
  expect(ruleKey(twin!, rows)).toBe("h/a");
  expect(rows.filter((row) => isRule(row, "h/a", rows))).toHaveLength(1);
  expect(rows.filter((row) => isRule(row, "b", rows))).toHaveLength(1);
});

test("numbers, distances and lengths read as people say them", () => {
  expect([figure(6_431_313), figure(12_345), figure(0.123456), figure(9999), figure(null)]).toEqual([
    "6.431M",
    "12.35k",
    "0.1235",
    "9999",
    "–",
  ]);
  expect([distanceText(0.63), distanceText(1.8), distanceText(80), distanceText(undefined)]).toEqual([
    "63 %",
    "1.8×",
    "80×",
    "–",
  ]);
  expect([span(90), span(3600), span(0), span(90_061)]).toEqual(["1m30s", "1h", "0s", "1d1h1m1s"]);
});

test("a value is made of the shortest range before it, or of what Prometheus looks back on", () => {
  expect(lookbackMs("sum(rate(agent_errors_total[5m])) / sum(rate(agent_errors_total[1h])) > 0.1")).toBe(300_000);
  expect(lookbackMs("max_over_time(up[1h30m:1m])")).toBe(5_400_000);
  expect(lookbackMs('agent_requests_total{agent_id="[2m]"} > 1')).toBe(300_000);
});

test("a URL says the view; what it cannot mean is left out", () => {
  expect(readAlertsSearch({ view: "rules", rule: "x", state: "odd", from: "soon", silence: "" })).toEqual({
    view: "rules",
    rule: "x",
    silence: "",
  });
  expect(readAlertsSearch({ view: "now" })).toEqual({});
});

test("conditions of a silence say beforehand what they mute", () => {
  const alerts = [alert("A", "firing", { agent_id: "a" }), alert("B", "firing", { agent_id: "b" })];
  expect(mutedBy('{alertname="A"}', alerts)).toHaveLength(1);
  expect(mutedBy('agent_id=~"a|b", alertname!="A"', alerts)?.map((each) => each.name)).toEqual(["B"]);
  expect(mutedBy(matcherOf(alerts[1]!.labels), alerts)?.map((each) => each.name)).toEqual(["B"]);
  expect(readMatchers("alertname=")).toBeUndefined();
  expect(readMatchers('a=~"("')).toBeUndefined();
  expect(readMatchers("")).toBeUndefined();
});

test("a rule is written as a file that can be changed and tried", () => {
  expect(ruleYaml(rule("a"), group("g"))).toBe(
    'groups:\n  - name: "g"\n    interval: 30s\n    rules:\n      - alert: "a"\n        expr: |\n          a_total > 5\n        for: 1m30s\n        labels:\n          severity: "P1"\n',
  );
  expect(thresholdOf("sum(x) > 0.5\nand sum(y) >= 20")).toBe(0.5);
  expect(thresholdOf("a > 2 * b")).toBeUndefined();
  expect(thresholdOf("a == 1")).toBeUndefined();
});

test("a threshold is compared as the rule does it: what equals one is not more than one", () => {
  expect([signOf("max by (x) (a) == 1", 1, false), signOf("a <= 0.9 and b > 5", 0.9, true)]).toEqual(["=", "≤"]);
  expect([signOf("a > 2 * b", 7, false), signOf("a < b", 7, true)]).toEqual([">", "<"]);
});

test("where a rule stands is a sentence with units", () => {
  const seconds = (value: number | null | undefined) => `${value} s`;
  const explained: RuleExplanation = {
    name: "Slow",
    query: "x > 5",
    says: "",
    alerts: [],
    below: false,
    threshold: 5,
    values: [{ labels: {}, value: 4, of_threshold: 0.8, threshold: 5 }],
  };
  expect(stands(explained, seconds)).toMatch(/^Quiet: the highest value is 4 s, the threshold 5 s;/);
  // Compared with another series, which gives each value a threshold of its own.
  const compared = { ...explained, threshold: null };
  expect(stands(compared, seconds)).toMatch(/^Quiet: the nearest value is 4 s, the threshold 5 s;/);
  expect(stands({ ...compared, values: [{ labels: {}, value: 4 }] }, seconds)).toBe("Quiet: the highest value is 4 s");
  expect(stands({ ...explained, values: [] }, seconds)).toMatch(/no series/);
  const firing = { ...alert("Slow", "firing"), fired_at: "2026-11-21T10:00:00Z" };
  expect(stands({ ...explained, alerts: [firing] }, seconds)).toMatch(/^1 firing, the first since 2026-11-2/);
});
