/** The agents of a run and their tools as a graph: left to right, or where that does not fit, below one another. */
import { useMemo } from "react";
import type { Run, Step } from "@/api/types";
import { agentGraph, BOX, type GraphEdge, layoutOf, lineOf } from "@/lib/agentGraph";
import { compact, count, duration, usd } from "@/lib/format";
import { KindTile } from "@/theme/kinds";
import { useWidth } from "@/ui/useWidth";
import classes from "./AgentGraph.module.css";

const calls = (edge: GraphEdge) => `${compact(edge.calls)} × ${duration(edge.ms / Math.max(1, edge.calls))}`;

export function AgentGraph({ run, steps, onStep }: { run: Run; steps: Step[]; onStep: (spanId: string) => void }) {
  const { nodes, edges } = useMemo(() => agentGraph(run.agents, steps), [run.agents, steps]);
  const [place, available] = useWidth();
  const layout = useMemo(() => layoutOf(nodes, edges, available), [nodes, edges, available]);
  const { places, width, height, scale, stacked } = layout;
  const entered = useMemo(() => new Map(edges.map((edge) => [edge.to, edge])), [edges]);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
    <section className={classes.scroller} tabIndex={0} aria-label="Graph of agents and tools">
      <div ref={place} style={{ height: height * scale }}>
        <div
          className={classes.graph}
          style={{
            width,
            height,
            ...(scale < 1 ? { transform: `scale(${scale})`, marginRight: width * (scale - 1) } : {}),
          }}
        >
          <svg width={width} height={height} aria-hidden>
            {edges.map((edge) => (
              <g key={edge.to} data-bad={edge.errors > 0 || undefined}>
                <path d={lineOf(places.get(edge.from)!, places.get(edge.to)!, layout)} />
              </g>
            ))}
            {/* After all lines, so that none is drawn over words. */}
            {!stacked &&
              edges.map((edge) => {
                const to = places.get(edge.to)!;
                return (
                  <text key={edge.to} x={to.x - 8} y={to.y + BOX.height / 2 - 5} textAnchor="end">
                    {calls(edge)}
                  </text>
                );
              })}
          </svg>
          {nodes.map((node) => {
            const { x, y, width } = places.get(node.id)!;
            const edge = entered.get(node.id);
            return (
              <button
                key={node.id}
                type="button"
                className={classes.node}
                data-kind={node.kind}
                style={{ left: x, top: y, width, height: BOX.height }}
                onClick={() => onStep(node.spanId)}
                title="Open its first step"
              >
                <KindTile kind={node.kind} />
                <span>
                  {/* Beside the name, where nothing cuts it: it is what one looks for. */}
                  <span className={classes.named}>
                    <strong className="cut">{node.name}</strong>
                    {node.errors > 0 && <b>{node.errors} failed</b>}
                  </span>
                  {node.agent && (
                    <small className="cut">
                      {count(node.agent.llm_calls)} LLM · {compact(node.agent.usage.total_tokens)} tokens
                      {node.agent.cost_usd != null && ` · ${usd(node.agent.cost_usd)}`}
                    </small>
                  )}
                </span>
                {stacked && edge && <em>{calls(edge)}</em>}
              </button>
            );
          })}
        </div>
      </div>
    </section>
  );
}
