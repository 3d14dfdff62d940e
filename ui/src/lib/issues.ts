/** What the page of issues shows, and what its URL says. Pure. */

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

/** Longest value of evidence that is shown in a line. */
const MOST = 90;

/** Evidence as names and short values; what is nested stays in the API. */
export function evidence(values: Record<string, unknown>): [string, string][] {
  return Object.entries(values).flatMap(([name, value]): [string, string][] => {
    const text =
      typeof value === "number"
        ? String(Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3)))
        : typeof value === "string" || typeof value === "boolean"
          ? String(value)
          : Array.isArray(value) && value.every((each) => typeof each !== "object")
            ? value.join(", ")
            : "";
    if (text === "") return [];
    return [[name.replaceAll("_", " "), text.length > MOST ? `${text.slice(0, MOST)}…` : text]];
  });
}
