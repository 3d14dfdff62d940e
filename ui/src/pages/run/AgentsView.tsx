/** What each agent of the run did itself, and what it left to the agents below it. */
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import type { AgentShare, Run, Step } from "@/api/types";
import { agentRows, delegatedUsd } from "@/lib/agents";
import { compact, count, duration, usd } from "@/lib/format";
import { KindTile } from "@/theme/kinds";
import { AgentGraph } from "./AgentGraph";
import classes from "./AgentsView.module.css";

interface Props {
  run: Run;
  steps: Step[];
  onStep: (spanId: string) => void;
}

export function AgentsView({ run, steps, onStep }: Props) {
  const rows = useMemo(() => agentRows(run.agents), [run.agents]);
  const delegates = rows.some((_, at) => (delegatedUsd(rows, at) ?? 0) > 0);
  const longest = Math.max(1, ...run.agents.map((agent) => agent.own_ms + agent.delegated_ms));
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
    <section className={classes.view} tabIndex={0} aria-label="Agents of the run">
      <AgentGraph run={run} steps={steps} onStep={onStep} />
      <table className={classes.table}>
        <thead>
          <tr>
            <th scope="col">Agent</th>
            <th scope="col">Own and delegated time</th>
            <th scope="col">Entered</th>
            <th scope="col">LLM calls</th>
            <th scope="col">Tool calls</th>
            <th scope="col">Errors</th>
            <th scope="col">Tokens in</th>
            <th scope="col">Tokens out</th>
            <th scope="col">Own and delegated cost</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ agent, depth }, at) => (
            <tr key={`${agent.span_id} ${agent.agent}`}>
              <th scope="row">
                <div className={classes.name} style={{ paddingLeft: depth * 18 }}>
                  <KindTile kind="agent" />
                  <button type="button" onClick={() => onStep(agent.span_id)} title="Open its first step">
                    {agent.agent}
                  </button>
                </div>
              </th>
              <td>
                <Time agent={agent} longest={longest} />
              </td>
              <td>{count(agent.calls)}</td>
              <td>{count(agent.llm_calls)}</td>
              <td>{count(agent.tool_calls)}</td>
              <td data-bad={agent.errors > 0 || undefined}>{count(agent.errors)}</td>
              <td title={count(agent.usage.input_tokens)}>{compact(agent.usage.input_tokens)}</td>
              <td title={count(agent.usage.output_tokens)}>{compact(agent.usage.output_tokens)}</td>
              <td>
                <Cost own={agent.cost_usd} delegated={delegatedUsd(rows, at)} delegates={delegates} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className={classes.note}>
        Every other figure is the agent's own; what agents below it did is on their lines.{" "}
        {steps.some((step) => step.folded > 0) &&
          `In the graph, tools are counted among the ${count(steps.length)} steps that were fetched. `}
        {run.agent && (
          <Link to="/runs" search={{ agent: [run.agent] }}>
            More runs of {run.agent}
          </Link>
        )}
      </p>
    </section>
  );
}

interface CostProps {
  own: number | null;
  delegated: number | null;
  /** Whether any agent left something to others: then own costs stand under own costs. */
  delegates: boolean;
}

function Cost({ own, delegated, delegates }: CostProps) {
  return (
    <>
      {usd(own)}
      {delegates && <span className={`${classes.delegated} faint`}>{delegated ? ` + ${usd(delegated)}` : ""}</span>}
    </>
  );
}

function Time({ agent, longest }: { agent: AgentShare; longest: number }) {
  return (
    <div className={classes.time}>
      <span className={classes.bar} aria-hidden>
        <i style={{ width: `${(agent.own_ms / longest) * 100}%` }} />
        <i data-delegated style={{ width: `${(agent.delegated_ms / longest) * 100}%` }} />
      </span>
      <span className="tnum">
        {duration(agent.own_ms)}
        {agent.delegated_ms > 0 && <span className="faint"> + {duration(agent.delegated_ms)}</span>}
      </span>
    </div>
  );
}
