/** The agents of a run as a graph: who entered whom, how often, and which tools each used. Pure. */
import type { AgentShare, Step } from "@/api/types";
import { agentRows } from "./agents";

export interface GraphNode {
  id: string;
  kind: "agent" | "tool";
  name: string;
  /** Step to open. */
  spanId: string;
  /** Column from the left, row from the top. */
  column: number;
  row: number;
  agent?: AgentShare;
  errors: number;
}

export interface GraphEdge {
  from: string;
  to: string;
  calls: number;
  errors: number;
  /** Milliseconds of all calls together. */
  ms: number;
}

/** Tools drawn of one agent; further ones are one node. */
const TOOLS_SHOWN = 6;

export function agentGraph(
  agents: readonly AgentShare[],
  steps: readonly Step[],
): { nodes: GraphNode[]; edges: GraphEdge[] } {
  const nodes: GraphNode[] = [];
  const edges: GraphEdge[] = [];
  const tools = toolsByAgent(steps);
  let row = 0;
  for (const { agent, depth } of agentRows(agents)) {
    const at = agents.indexOf(agent);
    const id = `agent ${at}`;
    const parent = agent.parent == null ? undefined : agents[agent.parent];
    const first = row;
    nodes.push({
      id,
      kind: "agent",
      name: agent.agent,
      spanId: agent.span_id,
      column: depth,
      row,
      agent,
      errors: agent.errors,
    });
    if (parent) {
      edges.push({
        from: `agent ${agent.parent}`,
        to: id,
        calls: agent.calls,
        errors: agent.errors,
        ms: agent.own_ms + agent.delegated_ms,
      });
    }
    // An agent that is there under several parents has one list of tools: the first shows it.
    const own = tools.get(agent.agent) ?? [];
    tools.delete(agent.agent);
    for (const tool of own.slice(0, TOOLS_SHOWN)) {
      const toolId = `${id} ${tool.name}`;
      nodes.push({
        id: toolId,
        kind: "tool",
        name: tool.name,
        spanId: tool.spanId,
        column: -1,
        row,
        errors: tool.errors,
      });
      edges.push({ from: id, to: toolId, calls: tool.calls, errors: tool.errors, ms: tool.ms });
      row += 1;
    }
    if (row === first) row += 1;
  }
  const last = Math.max(0, ...nodes.map((node) => node.column)) + 1;
  for (const node of nodes) if (node.kind === "tool") node.column = last;
  return { nodes, edges };
}

interface Used {
  name: string;
  spanId: string;
  calls: number;
  errors: number;
  ms: number;
}

function toolsByAgent(steps: readonly Step[]): Map<string, Used[]> {
  const found = new Map<string, Map<string, Used>>();
  for (const step of steps) {
    if (step.kind !== "tool" || !step.agent) continue;
    const name = step.tool?.name ?? step.name;
    const own = found.get(step.agent) ?? new Map<string, Used>();
    found.set(step.agent, own);
    const used = own.get(name) ?? { name, spanId: step.span_id, calls: 0, errors: 0, ms: 0 };
    own.set(name, used);
    used.calls += 1;
    used.errors += step.status === "error" ? 1 : 0;
    used.ms += step.duration_ms ?? 0;
  }
  return new Map([...found].map(([agent, own]) => [agent, [...own.values()].sort((a, b) => b.calls - a.calls)]));
}

/** Pixels of a box, and from one to the next. */
export const BOX = { width: 232, height: 46, column: 332, row: 58 };
/** Where a box below another begins at most, and its row, where boxes stand below one another. */
const INDENT = 22;
const STACKED_ROW = 54;
/** Smaller letters than so cannot be read. */
const LEAST_SCALE = 0.8;
/** Narrower than this, nobody is made to scroll sideways. */
const NARROW_PX = 720;
/** However deep a box lies, so much of it is left. */
const LEAST_BOX = 150;

export interface Place {
  x: number;
  y: number;
  width: number;
}

export interface Layout {
  places: Map<string, Place>;
  width: number;
  height: number;
  /** By how much all is made smaller. */
  scale: number;
  /** Boxes stand below one another, each under the one that entered it; otherwise beside one another. */
  stacked: boolean;
  /** How much further right a box below another begins. */
  indent: number;
}

/** Where each box stands so that all fit the width that is there; where they fit at no size that can be read, below one another. */
export function layoutOf(nodes: readonly GraphNode[], edges: readonly GraphEdge[], available: number): Layout {
  const width = Math.max(0, ...nodes.map((node) => node.column)) * BOX.column + BOX.width;
  const fits = available > 0 ? Math.min(1, available / width) : 1;
  if (fits < LEAST_SCALE && available < NARROW_PX) return stackedOf(nodes, edges, available);
  const places = nodes.map((node): [string, Place] => [
    node.id,
    { x: node.column * BOX.column, y: node.row * BOX.row, width: BOX.width },
  ]);
  const height = Math.max(0, ...nodes.map((node) => node.row)) * BOX.row + BOX.height;
  return { places: new Map(places), width, height, scale: Math.max(LEAST_SCALE, fits), stacked: false, indent: 0 };
}

function stackedOf(nodes: readonly GraphNode[], edges: readonly GraphEdge[], width: number): Layout {
  const above = new Map(edges.map((edge) => [edge.to, edge.from]));
  const depths = new Map<string, number>();
  // Whoever entered a box stands before it.
  for (const { id } of nodes) depths.set(id, (depths.get(above.get(id) ?? "") ?? -1) + 1);
  // Of a deep run every box begins a little less to the right: boxes at one edge would hide the lines between them.
  const indent = Math.min(INDENT, Math.max(0, width - LEAST_BOX) / Math.max(1, ...depths.values()));
  const places = nodes.map(({ id }, at): [string, Place] => {
    const x = (depths.get(id) ?? 0) * indent;
    return [id, { x, y: at * STACKED_ROW, width: width - x }];
  });
  const height = Math.max(0, nodes.length - 1) * STACKED_ROW + BOX.height;
  return { places: new Map(places), width, height, scale: 1, stacked: true, indent };
}

/** The line of an edge: from the right of a box to the left of another, or from below the one down to the other. */
export function lineOf(from: Place, to: Place, { stacked, indent }: Pick<Layout, "stacked" | "indent">): string {
  const y2 = to.y + BOX.height / 2;
  if (stacked) return `M${from.x + indent / 2},${from.y + BOX.height} V${y2} H${to.x}`;
  const [x1, y1] = [from.x + from.width, from.y + BOX.height / 2];
  return `M${x1},${y1} H${x1 + 14} C${x1 + 34},${y1} ${x1 + 14},${y2} ${x1 + 34},${y2} H${to.x}`;
}
