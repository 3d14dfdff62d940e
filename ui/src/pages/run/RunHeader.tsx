/** What the run was and what it came to, in two lines. */
import { ActionIcon, Button, Tooltip } from "@mantine/core";
import { IconArrowLeft, IconGitCompare } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Run, RunAnswer } from "@/api/types";
import { comparing } from "@/lib/compare";
import type { CostsSearch } from "@/lib/costs";
import { absolute, compact, count, duration, plural, usd, usdExact } from "@/lib/format";
import { zone } from "@/lib/locale";
import { KIND_LOOK, KindMix } from "@/theme/kinds";
import { CopyButton } from "@/ui/CopyButton";
import { StatusBadge } from "@/ui/StatusMark";
import { Ago } from "@/ui/Time";
import classes from "./RunHeader.module.css";

interface Props {
  run: Run;
  joined: RunAnswer["joined"];
  onBack: () => void;
}

export function RunHeader({ run, joined, onBack }: Props) {
  const broken = run.sla_broken ?? [];
  return (
    <header className={classes.header}>
      <div className={classes.title}>
        <Tooltip label="Back to the runs (Esc)">
          <ActionIcon aria-label="Back to the runs" onClick={onBack}>
            <IconArrowLeft size={18} stroke={1.7} />
          </ActionIcon>
        </Tooltip>
        <h1 className="cut" title={run.name}>
          {run.name}
        </h1>
        <StatusBadge status={run.status} />
        {run.provisional && run.status !== "running" && (
          <Tooltip label="Spans came in a moment ago. Totals may still change.">
            <span className={classes.provisional}>provisional</span>
          </Tooltip>
        )}
        {joined.length > 0 && (
          <Tooltip label={joinedBecause(joined)} multiline maw={420}>
            <span className={classes.provisional}>joined from {plural(joined.length + 1, "trace")}</span>
          </Tooltip>
        )}
        {broken.length > 0 && (
          <Tooltip
            multiline
            maw={420}
            events={{ hover: true, focus: true, touch: true }}
            label={broken.map((each) => `${each.objective}: promised ${each.promised}, was ${each.was}`).join("; ")}
          >
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what it means is said on focus */}
            <span className={classes.broken} tabIndex={0}>
              SLA broken: {broken.map((each) => each.objective).join(", ")}
            </span>
          </Tooltip>
        )}
        {run.outcome && <span className={classes.outcome}>{run.outcome}</span>}
        <Button
          variant="default"
          className={classes.compare}
          aria-label="Compare with what is usual"
          leftSection={<IconGitCompare size={15} stroke={1.7} />}
          renderRoot={(props) => <Link {...props} to="/compare" search={comparing([run.trace_id])} />}
        >
          Compare<span className={classes.usual}>&nbsp;with what is usual</span>
        </Button>
        <span className={classes.id}>
          <span className="mono">{run.trace_id}</span>
          <CopyButton text={run.trace_id} label="Copy the trace id" />
        </span>
      </div>
      <Facts run={run} />
      <Totals run={run} />
      {run.error && run.status === "error" && (
        <p className={classes.error}>
          {run.error.type && <strong>{run.error.type}</strong>}
          <span>{run.error.message ?? "It failed without saying why."}</span>
        </p>
      )}
    </header>
  );
}

/** Each reason once, with the traces it joins. */
function joinedBecause(joined: RunAnswer["joined"]): string {
  const reasons = [...new Set(joined.map((each) => each.because))];
  return reasons
    .map((because) => {
      const traces = joined.filter((each) => each.because === because).map((each) => each.trace_id);
      const more = traces.length > 3 ? ` and ${traces.length - 3} more` : "";
      return `${traces.slice(0, 3).join(", ")}${more}: ${because}.`;
    })
    .join(" ");
}

