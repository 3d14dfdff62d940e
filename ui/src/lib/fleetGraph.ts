/** The graph of who calls whom over many runs: which ways are drawn, where nodes stand, and how ways run between them. Pure. */
import type { FleetSearch } from "./fleet";
import { back, forward, type Lane, type Part } from "./routes";

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
  /** The line, from the right of the caller to the left of what it calls, behind no other node. */
  line: Part[];
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
/** The height a line takes that passes through a column. */
const LANE = 18;
const MARGIN = 14;
/** Beside the first and the last column, where a line turns back there. */
const TURN_MARGIN = 44;

/** Nodes of the graph that are drawn; the rest is in the table. */
const NODES_MAX = 48;

/** Failures from this share on are worth a word and a colour; from the second on they are an alarm. */
const SOME = 0.02;
const MANY = 0.1;

/** The share of its calls that failed. */
export const failedShare = ({ calls, errors }: Pick<Way, "calls" | "errors">) => (calls > 0 ? errors / calls : 0);

export const failing = (way: Pick<Way, "calls" | "errors">): "some" | "many" | undefined =>
  failedShare(way) >= MANY ? "many" : failedShare(way) >= SOME ? "some" : undefined;

const idOf = (kind: string, name: string) => `${kind} ${name}`;
const OUTSIDE = "outside ";

type Ends = readonly [from: string, to: string];

/**
 * Columns from left to right: outside, then agents one column behind whoever calls them, then what they call. Within a
 * column a node stands at the mean of those that call it, so that ways cross little; a way that passes a column has a lane there.
 */
export function layout(ways: Way[]): Layout {
  const busiest = [...ways].sort((one, other) => other.calls - one.calls);
  const kept = new Map<string, { kind: string; name: string; calls: number }>();
  const used: Way[] = [];
  for (const way of busiest) {
    const [from, to] = endsOf(way);
    const fresh = [...new Set([from, to])].filter((id) => !kept.has(id)).length;
    if (kept.size + fresh > NODES_MAX) continue;
    if (!kept.has(from))
      kept.set(from, { kind: way.caller ? "agent" : "outside", name: way.caller ?? "outside", calls: 0 });
    const into = kept.get(to) ?? { kind: way.kind, name: way.callee, calls: 0 };
    into.calls += way.calls;
    kept.set(to, into);
    used.push(way);
  }
  const ends = used.map(endsOf);
  const column = columnsOf(
    [...kept].map(([id, { kind }]) => ({ id, kind })),
    ends,
  );
  const columns: string[][] = [];
  for (const [id, at] of column) {
    columns[at] ??= [];
    columns[at].push(id);
  }
  const filled = columns.filter((each) => each?.length);
  const place = new Map(filled.flatMap((each, at) => each.map((id): [string, number] => [id, at])));
  const passes = ends.map((each) => passed(each, place));
  // A lane is one for all ways of a caller that pass a column in the same direction: they part where they have passed.
  for (const each of passes)
    for (const [id, at] of each.lanes) {
      if (place.has(id)) continue;
      place.set(id, at);
      filled[at]!.push(id);
    }
  const hops = passes.flatMap((each, at) => (each.back ? [] : hopsOf(each, ends[at]!)));
  const size = (id: string) => (kept.has(id) ? ROW : LANE);
  rank(filled, hops, (id) => kept.get(id)?.calls ?? 0);
  const tall = Math.max(ROW, ...filled.map((each) => each.reduce((sum, id) => sum + size(id), 0)));
  const height = tall + 2 * MARGIN;
  const middles = heights(filled, hops, beside(passes, ends, place), height, size);
  const turns = passes.some((each) => each.back);
  const margin = turns ? TURN_MARGIN : MARGIN;
  const left = (at: number) => margin + at * COLUMN;
  const nodes = new Map<string, Node>();
  for (const [id, node] of kept)
    nodes.set(id, { id, ...node, x: left(place.get(id)!), y: middles.get(id)! - NODE_HEIGHT / 2 });
  return {
    nodes: [...nodes.values()],
    ways: used.map((way, index): Drawn => {
      const [from, to] = [nodes.get(ends[index]![0])!, nodes.get(ends[index]![1])!];
      const start = { x: from.x + NODE_WIDTH, y: from.y + NODE_HEIGHT / 2 };
      const end = { x: to.x, y: to.y + NODE_HEIGHT / 2 };
      const lanes = passes[index]!.lanes.map(
        ([id, at]): Lane => ({ left: left(at), right: left(at) + NODE_WIDTH, y: middles.get(id)! }),
      );
      return { way, from, to, line: (passes[index]!.back ? back : forward)(start, lanes, end) };
    }),
    width: margin * 2 + Math.max(0, filled.length - 1) * COLUMN + NODE_WIDTH,
    height,
  };
}

