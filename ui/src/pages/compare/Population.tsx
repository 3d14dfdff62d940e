/** One run against good runs of its kind: its numbers beside theirs, where it leaves what they do, and which to compare it with. */

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { goodRunsQuery, investigateQuery } from "@/api/compare";
import type { InvestigateAnswer, Run } from "@/api/types";
import { compact, count, duration, plural, usd } from "@/lib/format";
import { fixed } from "@/lib/locale";
import { BoardPanel, type Column, Grid, Nothing, Table, type Tone } from "@/ui/Board";
import { Said } from "@/ui/Said";
import { ErrorState, SkeletonRows } from "@/ui/States";
import { Ago } from "@/ui/Time";

/** Failed steps that are told here: the page of the run has all. */
const FEW = 8;

type Beside = InvestigateAnswer["beside"][number];

/** How a number of a run reads, by its name. */
function say(feature: string, value: number | null | undefined): string {
  if (value == null) return "–";
  if (/_ms$|duration|latency/.test(feature)) return duration(value);
  if (/usd|cost/.test(feature)) return usd(value);
  if (/share|rate|ratio/.test(feature)) return `${fixed(value * 100, 1)} %`;
  return Number.isInteger(value) || value >= 100 ? compact(value) : fixed(value, 1);
}

const words = (feature: string) => {
  const name = feature.replace(/_ms$|_usd$/, "").replaceAll("_", " ");
  return name.charAt(0).toUpperCase() + name.slice(1);
};

const unusual = ({ value, median, p95 }: Beside): Tone | undefined =>
  p95 == null || median == null || value <= p95 ? undefined : value > p95 * 2 ? "bad" : "warn";

const BESIDE: Column<Beside>[] = [
  { key: "feature", name: "Number", silent: true, left: true, wide: true, cell: (row) => words(row.feature) },
  { key: "value", name: "This run", cell: (row) => say(row.feature, row.value), tone: unusual },
  { key: "median", name: "Median", cell: (row) => say(row.feature, row.median) },
  { key: "p95", name: "p95", roomy: true, cell: (row) => say(row.feature, row.p95) },
  {
    key: "times",
    name: "× median",
    cell: (row) => (row.median ? `${fixed(row.value / row.median, 1)}×` : "–"),
    // Of a median of zero nothing is a multiple: a dash warns of nothing.
    tone: (row) => (row.median ? unusual(row) : undefined),
  },
];

export function Population({ traceId }: { traceId: string }) {
  const { data, isPending, isError, error, refetch } = useQuery(investigateQuery(traceId));
  if (isPending) return <SkeletonRows rows={10} />;
  if (isError) return <ErrorState error={error} what="the run" onRetry={() => void refetch()} />;
  const learned = data.beside.some((one) => one.median != null);
  return (
    <Grid>
      <BoardPanel
        title="Against good runs of its kind"
        about="The same agent, task type, project and environment. Good runs are those that ended well without a grave finding; they are learned as runs settle."
        span={7}
        tools={
          <Link to="/runs/$traceId" params={{ traceId }}>
            Open the run
          </Link>
        }
      >
        <p className="muted" style={{ marginBottom: 6 }}>
          <Said text={data.state} />
        </p>
        {!learned && <Nothing>Too few good runs of its kind are known yet to say what is usual.</Nothing>}
        <Table label="Against good runs" columns={BESIDE} rows={data.beside} rowKey={(row) => row.feature} />
      </BoardPanel>
      <BoardPanel title="Where it leaves them" span={5}>
        {data.departure ? (
          <p>
            <Link to="/runs/$traceId" params={{ traceId }} search={{ step: data.departure.span_id }}>
              <Said text={data.departure.words} />
            </Link>
          </p>
        ) : (
          <p className="muted">
            {learned
              ? "No step was found in which it does otherwise than such runs do."
              : "Too few such runs are known to say."}
          </p>
        )}
        {data.failed.length > 0 && (
          <List name="What failed">
            {data.failed.slice(0, FEW).map((step) => (
              <li key={step.span_id}>
                <Link to="/runs/$traceId" params={{ traceId }} search={{ step: step.span_id }}>
                  {step.step}
                </Link>
                {step.attempts > 1 && `, tried ${count(step.attempts)} times`}
                {step.recovered && ", then worked"}
                {step.error && (
                  <span className="muted" style={{ display: "block" }}>
                    {step.error}
                  </span>
                )}
              </li>
            ))}
            {data.failed.length > FEW && (
              <li className="faint">and {plural(data.failed.length - FEW, "other step")}</li>
            )}
          </List>
        )}
        {data.findings.length > 0 && (
          <List name="Findings">
            {data.findings.map((finding) => (
              <li key={finding.id}>
                <Link
                  to="/runs/$traceId"
                  params={{ traceId }}
                  search={finding.span_ids[0] ? { step: finding.span_ids[0] } : {}}
                >
                  <Said text={finding.message} />
                </Link>
              </li>
            ))}
          </List>
        )}
      </BoardPanel>
      <Candidates run={data.run} />
    </Grid>
  );
}

/** Under the sentence that says where the run parts from good ones: what else is known of it, each with its step. */
const List = ({ name, children }: { name: string; children: ReactNode }) => (
  <>
    <h3 style={{ margin: "12px 0 4px" }}>{name}</h3>
    <ul aria-label={name} style={{ margin: 0, paddingLeft: 18, lineHeight: "24px", overflowWrap: "anywhere" }}>
      {children}
    </ul>
  </>
);

const columns = (a: string): Column<Run>[] => [
  {
    key: "run",
    name: "Run",
    left: true,
    wide: true,
    cell: (row) => (
      <Link to="/compare" search={{ a, b: row.trace_id }} className="cut">
        {row.input_preview || row.name}
      </Link>
    ),
  },
  { key: "at", name: "Began", cell: (row) => <Ago at={row.started_at} /> },
  { key: "duration", name: "Duration", cell: (row) => duration(row.duration_ms) },
  { key: "steps", name: "Steps", cell: (row) => count(row.steps) },
  { key: "cost", name: "Cost", cell: (row) => usd(row.cost_usd) },
];

function Candidates({ run }: { run: Run }) {
  const { data, isPending, isError, error, refetch } = useQuery(goodRunsQuery(run.agent, run.started_at));
  const rows = (data?.runs ?? []).filter((each) => each.trace_id !== run.trace_id);
  return (
    <BoardPanel title="Compare it step by step with" about="The last runs of the agent before it that ended well.">
      {isPending ? (
        <SkeletonRows rows={4} />
      ) : isError ? (
        <ErrorState error={error} what="runs to compare with" onRetry={() => void refetch()} />
      ) : (
        <Table
          label="Runs to compare with"
          columns={columns(run.trace_id)}
          rows={rows}
          rowKey={(row) => row.trace_id}
          empty="No earlier run of this agent ended well. Paste the id of any run above."
        />
      )}
    </BoardPanel>
  );
}