function Facts({ run }: { run: Run }) {
  return (
    <dl className={classes.facts}>
      <Fact name="Started">
        <span title={zone()}>{absolute(run.started_at)}</span> <span className="faint">·</span>{" "}
        <Ago at={run.started_at} className="faint" />
      </Fact>
      {run.agent && (
        <Fact name="Agent">
          <Link to="/runs" search={{ agent: [run.agent] }}>
            {run.agent}
          </Link>
          {run.agents.length > 1 && (
            <span className="faint" title={run.agents.map((each) => each.agent).join(", ")}>
              {" "}
              +{run.agents.length - 1}
            </span>
          )}
        </Fact>
      )}
      {run.session_id && (
        <Fact name="Session">
          <Link to="/sessions/session" search={{ id: run.session_id }}>
            {run.session_id}
          </Link>
        </Fact>
      )}
      {run.user_id && (
        <Fact name="User">
          <Link to="/runs" search={{ user: [run.user_id] }}>
            {run.user_id}
          </Link>
        </Fact>
      )}
      {run.service && (
        <Fact name="Service">
          <Link to="/runs" search={{ service: [run.service] }}>
            {run.service}
          </Link>
          <span className="faint">
            {run.version && ` ${run.version}`}, {run.environment}
          </span>
        </Fact>
      )}
      {run.workflow && run.workflow !== run.name && <Fact name="Workflow">{run.workflow}</Fact>}
      {!run.service && <Fact name="Environment">{run.environment}</Fact>}
      {run.tags.length > 0 && <Fact name="Tags">{run.tags.join(", ")}</Fact>}
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Totals({ run }: { run: Run }) {
  const { usage } = run;
  const kinds = (Object.keys(KIND_LOOK) as (keyof typeof KIND_LOOK)[])
    .filter((kind) => run.steps_by_kind[kind])
    .map((kind) => `${count(run.steps_by_kind[kind])} ${KIND_LOOK[kind].plural}`);
  const inputParts = [
    usage.cache_read_tokens > 0 && `${compact(usage.cache_read_tokens)} cached`,
    usage.cache_write_tokens > 0 && `${compact(usage.cache_write_tokens)} written to cache`,
  ].filter(Boolean);
  return (
    <dl className={classes.totals} aria-label="Totals">
      <Total name="Duration" value={duration(run.duration_ms)} live={run.status === "running"} />
      <Total
        name="Steps"
        value={count(run.steps)}
        note={<KindMix counts={run.steps_by_kind} />}
        hint={kinds.join(", ")}
      />
      <Total
        name="LLM calls"
        value={count(run.llm_calls)}
        hint="Calls of language and embedding models that the tokens come from; rounds are the calls in the agents' loops, failed ones included"
        note={run.rounds !== run.llm_calls ? plural(run.rounds, "round") : undefined}
      />
      <Total
        name="Tool calls"
        value={count(run.tool_calls)}
        note={run.retrievals > 0 ? plural(run.retrievals, "retrieval") : undefined}
      />
      <Total
        name="Tokens in"
        value={compact(usage.input_tokens)}
        note={inputParts.join(", ")}
        hint={[`${count(usage.input_tokens)} input tokens, cached ones included`, ...inputParts].join(", ")}
      />
      <Total
        name="Tokens out"
        value={compact(usage.output_tokens)}
        note={usage.reasoning_tokens > 0 ? `${compact(usage.reasoning_tokens)} reasoning` : undefined}
        hint={`${count(usage.output_tokens)} output tokens, reasoning included`}
      />
      <Total
        name="Cost"
        value={
          run.cost_usd == null ? (
            "–"
          ) : (
            <Link to="/costs" search={ledgerOf(run)}>
              {usd(run.cost_usd)}
            </Link>
          )
        }
        hint={run.cost_usd == null ? "No step says what it cost" : `${usdExact(run.cost_usd)}: its ledger`}
      />
      <Total
        name="Errors"
        value={count(run.errors)}
        tone={run.errors > 0 ? "error" : undefined}
        note={run.retries > 0 ? plural(run.retries, "retry", "retries") : undefined}
      />
      <Total
        name="Model"
        value={run.models[0] ?? "–"}
        text
        note={run.models.length > 1 ? `+${run.models.length - 1}` : undefined}
        hint={run.models.join(", ")}
      />
    </dl>
  );
}

/** Its entries among all costs: those of its own time, whenever it was. */
const ledgerOf = ({ trace_id, started_at, ended_at }: Run): CostsSearch => ({
  run: [trace_id],
  from: started_at,
  ...(ended_at ? { to: ended_at } : {}),
});

interface TotalProps {
  name: string;
  value: ReactNode;
  note?: ReactNode;
  hint?: string;
  tone?: "error";
  live?: boolean;
  /** Words instead of a number. */
  text?: boolean;
}

function Total({ name, value, note, hint, tone, live, text }: TotalProps) {
  return (
    <div title={hint} data-text={text || undefined}>
      <dt>{name}</dt>
      <dd data-tone={tone} data-live={live || undefined}>
        <span className="cut">{value}</span>
        {note && <span className={classes.note}>{note}</span>}
      </dd>
    </div>
  );
}
