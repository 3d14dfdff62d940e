/** The state of things in one line, for the time range of the list. */

import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { LIVE_MS } from "@/api/pace";
import { summaryQuery } from "@/api/queries";
import { compact, count, usd } from "@/lib/format";
import { fixed } from "@/lib/locale";
import classes from "./SummaryStrip.module.css";

interface Props {
  from: string;
  to?: string;
  live: boolean;
  /** Whether the runs are there: until then nothing else is asked. */
  ready: boolean;
}

export function SummaryStrip({ from, to, live, ready }: Props) {
  const { data } = useQuery({ ...summaryQuery(from, to), enabled: ready, refetchInterval: live ? LIVE_MS : false });
  const counters = data?.counters;
  const ended = counters?.runs_completed ?? 0;
  const share = counters && ended > 0 ? (counters.runs_failed / ended) * 100 : undefined;
  return (
    <dl className={classes.strip} aria-label="Summary of the time range">
      <Cell
        name="Active now"
        value={compact(data?.active_runs)}
        exact={data?.active_runs}
        tone={data?.active_runs ? "running" : undefined}
      />
      <Cell name="Ended" value={compact(counters?.runs_completed)} exact={counters?.runs_completed} />
      <Cell
        name="Failed"
        value={compact(counters?.runs_failed)}
        exact={counters?.runs_failed}
        tone={counters?.runs_failed ? "error" : undefined}
        note={share === undefined ? undefined : `${share < 10 ? fixed(share, 1) : fixed(share, 0)} %`}
      />
      <Cell
        name="Failed steps"
        value={compact(counters?.errors)}
        exact={counters?.errors}
        note={counters ? `${compact(counters.retries)} retries` : undefined}
      />
      <Cell name="LLM calls" value={compact(counters?.llm_calls)} exact={counters?.llm_calls} />
      <Cell name="Tool calls" value={compact(counters?.tool_calls)} exact={counters?.tool_calls} />
      <Cell
        name="Tokens in"
        value={compact(counters?.input_tokens)}
        exact={counters?.input_tokens}
        note={counters ? `${compact(counters.output_tokens)} out` : undefined}
      />
      <Cell name="Cost" value={usd(counters?.cost_usd)} />
    </dl>
  );
}

interface CellProps {
  name: string;
  value: ReactNode;
  exact?: number;
  note?: string;
  tone?: "error" | "running";
}

function Cell({ name, value, exact, note, tone }: CellProps) {
  return (
    <div className={classes.cell} title={exact === undefined ? undefined : count(exact)}>
      <dt>{name}</dt>
      <dd data-tone={tone}>
        {value}
        {note && <span>{note}</span>}
      </dd>
    </div>
  );
}