const endsOf = (way: Way): Ends => [way.caller ? idOf("agent", way.caller) : OUTSIDE, idOf(way.kind, way.callee)];

/** The column of each node: behind all that call it, but for those of a circle, which begins with whoever is nearest to outside. */
function columnsOf(nodes: { id: string; kind: string }[], ends: readonly Ends[]): Map<string, number> {
  const column = new Map<string, number>();
  const agents = nodes.filter(({ kind }) => kind === "agent" || kind === "outside").map(({ id }) => id);
  const among = ends.filter(([from, to]) => from !== to && agents.includes(from) && agents.includes(to));
  // Breadth first from outside, so that a circle of agents needs no end of its own.
  let front = agents.filter((id) => id === OUTSIDE || !among.some(([, to]) => to === id));
  for (let depth = 0; ; depth += 1) {
    if (front.length === 0) {
      // A circle that nobody outside of it calls.
      const next = agents.find((id) => !column.has(id));
      if (next === undefined) break;
      front = [next];
      depth = 0;
    }
    for (const id of front) column.set(id, id === OUTSIDE ? 0 : Math.max(depth, 1));
    front = [...new Set(among.flatMap(([from, to]) => (front.includes(from) && !column.has(to) ? [to] : [])))];
  }
  const leads = reach(agents, among);
  const onward = among.filter(([from, to]) => !leads.get(to)?.has(from));
  // Those of no circle give way to the right, until each stands behind all that call it.
  for (let moved = true; moved; ) {
    moved = false;
    for (const [from, to] of onward) {
      const least = column.get(from)! + 1;
      if (column.get(to)! >= least) continue;
      column.set(to, least);
      moved = true;
    }
  }
  const behind = Math.max(0, ...column.values()) + 1;
  // In the order in which nodes were found, which breaks ties.
  return new Map(nodes.map(({ id }) => [id, column.get(id) ?? behind]));
}

/** Whom each agent can come to. */
function reach(agents: readonly string[], ends: readonly Ends[]): Map<string, Set<string>> {
  const next = new Map<string, string[]>();
  for (const [from, to] of ends) next.set(from, [...(next.get(from) ?? []), to]);
  return new Map(
    agents.map((id) => {
      const seen = new Set<string>();
      const open = [id];
      for (let at = open.pop(); at !== undefined; at = open.pop())
        for (const to of next.get(at) ?? [])
          if (!seen.has(to)) {
            seen.add(to);
            open.push(to);
          }
      return [id, seen];
    }),
  );
}

interface Passed {
  /** It does not lead to the right: it turns, and turns again. */
  back: boolean;
  /** The lanes it takes, in its order, with their columns. */
  lanes: [id: string, column: number][];
}

function passed([from, to]: Ends, place: ReadonlyMap<string, number>): Passed {
  const [first, last] = [place.get(from)!, place.get(to)!];
  const lanes: [string, number][] = [];
  if (last > first) {
    for (let at = first + 1; at < last; at += 1) lanes.push([`${from}\n> ${at}`, at]);
    return { back: false, lanes };
  }
  for (let at = first; at >= last; at -= 1) lanes.push([`${from}\n< ${at}`, at]);
  return { back: true, lanes };
}

