/** The columns of the runs table: one entry each, in the order they are shown. */
import type { ReactNode } from "react";
import type { Run } from "@/api/types";
import type { SortField } from "@/lib/filter";
import { compact, count, duration, usd } from "@/lib/format";
import { KindMix } from "@/theme/kinds";
import { StatusMark } from "@/ui/StatusMark";
import { Ago } from "@/ui/Time";
import classes from "./RunsTable.module.css";

export interface Column {
  id: string;
  title: string;
  /** Said on hover where the title is short. */
  hint?: string;
  /** A CSS grid track. */
  width: string;
  numeric?: boolean;
  sort?: SortField;
  cell: (run: Run, context: CellContext) => ReactNode;
}

export interface CellContext {
  /** Milliseconds that fill the duration bar. */
  fullBar: number;
}

const dash = <span className="faint">–</span>;

const amount = (value: number | null | undefined) =>
  value ? <span title={count(value)}>{compact(value)}</span> : <span className="faint">{value === 0 ? "0" : "–"}</span>;

export const COLUMNS: Column[] = [
  { id: "status", title: "", width: "30px", cell: (run) => <StatusMark status={run.status} /> },
  {
    id: "name",
    title: "Run",
    width: "minmax(150px, 1.1fr)",
    cell: (run) => (
      <span className={classes.name}>
        <span className="cut">{run.name}</span>
        {run.agent && !run.name.includes(run.agent) && <span className={classes.agent}>{run.agent}</span>}
      </span>
    ),
  },
  {
    id: "input",
    title: "Input",
    width: "minmax(140px, 1.5fr)",
    cell: (run) =>
      run.error?.message && run.status === "error" ? (
        <span className={classes.failure} title={run.error.message}>
          {run.error.message}
        </span>
      ) : (
        <span className="cut muted" title={run.input_preview ?? undefined}>
          {run.input_preview ?? dash}
        </span>
      ),
  },
  { id: "started", title: "Started", width: "74px", numeric: true, sort: "started_at", cell: (run) => <Ago at={run.started_at} className="muted" /> },
  {
    id: "duration",
    title: "Duration",
    width: "96px",
    numeric: true,
    sort: "duration_ms",
    cell: (run, { fullBar }) => (
      <span className={classes.duration} data-provisional={run.status === "running" || undefined}>
        {duration(run.duration_ms)}
        <span className={classes.bar} aria-hidden>
          <span style={{ width: `${Math.min(100, (run.duration_ms / fullBar) * 100)}%` }} />
        </span>
      </span>
    ),
  },
  {
    id: "steps",
    title: "Steps",
    width: "84px",
    numeric: true,
    sort: "steps",
    cell: (run) => (
      <span className={classes.steps}>
        <KindMix counts={run.steps_by_kind} />
        <span>{count(run.steps)}</span>
      </span>
    ),
  },
  { id: "llm", title: "LLM", hint: "LLM calls", width: "48px", numeric: true, sort: "llm_calls", cell: (run) => amount(run.llm_calls) },
  { id: "tools", title: "Tools", hint: "Tool calls", width: "46px", numeric: true, cell: (run) => amount(run.tool_calls) },
  {
    id: "errors",
    title: "Errors",
    hint: "Failed steps",
    width: "56px",
    numeric: true,
    sort: "errors",
    cell: (run) => (run.errors > 0 ? <span className={classes.errors}>{compact(run.errors)}</span> : <span className="faint">0</span>),
  },
  {
    id: "input_tokens",
    title: "In",
    hint: "Input tokens, cached ones included",
    width: "56px",
    numeric: true,
    cell: (run) => amount(run.usage.input_tokens),
  },
  {
    id: "output_tokens",
    title: "Out",
    hint: "Output tokens, reasoning included. Sorts by all tokens",
    width: "56px",
    numeric: true,
    sort: "total_tokens",
    cell: (run) => amount(run.usage.output_tokens),
  },
  {
    id: "cost",
    title: "Cost",
    width: "72px",
    numeric: true,
    sort: "cost_usd",
    cell: (run) => (run.cost_usd == null ? dash : <span>{usd(run.cost_usd)}</span>),
  },
  {
    id: "model",
    title: "Model",
    width: "118px",
    cell: (run) =>
      run.models.length === 0 ? (
        dash
      ) : (
        <span className={classes.model} title={run.models.join(", ")}>
          <span className="cut">{run.models[0]}</span>
          {run.models.length > 1 && <span className="faint">+{run.models.length - 1}</span>}
        </span>
      ),
  },
  {
    id: "session",
    title: "Session",
    width: "96px",
    cell: (run) =>
      run.session_id ? (
        <span className="cut mono muted" title={run.session_id}>
          {run.session_id}
        </span>
      ) : (
        dash
      ),
  },
];
