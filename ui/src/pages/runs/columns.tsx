/** The columns of the runs table: one entry each, in the order they are shown. */
import type { ReactNode } from "react";
import type { Run } from "@/api/types";
import type { SortField } from "@/lib/filter";
import { compact, count, duration, usd } from "@/lib/format";
import { runName } from "@/lib/step";
import { KindMix } from "@/theme/kinds";
import { StatusMark } from "@/ui/StatusMark";
import { Ago } from "@/ui/Time";
import classes from "./RunsTable.module.css";

export interface Column {
  id: string;
  title: string;
  /** Said on hover where the title is short. */
  hint?: string;
  /** Pixels, at least. */
  width: number;
  /** Share of the room that is left. */
  grow?: number;
  numeric?: boolean;
  sort?: SortField;
  /** Where there is no room for all, columns go in this order. */
  goes?: number;
  /** Shown only when it is chosen. */
  optional?: boolean;
  cell: (run: Run, context: CellContext) => ReactNode;
}

export interface CellContext {
  /** Milliseconds that fill the duration bar. */
  fullBar: number;
}

const dash = <span className="faint">–</span>;

/** Said whole on hover where it is shortened. */
function amount(value: number | null | undefined): ReactNode {
  if (!value) return <span className="faint">{value === 0 ? "0" : "–"}</span>;
  const [short, whole] = [compact(value), count(value)];
  return short === whole ? short : <span title={whole}>{short}</span>;
}

const text = (id: string, title: string, of: (run: Run) => string | null | undefined, width = 100): Column => ({
  id,
  title,
  width,
  grow: width > 120 ? 1 : undefined,
  optional: true,
  cell: (run) => {
    const said = of(run);
    return said ? (
      <span className="cut muted" title={said}>
        {said}
      </span>
    ) : (
      dash
    );
  },
});

const number = (id: string, title: string, of: (run: Run) => number): Column => ({
  id,
  title,
  width: 58,
  numeric: true,
  optional: true,
  cell: (run) => amount(of(run)),
});

export const COLUMNS: Column[] = [
  { id: "status", title: "", width: 22, cell: (run) => <StatusMark status={run.status} /> },
  {
    id: "name",
    title: "Run",
    width: 122,
    grow: 0.8,
    cell: (run) => (
      <span className={classes.name}>
        <span className="cut" title={run.name}>
          {runName(run.name)}
        </span>
        {run.agent && !run.name.includes(run.agent) && <span className={classes.agent}>{run.agent}</span>}
      </span>
    ),
  },
  {
    id: "input",
    title: "Input",
    width: 150,
    grow: 2,
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
  {
    id: "started",
    title: "Started",
    width: 58,
    numeric: true,
    sort: "started_at",
    cell: (run) => <Ago at={run.started_at} className="muted" />,
  },
  {
    id: "duration",
    title: "Duration",
    width: 76,
    numeric: true,
    sort: "duration_ms",
    cell: (run, { fullBar }) => (
      <span className={classes.duration} data-provisional={run.status === "running" || undefined}>
        {duration(run.duration_ms)}
        <span
          className={classes.bar}
          style={{ backgroundSize: `${Math.min(100, (run.duration_ms / fullBar) * 100).toFixed(1)}% 100%` }}
          aria-hidden
        />
      </span>
    ),
  },
  {
    id: "steps",
    title: "Steps",
    width: 74,
    numeric: true,
    sort: "steps",
    cell: (run) => (
      <span className={classes.steps}>
        <KindMix counts={run.steps_by_kind} />
        <span>{count(run.steps)}</span>
      </span>
    ),
  },
  {
    id: "llm",
    title: "LLM",
    goes: 4,
    hint: "LLM calls",
    width: 32,
    numeric: true,
    sort: "llm_calls",
    cell: (run) => amount(run.llm_calls),
  },
  {
    id: "tools",
    title: "Tools",
    goes: 3,
    hint: "Tool calls",
    width: 38,
    numeric: true,
    cell: (run) => amount(run.tool_calls),
  },
  {
    id: "errors",
    title: "Errors",
    hint: "Failed steps",
    width: 44,
    numeric: true,
    sort: "errors",
    cell: (run) =>
      run.errors > 0 ? <span className={classes.errors}>{compact(run.errors)}</span> : <span className="faint">0</span>,
  },
  {
    id: "tokens",
    title: "Tokens in, out",
    hint: "Input tokens, cached ones included, and output tokens, reasoning included. Sorts by both",
    width: 86,
    numeric: true,
    sort: "total_tokens",
    cell: (run) => (
      <span className={classes.tokens}>
        <span>{amount(run.usage.input_tokens)}</span>
        <span>{amount(run.usage.output_tokens)}</span>
      </span>
    ),
  },
  {
    id: "cost",
    title: "Cost",
    width: 62,
    numeric: true,
    sort: "cost_usd",
    cell: (run) => (run.cost_usd == null ? dash : usd(run.cost_usd)),
  },
  {
    id: "model",
    title: "Model",
    width: 104,
    goes: 2,
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
    width: 88,
    goes: 1,
    cell: (run) =>
      run.session_id ? (
        <span className="cut mono muted" title={run.session_id}>
          {run.session_id}
        </span>
      ) : (
        dash
      ),
  },
  text("agent", "Agent", (run) => run.agent),
  text("service", "Service", (run) => run.service),
  text("environment", "Environment", (run) => run.environment),
  text("version", "Version", (run) => run.version),
  text("workflow", "Workflow", (run) => run.workflow),
  text("user", "User", (run) => run.user_id),
  text("output", "Output", (run) => run.output_preview, 180),
  text("outcome", "Outcome", (run) => run.outcome),
  text("tags", "Tags", (run) => run.tags.join(", ")),
  text("toolnames", "Tools used", (run) => run.tools.join(", "), 140),
  number("findings", "Findings", (run) => run.findings),
  number("rounds", "Rounds", (run) => run.rounds),
  number("retries", "Retries", (run) => run.retries),
];

/** Columns that are there whatever is chosen: how a run stands, and the way to it. */
const FIXED = ["status", "name"];

/** Columns that can be chosen, with those that are shown where nothing is said. */
export const CHOICES = COLUMNS.filter((column) => !FIXED.includes(column.id)).map(({ id, title, hint, optional }) => ({
  id,
  title: hint && title.length < 6 ? hint : title,
  usual: !optional,
}));

/** Pixels between columns, and at both ends of a row. */
export const GAP = 11;
const ENDS = 28;

/** The columns that were chosen, or the usual ones that fit into a width, and their grid. */
export function fitting(width: number, chosen?: string[]): { columns: Column[]; template: string; least: number } {
  const needs = (columns: Column[]) => columns.reduce((sum, column) => sum + column.width + GAP, ENDS - GAP);
  let columns = COLUMNS.filter((column) =>
    chosen ? FIXED.includes(column.id) || chosen.includes(column.id) : !column.optional,
  );
  while (!chosen && width > 0 && needs(columns) > width) {
    const next = columns.filter((column) => column.goes).sort((a, b) => a.goes! - b.goes!)[0];
    if (!next) break;
    columns = columns.filter((column) => column !== next);
  }
  const template = columns.map((column) =>
    column.grow ? `minmax(${column.width}px, ${column.grow}fr)` : `${column.width}px`,
  );
  return { columns, template: template.join(" "), least: needs(columns) };
}
