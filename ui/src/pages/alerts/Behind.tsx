/** What is behind an alert: the worst runs with the reason of each, and the issues of that time. */
import { useQueries, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { investigateQuery, isGone, issuesNearQuery, runsNearQuery } from "@/api/behind";
import { meQuery } from "@/api/settings";
import type { Alert, Investigation } from "@/api/types";
import { lookbackMs, runsOf } from "@/lib/alerts";
import type { RunsSearch } from "@/lib/filter";
import { duration, plural, usd } from "@/lib/format";
import { firstProof, reasonOf } from "@/lib/reason";
import { Said } from "@/ui/Said";
import { ErrorState, explain, SkeletonRows } from "@/ui/States";
import { StatusMark } from "@/ui/StatusMark";
import { Ago } from "@/ui/Time";
import page from "./Alert.module.css";

/** Runs that are looked into. */
const RUNS = 5;
/** Runs and issues count from so long before the condition held. */
const LEAD_MS = 3_600_000;

/** Which runs are the worst, by what the rule is about. */
export function worstFirst(name: string): "-cost_usd" | "-total_tokens" | "-duration_ms" | "-errors" {
  // A budget of tokens is one of tokens.
  if (/cost|spend|burn/i.test(name)) return "-cost_usd";
  if (/token/i.test(name)) return "-total_tokens";
  if (/budget/i.test(name)) return "-cost_usd";
  if (/latency|slow|duration|stuck|p9\d/i.test(name)) return "-duration_ms";
  return "-errors";
}

/** The runs behind what an alert's rule compared in a stretch of time, the worst first. */
export const runsBehind = (
  { name, labels }: Pick<Alert, "name" | "labels">,
  query: string,
  from: number,
  to: number,
): RunsSearch => ({
  ...runsOf(labels),
  // The value of a moment was made of what came before it.
  from: new Date(from - lookbackMs(query)).toISOString(),
  to: new Date(to).toISOString(),
  sort: worstFirst(name),
});

/** The project of an alert about another one than this tab's: its runs and issues are there. */
function useElsewhere({ project }: Record<string, string>): string | undefined {
  const own = useQuery(meQuery).data?.project;
  return own && project && project !== own ? project : undefined;
}

export function AlertRuns({ alert }: { alert: Alert }) {
  const elsewhere = useElsewhere(alert.labels);
  return elsewhere ? <RunsElsewhere alert={alert} project={elsewhere} /> : <RunsHere alert={alert} />;
}

function RunsElsewhere({ alert, project }: { alert: Alert; project: string }) {
  const there = (path: string) => `${path}?project=${encodeURIComponent(project)}`;
  return (
    <section className={page.panel} aria-label="Worst runs">
      <header className={page.panelHead}>
        <h2>Worst runs</h2>
        <a href={there("/runs")}>Runs of {project}</a>
      </header>
      <p className="muted">
        {alert.traces.length > 0 ? "They are" : "They would be"} in the project {project}.
      </p>
      <ul className={page.runs}>
        {alert.traces.map((trace) => (
          <li key={trace} className={page.plain}>
            <a href={there(`/runs/${trace}`)} className="mono">
              {trace}
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}

function RunsHere({ alert }: { alert: Alert }) {
  const from = new Date(Date.parse(alert.active_at) - LEAD_MS).toISOString();
  const to = alert.resolved_at ?? undefined;
  const told = alert.traces.length > 0;
  const near = useQuery({
    ...runsNearQuery({ ...runsOf(alert.labels), from, to, sort: worstFirst(alert.name) }, RUNS),
    enabled: !told,
  });
  const traces = told ? alert.traces : (near.data?.runs.map((run) => run.trace_id) ?? []);
  const runs = useQueries({ queries: traces.slice(0, RUNS).map(investigateQuery) });
  const pending = (!told && near.isPending) || runs.some((run) => run.isPending);
  const failed = (!told && near.isError && near) || undefined;
  return (
    <section className={page.panel} aria-label="Worst runs">
      <header className={page.panelHead}>
        <h2>Worst runs</h2>
        <Link
          to="/runs"
          search={{ ...runsOf(alert.labels), from, ...(to ? { to } : {}), sort: worstFirst(alert.name) }}
        >
          All of them
        </Link>
      </header>
      {pending ? (
        <SkeletonRows rows={3} height={44} />
      ) : failed ? (
        <ErrorState error={failed.error} what="the worst runs" onRetry={() => void failed.refetch()} />
      ) : traces.length === 0 ? (
        <p className="muted">
          No run of that time has these labels. The alert may be about telemetry itself, or its runs are no longer kept.
        </p>
      ) : (
        <ul className={page.runs}>
          {runs.map((run, at) =>
            run.data ? (
              <RunRow key={traces[at]} found={run.data} />
            ) : (
              <NoRun key={traces[at]} trace={traces[at]!} error={run.error} />
            ),
          )}
        </ul>
      )}
    </section>
  );
}

/** A run that cannot be explained: only one that the server does not know is gone. */
function NoRun({ trace, error }: { trace: string; error: Error | null }) {
  if (isGone(error)) return <li className={`${page.plain} muted`}>{trace} is no longer kept.</li>;
  return (
    <li className={`${page.plain} muted`} role="alert">
      <Link to="/runs/$traceId" params={{ traceId: trace }} className="mono">
        {trace}
      </Link>{" "}
      could not be looked into: {explain(error, "the run").detail}
    </li>
  );
}

export function RunRow({ found }: { found: Investigation }) {
  const { run } = found;
  const step = firstProof(found);
  return (
    <li>
      <Link to="/runs/$traceId" params={{ traceId: run.trace_id }} search={step ? { step } : {}} className={page.run}>
        <StatusMark status={run.status} />
        <span className={page.runName}>
          <span className="cut">{run.agent ?? run.name}</span>
          <span className={page.reason}>
            <Said text={reasonOf(found)} />
          </span>
        </span>
        <span className="num">{duration(run.duration_ms)}</span>
        <span className="num">{usd(run.cost_usd)}</span>
        <Ago at={run.started_at} className="num muted" />
      </Link>
    </li>
  );
}

interface IssuesProps {
  labels: Record<string, string>;
  since: string;
  /** The alert is over: an issue that was resolved since belongs to it too. */
  over?: boolean;
}

export function AlertIssues({ labels, since, over = false }: IssuesProps) {
  const from = new Date(Date.parse(since) - LEAD_MS).toISOString();
  const agent = runsOf(labels).agent;
  const elsewhere = useElsewhere(labels);
  const query = useQuery(issuesNearQuery({ from, ...(agent ? { agent } : {}) }, over));
  const issues = query.data?.issues;
  if (elsewhere) return null;
  return (
    <section className={page.panel} aria-label="Issues of that time">
      <header className={page.panelHead}>
        <h2>Issues of that time</h2>
      </header>
      {query.isPending ? (
        <SkeletonRows rows={3} height={40} />
      ) : !issues ? (
        <ErrorState error={query.error} what="the issues" onRetry={() => void query.refetch()} />
      ) : issues.length === 0 ? (
        <p className="muted">Detectors saw nothing {agent ? `of ${agent.join(", ")}` : ""} since an hour before it.</p>
      ) : (
        <ul className={page.issues}>
          {issues.map((issue) => (
            <li key={issue.fingerprint} data-severity={issue.severity}>
              <Link to="/incidents/$fingerprint" params={{ fingerprint: issue.fingerprint }}>
                <strong>
                  {issue.detector.replaceAll("_", " ")}
                  {issue.agent && !agent ? ` in ${issue.agent}` : ""}
                </strong>
                <span className="muted">
                  <Said text={issue.message} />
                </span>
                <span className="faint tnum">
                  {plural(issue.runs, "run")}, {plural(issue.users, "user")}, last <Ago at={issue.last_seen} />
                </span>
              </Link>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
