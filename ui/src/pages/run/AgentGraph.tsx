/** The agents of a run and their tools as a graph, left to right. */
import { useMemo } from "react";
import type { Run, Step } from "@/api/types";
import { agentGraph, type GraphNode } from "@/lib/agentGraph";
import { compact, count, duration, usd } from "@/lib/format";
import { KindTile } from "@/theme/kinds";
import classes from "./AgentGraph.module.css";

const WIDTH = 232;
const HEIGHT = 46;
const COLUMN = 332;
const ROW = 58;

const left = (node: GraphNode) => node.column * COLUMN;
const top = (node: GraphNode) => node.row * ROW;

export function AgentGraph({ run, steps, onStep }: { run: Run; steps: Step[]; onStep: (spanId: string) => void }) {
  const { nodes, edges } = useMemo(() => agentGraph(run.agents, steps), [run.agents, steps]);
  const width = Math.max(...nodes.map(left)) + WIDTH;
  const height = Math.max(...nodes.map(top)) + HEIGHT;
  const byId = new Map(nodes.map((node) => [node.id, node]));
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
    <section className={classes.scroller} tabIndex={0} aria-label="Graph of agents and tools">
      <div className={classes.graph} style={{ width, height }}>
        <svg width={width} height={height} aria-hidden>
          {edges.map((edge) => {
            const [from, to] = [byId.get(edge.from)!, byId.get(edge.to)!];
            const [x1, y1] = [left(from) + WIDTH, top(from) + HEIGHT / 2];
            const [x2, y2] = [left(to), top(to) + HEIGHT / 2];
            return (
              <g key={edge.to} data-bad={edge.errors > 0 || undefined}>
                <path d={`M${x1},${y1} H${x1 + 14} C${x1 + 34},${y1} ${x1 + 14},${y2} ${x1 + 34},${y2} H${x2}`} />
                <text x={x2 - 8} y={y2 - 5} textAnchor="end">
                  {count(edge.calls)} × {duration(edge.ms / Math.max(1, edge.calls))}
                </text>
              </g>
            );
          })}
        </svg>
        {nodes.map((node) => (
          <button
            key={node.id}
            type="button"
            className={classes.node}
            data-kind={node.kind}
            style={{ left: left(node), top: top(node), width: WIDTH, height: HEIGHT }}
            onClick={() => onStep(node.spanId)}
            title="Open its first step"
          >
            <KindTile kind={node.kind} />
            <span>
              <strong className="cut">{node.name}</strong>
              <small className="cut">
                {node.agent && (
                  <>
                    {count(node.agent.llm_calls)} LLM · {compact(node.agent.usage.total_tokens)} tokens
                    {node.agent.cost_usd != null && ` · ${usd(node.agent.cost_usd)}`}
                  </>
                )}
                {node.errors > 0 && <b>{node.agent ? ` · ${node.errors} failed` : `${node.errors} failed`}</b>}
              </small>
            </span>
          </button>
        ))}
      </div>
    </section>
  );
}
