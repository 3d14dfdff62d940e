/** What the URL of the overview says. */

export interface OverviewSearch {
  /** Absent means the last six hours. */
  from?: string;
  to?: string;
  agent?: string[];
  service?: string[];
  environment?: string[];
  workflow?: string[];
  /** The earlier time that is drawn below. */
  vs?: "1d" | "7d";
}

export const SCOPES = ["agent", "workflow", "service", "environment"] as const;
export type ScopeField = (typeof SCOPES)[number];

export const VERSUS: [NonNullable<OverviewSearch["vs"]>, string][] = [
  ["1d", "The same hours yesterday"],
  ["7d", "The same hours last week"],
];

export const versusMs = (vs: OverviewSearch["vs"]): number | undefined =>
  vs === "1d" ? 86_400_000 : vs === "7d" ? 7 * 86_400_000 : undefined;

const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);
/** One value, as a list of one: the same parameter may hold several on the page of runs. */
const list = (value: unknown) => {
  const one = text(Array.isArray(value) ? value[0] : value);
  return one === undefined ? undefined : [one];
};
const moment = (value: unknown) => {
  const said = text(value);
  return said && (/^\d+[smhdw]$/.test(said) || !Number.isNaN(Date.parse(said))) ? said : undefined;
};

export function readOverviewSearch(raw: Record<string, unknown>): OverviewSearch {
  const out: OverviewSearch = {
    from: moment(raw.from),
    to: moment(raw.to),
    agent: list(raw.agent),
    service: list(raw.service),
    environment: list(raw.environment),
    workflow: list(raw.workflow),
    vs: VERSUS.find(([value]) => value === raw.vs)?.[0],
  };
  return Object.fromEntries(Object.entries(out).filter(([, value]) => value !== undefined));
}

/** The filters without the time, as the API takes them. */
export const scopeOf = (search: OverviewSearch): Partial<Record<ScopeField, string>> =>
  Object.fromEntries(SCOPES.flatMap((field) => (search[field]?.[0] ? [[field, search[field][0]]] : [])));

/** The filters and a stretch of time as the search of the runs page. */
export const runsSearch = (scope: Partial<Record<ScopeField, string>>, from: number, to: number) => ({
  ...Object.fromEntries(Object.entries(scope).map(([field, value]) => [field, [value]])),
  from: new Date(from).toISOString(),
  to: new Date(to).toISOString(),
});
