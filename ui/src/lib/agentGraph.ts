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
