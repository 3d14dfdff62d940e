/** What the page of issues shows, and what its URL says. Pure. */

import { moment } from "./fleet";
import { digits } from "./locale";
import { among, compactObject, text } from "./search";

/** Groups of states, with how they are called. */
export const ISSUE_VIEWS = [
  ["active", "Active"],
  ["acknowledged", "Acknowledged"],
  ["resolved", "Resolved"],
  ["muted", "Muted"],
] as const;
export type IssueView = (typeof ISSUE_VIEWS)[number][0];

export interface IssuesSearch {
  /** Absent means those that need somebody. */
  state?: IssueView;
  /** The issue that is opened. */
  issue?: string;
}

export function readIssuesSearch(raw: Record<string, unknown>): IssuesSearch {
  const state = ISSUE_VIEWS.find(([value]) => value === raw.state)?.[0];
  const issue = typeof raw.issue === "string" && raw.issue !== "" ? raw.issue : undefined;
  return { ...(state && state !== "active" ? { state } : {}), ...(issue ? { issue } : {}) };
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
  severity?: "info" | "warning" | "critical";
  /** Only of this agent. */
  of?: string;
}

export function readFindingsSearch(raw: Record<string, unknown>): FindingsSearch {
  return compactObject<FindingsSearch>({
    from: moment(raw.from),
    to: moment(raw.to),
    detector: text(raw.detector),
    severity: among(["info", "warning", "critical"] as const, raw.severity),
    of: text(raw.of),
  });
}

/** Longest value of evidence that is shown in a line. */
const MOST = 90;

/** Evidence as names and short values; what is nested stays in the API. */
export function evidence(values: Record<string, unknown>): [string, string][] {
  return Object.entries(values).flatMap(([name, value]): [string, string][] => {
    const written =
      typeof value === "number"
        ? Math.abs(value) >= 100
          ? String(Math.round(value))
          : digits(value, 3)
        : typeof value === "string" || typeof value === "boolean"
          ? String(value)
          : Array.isArray(value) && value.every((each) => typeof each !== "object")
            ? value.join(", ")
            : "";
    if (written === "") return [];
    return [[name.replaceAll("_", " "), written.length > MOST ? `${written.slice(0, MOST)}…` : written]];
  });
}
