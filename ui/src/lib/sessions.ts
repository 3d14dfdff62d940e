/** Which sessions are listed and in which order, in the address and as the API is asked for it. Pure. */
import { nextOrder } from "./filter";
import { among, compactObject, text } from "./search";

export const SESSION_SORTS = ["last_at", "duration_ms", "total_tokens", "cost_usd", "errors", "runs"] as const;
export type SessionSortField = (typeof SESSION_SORTS)[number];

export const DEFAULT_SESSION_ORDER = "-last_at";
export const DEFAULT_SESSIONS_FROM = "7d";

/** What a list is narrowed down to besides text and time. */
export const SESSION_FIELDS = ["agent", "user", "environment", "status"] as const;
type SessionField = (typeof SESSION_FIELDS)[number];

/** What became of a run of the session, with how that is called in a choice. */
export const SESSION_STATUSES = [
  ["error", "With a failed run"],
  ["abandoned", "With an abandoned run"],
  ["running", "Still running"],
] as const;

export type SessionsSearch = { [field in SessionField]?: string[] } & {
  q?: string;
  from?: string;
  /** A {@link SessionSortField}, largest first with `-` in front; absent means last active first. */
  order?: string;
};

/** One value, as a list of one: the same parameter may hold several on the page of runs. */
function list(value: unknown): string[] | undefined {
  const one = text(Array.isArray(value) ? value[0] : value);
  return one === undefined ? undefined : [one];
}

export function readSessionsSearch(raw: Record<string, unknown>): SessionsSearch {
  const from = text(raw.from);
  const order = text(raw.order);
  const known = among(SESSION_SORTS, order?.replace(/^-/, "")) && order !== DEFAULT_SESSION_ORDER;
  const status = list(raw.status);
  return compactObject<SessionsSearch>({
    q: text(raw.q),
    from: from && /^(all|\d+[smhdw])$/.test(from) ? from : undefined,
    agent: list(raw.agent),
    user: list(raw.user),
    environment: list(raw.environment),
    status: status && SESSION_STATUSES.some(([value]) => value === status[0]) ? status : undefined,
    order: known ? order : undefined,
  });
}

/** The query the API understands. */
export function sessionsApiQuery(search: SessionsSearch) {
  const { q, from = DEFAULT_SESSIONS_FROM, agent, user, environment, status, order } = search;
  return compactObject({ q, from: from === "all" ? undefined : from, agent, user, environment, status, sort: order });
}

/** Sorting by a column: largest first, then smallest first, then last active first again. */
export function sortSessions(search: SessionsSearch, field: SessionSortField): SessionsSearch {
  const order = nextOrder(search.order ?? DEFAULT_SESSION_ORDER, field, DEFAULT_SESSION_ORDER);
  return compactObject<SessionsSearch>({ ...search, order: order === DEFAULT_SESSION_ORDER ? undefined : order });
}

/** Whether anything but the time range restricts the list. */
export const isNarrowed = (search: SessionsSearch) => !!search.q || SESSION_FIELDS.some((field) => search[field]);
