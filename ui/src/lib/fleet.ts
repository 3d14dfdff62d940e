/** The agents of many runs: what the URLs of their pages say, what is asked about versions, and where the graph is drawn. Pure. */
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

/** One way of the graph. */
export interface Way {
  caller?: string | null;
  kind: string;
  callee: string;
  calls: number;
  errors: number;
  p95_ms?: number | null;
}

export interface Node {
  id: string;
  /** `outside`, or the kind of what is called. */
  kind: string;
  name: string;
  /** Calls into it. */
  calls: number;
  x: number;
  y: number;
}

export interface Drawn {
  way: Way;
  from: Node;
  to: Node;
}

export interface Layout {
  nodes: Node[];
  ways: Drawn[];
  width: number;
  height: number;
}

export const NODE_WIDTH = 168;
export const NODE_HEIGHT = 34;
const COLUMN = 320;
const ROW = 44;
const MARGIN = 14;

/** Nodes of the graph that are drawn; the rest is in the table. */
const NODES_MAX = 48;

const idOf = (kind: string, name: string) => `${kind} ${name}`;
const OUTSIDE = "outside ";

/**
 * Columns from left to right: outside, then agents one column behind whoever calls them first, then what they call. Within a
 * column a node stands at the mean of those that call it, so that ways cross little.
 */
export function layout(ways: Way[]): Layout {
  const busiest = [...ways].sort((one, other) => other.calls - one.calls);
  const kept = new Map<string, { kind: string; name: string; calls: number }>();
  const used: Way[] = [];
  for (const way of busiest) {
    const [from, to] = [way.caller ? idOf("agent", way.caller) : OUTSIDE, idOf(way.kind, way.callee)];
    const fresh = [from, to].filter((id) => !kept.has(id)).length;
    if (kept.size + fresh > NODES_MAX) continue;
    if (!kept.has(from))
      kept.set(from, { kind: way.caller ? "agent" : "outside", name: way.caller ?? "outside", calls: 0 });
    const into = kept.get(to) ?? { kind: way.kind, name: way.callee, calls: 0 };
    into.calls += way.calls;
    kept.set(to, into);
    used.push(way);
  }
  const ends = used.map(
    (way) => [way.caller ? idOf("agent", way.caller) : OUTSIDE, idOf(way.kind, way.callee)] as const,
  );
  // Breadth first from outside, so that a circle of agents needs no end of its own.
  const column = new Map<string, number>();
  const starts = [...kept.keys()].filter((id) => id === OUTSIDE || !ends.some(([, to]) => to === id));
  let front = starts.length > 0 ? starts : [...kept.keys()].slice(0, 1);
  for (let depth = 0; front.length > 0; depth += 1) {
    for (const id of front) column.set(id, id === OUTSIDE ? 0 : Math.max(depth, 1));
    front = [
      ...new Set(
        ends.flatMap(([from, to]) =>
          column.get(from) === undefined || column.has(to) || kept.get(to)?.kind !== "agent" ? [] : [to],
        ),
      ),
    ];
  }
  const lastAgent = Math.max(0, ...column.values());
  for (const [id, node] of kept) {
    if (node.kind !== "agent" && node.kind !== "outside") column.set(id, lastAgent + 1);
    else if (!column.has(id)) column.set(id, 1);
  }
  const columns: string[][] = [];
  for (const id of kept.keys()) {
    const at = column.get(id) ?? 0;
    columns[at] ??= [];
    columns[at].push(id);
  }
  const filled = columns.filter((each) => each?.length);
  const rank = new Map<string, number>();
  for (const each of filled) {
    const mean = (id: string) => {
      const callers = ends.filter(([, to]) => to === id).flatMap(([from]) => rank.get(from) ?? []);
      return callers.length > 0 ? callers.reduce((sum, at) => sum + at, 0) / callers.length : 0;
    };
    const order = each.map((id) => [id, mean(id), kept.get(id)!.calls] as const);
    order.sort(([a, one, much], [b, other, more]) => one - other || more - much || a.localeCompare(b));
    order.forEach(([id], at) => {
      rank.set(id, (at + 0.5) / order.length);
    });
    each.splice(0, each.length, ...order.map(([id]) => id));
  }
  const tallest = Math.max(1, ...filled.map((each) => each.length));
  const height = tallest * ROW + 2 * MARGIN;
  const places = heights(filled, ends, height);
  const nodes = new Map<string, Node>();
  filled.forEach((each, at) => {
    for (const id of each) {
      const y = places.get(id)! - NODE_HEIGHT / 2;
      nodes.set(id, { id, ...kept.get(id)!, x: MARGIN + at * COLUMN, y });
    }
  });
  return {
    nodes: [...nodes.values()],
    ways: used.map((way, at) => ({ way, from: nodes.get(ends[at]![0])!, to: nodes.get(ends[at]![1])! })),
    width: MARGIN * 2 + (filled.length - 1) * COLUMN + NODE_WIDTH,
    height,
  };
}

/**
 * Where the middle of each node stands: the last column in even rows, every other node beside what it calls, as far as its
 * neighbours leave room. So an agent and its tools are seen together where the graph is higher than its window.
 */
function heights(columns: string[][], ends: (readonly [string, string])[], height: number): Map<string, number> {
  const found = new Map<string, number>();
  for (const [at, column] of [...columns.entries()].reverse()) {
    const even = (row: number) => (height - column.length * ROW) / 2 + (row + 0.5) * ROW;
    const wanted = column.map((id, row) => {
      const below = ends.flatMap(([from, to]) => (from === id && to !== id ? (found.get(to) ?? []) : []));
      const last = at === columns.length - 1 || below.length === 0;
      return [id, last ? even(row) : below.reduce((sum, y) => sum + y, 0) / below.length] as const;
    });
    const order = wanted.toSorted(([, one], [, other]) => one - other);
    let least = MARGIN + ROW / 2;
    const pushed = order.map(([, y]) => {
      const place = Math.max(least, y);
      least = place + ROW;
      return place;
    });
    let most = height - MARGIN - ROW / 2;
    for (let row = order.length - 1; row >= 0; row -= 1) {
      const place = Math.min(most, pushed[row]!);
      found.set(order[row]![0], place);
      most = place - ROW;
    }
  }
  return found;
}

/** The curve of a way from the right of its caller to the left of what it calls; a way back swings out below. */
export function curve({ from, to }: Drawn): string {
  const [x1, y1] = [from.x + NODE_WIDTH, from.y + NODE_HEIGHT / 2];
  const [x2, y2] = [to.x, to.y + NODE_HEIGHT / 2];
  if (x2 > x1) {
    const bend = Math.max(40, (x2 - x1) / 2);
    return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
  }
  const low = Math.max(y1, y2) + ROW;
  return `M${x1} ${y1}C${x1 + 70} ${low} ${x2 - 70} ${low} ${x2} ${y2}`;
}

/** Ways that are drawn: agents always, tools and models as asked, all of one agent where one is looked at. */
export function shownWays(ways: Way[], show: FleetSearch["show"], agent?: string): Way[] {
  const kinds = show === "agents" ? ["agent"] : show === "all" ? undefined : ["agent", "tool"];
  return ways.filter(
    (way) =>
      (kinds === undefined || kinds.includes(way.kind)) &&
      // What no agent called is no part of the graph of agents.
      (way.caller || way.kind === "agent") &&
      (agent === undefined || way.caller === agent || (way.kind === "agent" && way.callee === agent)),
  );
}
