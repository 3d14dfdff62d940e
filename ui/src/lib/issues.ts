/** What the page of issues shows, and what its URL says. Pure. */

import { moment } from "./fleet";
import { compact, count, duration, usd } from "./format";
import { digits, fixed } from "./locale";
import { among, compactObject, text } from "./search";

/** Groups of states, with how they are called. */
export const ISSUE_VIEWS = [
  ["active", "Active"],
  ["acknowledged", "Acknowledged"],
  ["resolved", "Resolved"],
  ["muted", "Muted"],
] as const;
export type IssueView = (typeof ISSUE_VIEWS)[number][0];

/** Orders of the list of issues as the API has them, with how they are called. */
export const ISSUE_ORDERS = [
  ["-last_seen", "Last seen first"],
  ["-first_seen", "Newest first"],
  ["-count", "Most often seen first"],
  ["-severity", "Gravest first"],
] as const;

export interface IssuesSearch {
  /** Text that the name or the message must contain. */
  q?: string;
  /** One of {@link ISSUE_ORDERS}; absent means last seen first. */
  order?: string;
  /** Absent means those that need somebody. */
  state?: IssueView;
  /** The issue that is opened. */
  issue?: string;
  detector?: string;
  severity?: SeverityWord;
  /** Only of this agent. */
  of?: string;
}

export const SEVERITIES = ["critical", "warning", "info"] as const;
export type SeverityWord = (typeof SEVERITIES)[number];

export function readIssuesSearch(raw: Record<string, unknown>): IssuesSearch {
  const state = ISSUE_VIEWS.find(([value]) => value === raw.state)?.[0];
  const order = ISSUE_ORDERS.find(([value]) => value === raw.order)?.[0];
  return compactObject<IssuesSearch>({
    q: text(raw.q),
    order: order === "-last_seen" ? undefined : order,
    state: state === "active" ? undefined : state,
    issue: text(raw.issue),
    detector: text(raw.detector),
    severity: among(SEVERITIES, raw.severity),
    of: text(raw.of),
  });
}

/** The states of the API behind a group. */
export const statesOf = (view: IssueView): string[] => (view === "active" ? ["open", "regressed"] : [view]);

/** What an issue is called: what was seen, and where. */
export const issueName = ({ detector, agent }: { detector: string; agent: string }): string =>
  `${detector.replaceAll("_", " ")}${agent ? ` in ${agent}` : ""}`;

/** The tool that a finding is about, where it is about one. */
export const toolOf = (values: Record<string, unknown>): string | undefined =>
  typeof values.tool === "string" && values.tool !== "" ? values.tool : undefined;

export interface FindingsSearch {
  /** A distance from now, or a moment. */
  from?: string;
  to?: string;
  detector?: string;
  severity?: SeverityWord;
  /** Only of this agent. */
  of?: string;
}

export function readFindingsSearch(raw: Record<string, unknown>): FindingsSearch {
  return compactObject<FindingsSearch>({
    from: moment(raw.from),
    to: moment(raw.to),
    detector: text(raw.detector),
    severity: among(SEVERITIES, raw.severity),
    of: text(raw.of),
  });
}

/** Longest value of evidence that is shown in a line, and most ids of runs, which are shown short. */
const MOST = 90;
const MOST_RUNS = 5;

/** Names under which evidence has ids of runs, with what they are called. */
const RUNS: Record<string, string> = { onset_trace_id: "since run", last_good: "last good" };

/** What a value is, by the end of its name, and what that end leaves of the name. */
const MEASURES: [RegExp, (value: number) => string][] = [
  [/_?ms$/, duration],
  [/_?seconds$/, (value) => duration(value * 1000)],
  [/_?usd$/, usd],
  [/(?<=tokens)$/, compact],
];

/** A number as its name has it; `of` is what a plain `value` is of. */
function figure(name: string, value: number, of?: string): string {
  const measure = MEASURES.find(([end]) => end.test(name === "value" && of ? of : name))?.[1];
  return measure ? measure(value) : Math.abs(value) >= 100 ? count(Math.round(value)) : digits(value, 3);
}

/** The name without its unit, which stands behind the value: `p95 ms` is `p95`, `ms` alone a time. */
function labelOf(name: string): string {
  const end = MEASURES.find(([each]) => each.test(name))?.[0];
  const bare = end ? name.replace(end, "") : name;
  return (bare || (/usd$/.test(name) ? "cost" : "time")).replaceAll("_", " ");
}

/** Whether the sentence has the words, not as a part of longer ones. */
const says = (sentence: string, words: string) =>
  new RegExp(`(?<![\\w.,])${words.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}(?![\\w]|[.,]\\d)`, "i").test(sentence);

/** A number in the ways in which a sentence may have it. */
const waysToSay = (value: number, written: string) => [
  written,
  String(Math.round(value)),
  count(Math.round(value)),
  fixed(value, 1),
  String(value),
  // A share.
  ...(value > 0 && value <= 1 ? [`${fixed(value * 100, 0)} %`, `${fixed(value * 100, 1)} %`] : []),
];

/**
 * Evidence as names and short values, without what the sentence beside it says already; what is nested stays in the API.
 */
export function evidence(values: Record<string, unknown>, sentence = ""): [string, string][] {
  const of = typeof values.feature === "string" ? values.feature : undefined;
  return Object.entries(values).flatMap(([name, value]): [string, string][] => {
    if (typeof value === "number") {
      const written = figure(name, value, of);
      return waysToSay(value, written).some((words) => says(sentence, words)) ? [] : [[labelOf(name), written]];
    }
    const runs = RUNS[name];
    if (runs) return [[runs, [value].flat().slice(0, MOST_RUNS).join(", ")]];
    const written =
      typeof value === "string" || typeof value === "boolean"
        ? String(value)
        : Array.isArray(value) && value.every((each) => typeof each !== "object")
          ? value.join(", ")
          : "";
    if (written === "" || says(sentence, written) || says(sentence, written.replaceAll("_", " "))) return [];
    return [[name.replaceAll("_", " "), written.length > MOST ? `${written.slice(0, MOST)}…` : written]];
  });
}
