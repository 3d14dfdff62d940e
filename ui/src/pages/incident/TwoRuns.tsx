/** The last good run beside the first bad one: their numbers, and the first step in which they part. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { diffQuery } from "@/api/incidents";
import type { Incident, Run } from "@/api/types";
import { compact, count, dated, duration, usd } from "@/lib/format";
import { ErrorState, SkeletonRows } from "@/ui/States";
import { StatusMark } from "@/ui/StatusMark";
import classes from "./Incident.module.css";

export function TwoRuns({ incident: { last_good: good, first_bad: bad } }: { incident: Incident }) {
  const answer = useQuery({
    ...diffQuery(good?.trace_id ?? "", bad?.trace_id ?? ""),
    enabled: !!good && !!bad,
  });
  const diff = answer.data;
  const parts = diff && diff.first_divergence != null ? diff.pairs[diff.first_divergence] : undefined;
  return (
    <section className={classes.panel} aria-label="Last good run and first bad one">
      <header className={classes.panelHead}>
        <h2>Last good run, first bad run</h2>
        {good && bad && (
          <Link to="/compare" search={{ a: good.trace_id, b: bad.trace_id }}>
            Compare step by step
          </Link>
        )}
      </header>
      <div className={classes.two}>
        <OneRun name="Last good" run={good} />
        <OneRun name="First bad" run={bad} step={parts?.right ?? undefined} />
      </div>
      {answer.isLoading && <SkeletonRows rows={2} />}
      {answer.isError && !diff && (
        <ErrorState error={answer.error} what="where the runs part" onRetry={() => void answer.refetch()} />
      )}
      {diff && parts && (
        <div className={classes.parts}>
          <p>
            They part at <strong>{parts.step}</strong>{" "}
            <span className="muted">
              after {count(diff.first_divergence ?? 0)} aligned steps: {IN_WORDS[parts.difference] ?? parts.difference}
            </span>
          </p>
          {(parts.left_text ?? parts.right_text) && (
            <div className={classes.two}>
              <pre className="mono">{parts.left_text ?? "–"}</pre>
              <pre className="mono">{parts.right_text ?? "–"}</pre>
            </div>
          )}
        </div>
      )}
      {diff && !parts && <p className="muted">Step by step they did the same.</p>}
    </section>
  );
}

const IN_WORDS: Record<string, string> = {
  input: "what was put in differs",
  output: "what came out differs",
  removed: "only the good run has it",
  added: "only the bad run has it",
};

function OneRun({ name, run, step }: { name: string; run: Run | null | undefined; step?: string | undefined }) {
  if (!run)
    return (
      <div className={classes.oneRun}>
        <h3>{name}</h3>
        <p className="muted">No such run is kept.</p>
      </div>
    );
  return (
    <div className={classes.oneRun}>
      <h3>
        {name}{" "}
        <Link to="/runs/$traceId" params={{ traceId: run.trace_id }} search={step ? { step } : {}}>
          {dated(run.started_at, "second")}
        </Link>
      </h3>
      <dl>
        <Fact name="Ended">
          <StatusMark status={run.status} />
        </Fact>
        <Fact name="Took">{duration(run.duration_ms)}</Fact>
        <Fact name="Cost">{usd(run.cost_usd)}</Fact>
        <Fact name="Tokens">{compact(run.usage.total_tokens)}</Fact>
        <Fact name="Steps">{count(run.steps)}</Fact>
        <Fact name="Findings">{count(run.findings)}</Fact>
        <Fact name="Version">{run.version ?? "–"}</Fact>
      </dl>
      <p className={classes.preview}>{run.input_preview}</p>
    </div>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
