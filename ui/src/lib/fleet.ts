/** The agents of many runs: what the URLs of their pages say, and what is asked about versions. Pure. */
import { rangeMs } from "./series";

export interface FleetSearch {
  /** Absent means the last 24 hours. */
  from?: string;
  to?: string;
  /** One, as a list of one: the same parameter may hold several on the page of runs. */
  environment?: string[];
  /** What agents call that is drawn besides agents. */
  show?: "agents" | "tools" | "all";
  /** The column by which rows are ordered, with `-` for the largest first. */
  order?: string;
}

export interface AgentSearch extends FleetSearch {
  /** The agent. */
  name: string;
  /** A version whose changes are shown, as a list of one. */
  version?: string[];
  /** The version it is held against; absent means the one before. */
  against?: string;
}

export const FLEET_FROM = "24h";

const text = (value: unknown) =>
  typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined;

/** One value as a list of one, whether the address has one or several. */
export const one = (value: unknown): string[] | undefined => {
  const said = text(Array.isArray(value) ? value[0] : value);
  return said === undefined ? undefined : [said];
};

const compact = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as T;

/** A moment or a distance from now. */
export const moment = (value: unknown): string | undefined => {
  const said = text(value);
  return said && (/^\d+[smhdw]$/.test(said) || !Number.isNaN(Date.parse(said))) ? said : undefined;
};

export const sortWord = (value: unknown): string | undefined =>
  /^-?[a-z_0-9]+$/.test(String(value ?? "")) ? text(value) : undefined;

export function readFleetSearch(raw: Record<string, unknown>): FleetSearch {
  return compact<FleetSearch>({
    from: moment(raw.from),
    to: moment(raw.to),
    environment: one(raw.environment),
    show: raw.show === "agents" || raw.show === "all" ? raw.show : undefined,
    order: sortWord(raw.order),
  });
}

export const readAgentSearch = (raw: Record<string, unknown>): AgentSearch =>
  compact<AgentSearch>({
    ...readFleetSearch(raw),
    name: text(raw.name) ?? "",
    version: raw.version === "" ? [""] : one(raw.version),
    against: text(raw.against),
  });

/** The two ends of a range as the API takes them, on whole minutes, so that a question is not new at each tick. */
export function ends(from: string, to: string | undefined, now: number): { from: string; to: string } {
  const minute = 60_000;
  const [start, end] = rangeMs(from, to, Math.ceil(now / minute) * minute);
  return { from: new Date(start).toISOString(), to: new Date(end).toISOString() };
}

/** A text in SQL. */
export const quoted = (value: string) => `'${value.replaceAll("'", "''")}'`;

/** Versions of an agent, the newest first: of the runs it leads, with those in which it is below others. */
export function versionsSql(agent: string, range: { from: string; to: string }): string {
  const time = `started_at >= ${quoted(range.from)} AND started_at < ${quoted(range.to)}`;
  return (
    `SELECT coalesce(agent_version, '') AS version, count(*) AS runs, ` +
    `count(*) FILTER (WHERE status IN ('error', 'abandoned')) AS failed, quantiles(duration_ms, 0.5, 0.95) AS ms, ` +
    `avg(cost_usd) AS cost, avg(total_tokens) AS tokens, avg(steps) AS steps, min(started_at) AS first, max(started_at) AS last, ` +
    `last_value(trace_id ORDER BY started_at) AS example ` +
    `FROM runs WHERE ${time} AND (agent = ${quoted(agent)} OR array_has(agent_names, ${quoted(agent)})) ` +
    `GROUP BY 1 ORDER BY last DESC LIMIT 50`
  );
}

export interface Version {
  version: string;
  runs: number;
  failed: number;
  p50: number | null;
  p95: number | null;
  cost: number | null;
  tokens: number | null;
  steps: number | null;
  first: string;
  last: string;
  /** A run of it, the latest. */
  example: string;
}

const number = (value: unknown) => (typeof value === "number" ? value : null);

/** Versions out of the rows of {@link versionsSql}. */
export function versions(rows: unknown[][]): Version[] {
  return rows.map(([version, runs, failed, ms, cost, tokens, steps, first, last, example]) => {
    const [p50, p95] = Array.isArray(ms) ? ms : [];
    return {
      version: String(version ?? ""),
      runs: number(runs) ?? 0,
      failed: number(failed) ?? 0,
      p50: number(p50),
      p95: number(p95),
      cost: number(cost),
      tokens: number(tokens),
      steps: number(steps),
      first: String(first ?? ""),
      last: String(last ?? ""),
      example: String(example ?? ""),
    };
  });
}
