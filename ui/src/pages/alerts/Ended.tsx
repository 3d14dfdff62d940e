/** An alert that is over: what showed it when it fired, as it was kept then. */
import { ActionIcon, Tooltip } from "@mantine/core";
import { IconArrowLeft } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { rulesQuery } from "@/api/alerting";
import { investigateQuery } from "@/api/behind";
import type { AlertEvent, AlertEvidence } from "@/api/types";
import { absolute, duration, usd } from "@/lib/format";
import { matrixSeries } from "@/lib/promql";
import { buckets, type Mark, stepFor } from "@/lib/series";
import { readsAs } from "@/lib/unit";
import { Seen } from "@/pages/issues/Seen";
import { TimeChart } from "@/ui/chart/TimeChart";
import { Empty, SkeletonRows } from "@/ui/States";
import { StatusMark } from "@/ui/StatusMark";
import { Ago } from "@/ui/Time";
import { About } from "./About";
import page from "./Alert.module.css";
import classes from "./Alerts.module.css";
import { AlertIssues, RunRow, runsBehind } from "./Behind";
import { Past } from "./Past";

export function Ended({ evidence, events }: { evidence: AlertEvidence[]; events: AlertEvent[] }) {
  const last = evidence[0];
  const name = events[0]?.name ?? "An alert";
  const summary = useQuery(rulesQuery)
    .data?.groups.flatMap((group) => group.rules)
    .find((rule) => rule.name === name)?.annotations.summary;
  const labels = events[0]?.labels;
  const since = last?.fired_at ?? events.findLast((event) => event.kind === "fired")?.at;
  const ended = events.find((event) => event.kind === "resolved" || event.kind === "no_data");
  return (
    <div className={classes.page}>
      <header className={page.header}>
        <div className={page.title}>
          <Tooltip label="All alerts">
            <ActionIcon aria-label="All alerts" renderRoot={(props) => <Link to="/alerts" search={{}} {...props} />}>
              <IconArrowLeft size={18} stroke={1.7} />
            </ActionIcon>
          </Tooltip>
          <h1>{name}</h1>
          <span className={page.state}>Ended</span>
        </div>
      </header>
      <div className={page.body}>
        <div className={page.main}>
          <section className={page.words} aria-label="What it said">
            {summary && <p className={page.summary}>{summary}</p>}
            <p className="muted">
              {last && <>Fired {absolute(last.fired_at, "second")}, </>}
              {ended ? (
                <>
                  ended <Ago at={ended.at} />.
                </>
              ) : (
                "over by now."
              )}{" "}
              What showed it was kept as it was then.
            </p>
          </section>
          {last ? (
            <Evidence evidence={last} name={name} labels={labels} />
          ) : (
            <Empty title="Nothing was kept that shows it" />
          )}
        </div>
        <aside className={page.side} aria-label="Around the alert">
          {labels && since && (
            <>
              <AlertIssues labels={labels} since={since} over />
              <About name={name} labels={labels} since={since} />
            </>
          )}
          <Past events={events} />
        </aside>
      </div>
    </div>
  );
}

interface EvidenceProps {
  evidence: AlertEvidence;
  name: string;
  labels: Record<string, string> | undefined;
}

function Evidence({ evidence, name, labels }: EvidenceProps) {
  const navigate = useNavigate();
  const { points, runs, findings, threshold } = evidence;
  const reads = useMemo(() => readsAs(evidence.query, threshold), [evidence.query, threshold]);
  const drawn = useMemo(() => {
    const times = points.map((point) => Date.parse(point.at));
    const [start, end] = [Math.min(...times), Math.max(...times)];
    // Buckets no shorter than the distance of points, so that the line has no holes.
    const [, stepMs] = stepFor(end - start, Math.max(1, points.length - 1));
    const time = buckets(start, end + 1, stepMs);
    const values = points.map((point): [number, string] => [Date.parse(point.at) / 1000, String(point.value)]);
    return { time, series: matrixSeries([{ metric: { __name__: "value" }, values }], time, 1) };
  }, [points]);
  const marks = useMemo(
    (): Mark[] => [
      {
        at: Date.parse(evidence.fired_at),
        to: evidence.ended_at ? Date.parse(evidence.ended_at) : Number.MAX_SAFE_INTEGER,
        name: "fired",
        tone: "bad",
      },
    ],
    [evidence.fired_at, evidence.ended_at],
  );
  const open = useCallback(
    (from: number, to: number) =>
      void navigate({ to: "/runs", search: runsBehind({ name, labels: labels ?? {} }, evidence.query, from, to) }),
    [navigate, name, labels, evidence.query],
  );
  return (
    <>
      {points.length > 1 && (
        <section className={page.panel} aria-label="Value over time">
          <TimeChart
            label="What its rule compared"
            time={drawn.time}
            series={drawn.series}
            kind="lines"
            format={reads}
            threshold={threshold === null ? undefined : { value: threshold, name: `fires past ${reads(threshold)}` }}
            marks={marks}
            height={210}
            onPoint={open}
          />
        </section>
      )}
      {runs.length > 0 && (
        <section className={page.panel} aria-label="Worst runs">
          <header className={page.panelHead}>
            <h2>Worst runs</h2>
          </header>
          <ul className={page.runs}>
            {runs.map((run) => (
              <KeptRun key={run.trace_id} run={run} />
            ))}
          </ul>
        </section>
      )}
      {findings.length > 0 && (
        <section className={page.panel} aria-label="What was seen">
          <header className={page.panelHead}>
            <h2>What detectors saw in that time</h2>
          </header>
          <ol className={page.seen}>
            {findings.map((finding) => (
              <Seen key={finding.id} finding={finding} />
            ))}
          </ol>
        </section>
      )}
    </>
  );
}

/** A run as it is explained now; as it was then where it is no longer kept. */
function KeptRun({ run }: { run: AlertEvidence["runs"][number] }) {
  const found = useQuery({ ...investigateQuery(run.trace_id), retry: false });
  if (found.isPending)
    return (
      <li>
        <SkeletonRows rows={1} height={44} />
      </li>
    );
  if (found.data) return <RunRow found={found.data} />;
  return (
    <li>
      <Link to="/runs/$traceId" params={{ traceId: run.trace_id }} className={page.run}>
        <StatusMark status={run.status} />
        <span className={page.runName}>
          <span className="cut">{run.agent ?? run.name}</span>
        </span>
        <span className="num">{duration(run.duration_ms)}</span>
        <span className="num">{usd(run.cost_usd)}</span>
        <Ago at={run.started_at} className="num muted" />
      </Link>
    </li>
  );
}