/** A way from left to right as steps from one column to the next. */
function hopsOf({ lanes }: Passed, [from, to]: Ends): Ends[] {
  const chain = [from, ...lanes.map(([id]) => id), to];
  return chain.slice(1).map((id, at): Ends => [chain[at]!, id]);
}

/** Lanes of ways back, with what they should be near: the ends in their own column, or the lane one column to the right. */
function beside(
  passes: readonly Passed[],
  ends: readonly Ends[],
  place: ReadonlyMap<string, number>,
): Map<string, string[]> {
  const near = new Map<string, Set<string>>();
  for (const [index, { back, lanes }] of passes.entries()) {
    if (!back) continue;
    for (const [at, [id, column]] of lanes.entries()) {
      const of = near.get(id) ?? new Set<string>();
      near.set(id, of);
      const own = ends[index]!.filter((end) => place.get(end) === column);
      for (const each of own.length > 0 ? own : [lanes[at - 1]![0]]) of.add(each);
    }
  }
  return new Map([...near].map(([id, of]) => [id, [...of]]));
}

/** Orders each column by where those stand that lead to its nodes; of equals the busier first. */
function rank(columns: string[][], hops: readonly Ends[], calls: (id: string) => number) {
  const at = new Map<string, number>();
  for (const column of columns) {
    const order = column.map((id) => {
      const before = hops.flatMap(([from, to]) => (to === id ? (at.get(from) ?? []) : []));
      return { id, mean: before.length > 0 ? mean(before) : 0 };
    });
    order.sort(
      (one, other) => one.mean - other.mean || calls(other.id) - calls(one.id) || (one.id < other.id ? -1 : 1),
    );
    for (const [row, { id }] of order.entries()) at.set(id, (row + 0.5) / order.length);
    column.splice(0, column.length, ...order.map(({ id }) => id));
  }
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * Where the middle of each node and lane is: the last column in even rows, every other node beside what it calls, as far as its
 * neighbours leave room. So an agent and its tools are seen together where the graph is higher than its window.
 */
function heights(
  columns: readonly string[][],
  hops: readonly Ends[],
  near: ReadonlyMap<string, string[]>,
  height: number,
  size: (id: string) => number,
): Map<string, number> {
  const found = new Map<string, number>();
  for (const [at, column] of [...columns.entries()].reverse()) {
    let even = (height - column.reduce((sum, id) => sum + size(id), 0)) / 2;
    const wanted = new Map<string, number>();
    for (const id of column) {
      const row = even + size(id) / 2;
      even += size(id);
      if (near.has(id)) continue;
      const next = hops.flatMap(([from, to]) => (from === id ? (found.get(to) ?? []) : []));
      wanted.set(id, at === columns.length - 1 || next.length === 0 ? row : mean(next));
    }
    for (const [id, others] of near) {
      if (!column.includes(id)) continue;
      const ys = others.flatMap((other) => wanted.get(other) ?? found.get(other) ?? []);
      // A little below: a line back to its own node passes under it.
      wanted.set(id, (ys.length > 0 ? mean(ys) : height / 2) + 1);
    }
    const order = column.toSorted((one, other) => wanted.get(one)! - wanted.get(other)!);
    let least = MARGIN;
    const pushed = order.map((id) => {
      const middle = Math.max(least + size(id) / 2, wanted.get(id)!);
      least = middle + size(id) / 2;
      return middle;
    });
    let most = height - MARGIN;
    for (let row = order.length - 1; row >= 0; row -= 1) {
      const id = order[row]!;
      const middle = Math.min(most - size(id) / 2, pushed[row]!);
      found.set(id, middle);
      most = middle - size(id) / 2;
    }
  }
  return found;
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
