/** One alert: what it says, how its value went, the runs and issues behind it, and what was done about it. */
import { ActionIcon, Anchor, Button, Tooltip } from "@mantine/core";
import { IconArrowLeft, IconBellOff, IconBook2 } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo, useState } from "react";
import { alertQuery, explainQuery } from "@/api/alerting";
import { ApiError } from "@/api/client";
import { meQuery } from "@/api/settings";
import type { Alert, AlertEvent, AlertEvidence } from "@/api/types";
import { distanceText, isSeriesOf, matcherOf } from "@/lib/alerts";
import { absolute } from "@/lib/format";
import type { Mark } from "@/lib/series";
import { readsAs } from "@/lib/unit";
import { ErrorState, SkeletonRows } from "@/ui/States";
import { Ago } from "@/ui/Time";
import { useEverywhere } from "@/ui/useEverywhere";
import { useTitle } from "@/ui/useTitle";
import { About } from "./About";
import { Acknowledge } from "./Acknowledge";
import page from "./Alert.module.css";
import classes from "./Alerts.module.css";
import { AlertIssues, AlertRuns, runsBehind } from "./Behind";
import { Ended } from "./Ended";
import { stateName } from "./Now";
import { Past } from "./Past";
import { Severity } from "./Severity";
import { SilenceForm } from "./SilenceForm";
import { WatchedChart } from "./WatchedChart";

const route = getRouteApi("/alerts/$fingerprint");

/** The chart begins so long before the condition held. */
const LEAD_MS = 3_600_000;

export function AlertPage() {
  const { fingerprint } = route.useParams();
  const query = useQuery(alertQuery(fingerprint));
  const name = query.data?.alert?.name ?? query.data?.events[0]?.name;
  useTitle(name ?? "Alert");
  useProjectOf(query.data?.alert?.labels ?? query.data?.events[0]?.labels);
  if (query.isPending) return <SkeletonRows rows={10} height={44} />;
  if (!query.data)
    return <ErrorState page error={query.error} what="this alert" onRetry={() => void query.refetch()} />;
  const { alert, evidence, events } = query.data;
  return alert ? (
    <Shown alert={alert} evidence={evidence[0]} events={events} />
  ) : (
    <Ended evidence={evidence} events={events} />
  );
}

/** A message leads here whatever project one looks at: what is behind the alert is in the alert's. */
function useProjectOf(labels: Record<string, string> | undefined) {
  const navigate = route.useNavigate();
  const { data: me } = useQuery(meQuery);
  const project = labels?.project;
  useEffect(() => {
    if (project && me && project !== me.project && me.projects.includes(project))
      void navigate({ search: (before) => ({ ...before, project }), replace: true });
  }, [project, me, navigate]);
}

interface ShownProps {
  alert: Alert;
  /** What was kept as it fired. */
  evidence?: AlertEvidence;
  events: AlertEvent[];
}

function Shown({ alert, evidence, events }: ShownProps) {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const [silencing, setSilencing] = useState(false);
  // Rules are the whole server's; what an alert of one's project looks at was kept with it.
  const everywhere = useEverywhere();
  const asked = everywhere && alert.group !== "external";
  const explained = useQuery({ ...explainQuery(alert.name, alert.group), enabled: asked });
  const rule = explained.data;
  // A rule that is no longer there has nothing to draw; one that could not be asked for has.
  const unknown =
    explained.isError && !rule && !(explained.error instanceof ApiError && explained.error.status === 404);
  const since = Date.parse(alert.active_at);
  const from = search.from ?? new Date(since - LEAD_MS).toISOString();
  const to = search.to ?? alert.resolved_at ?? undefined;
  const marks = useMemo(() => firingMarks(alert), [alert]);
  const only = useCallback((metric: Record<string, string>) => isSeriesOf(metric, alert.labels), [alert.labels]);
  const stretch = useCallback(
    (start: number, end: number) =>
      void navigate({
        search: { from: new Date(start).toISOString(), to: new Date(end).toISOString() },
        replace: true,
      }),
    [navigate],
  );
  const watched = rule?.watched ?? rule?.query ?? (asked ? "" : (evidence?.query ?? ""));
  const threshold = rule ? rule.threshold : evidence?.threshold;
  const { name, labels } = alert;
  const open = useCallback(
    (start: number, end: number) =>
      void navigate({ to: "/runs", search: runsBehind({ name, labels }, watched, start, end) }),
    [navigate, name, labels, watched],
  );
  const reads = readsAs(rule?.query ?? evidence?.query ?? "");
  const near = rule?.values.find((value) => isSeriesOf(value.labels, alert.labels));

  return (
    <div className={classes.page}>
      <header className={page.header}>
        <div className={page.title}>
          <Tooltip label="All alerts">
            <ActionIcon aria-label="All alerts" renderRoot={(props) => <Link to="/alerts" search={{}} {...props} />}>
              <IconArrowLeft size={18} stroke={1.7} />
            </ActionIcon>
          </Tooltip>
          <h1>{alert.name}</h1>
          <span className={page.states}>
            <span className={page.state} data-state={alert.state}>
              {stateName(alert.state)}
            </span>
            <Severity severity={alert.severity} />
          </span>
        </div>
        <div className={page.tools}>
          <Acknowledge alert={alert} />
          {everywhere && (
            <Button
              variant="default"
              leftSection={<IconBellOff size={14} stroke={1.8} />}
              onClick={() => setSilencing(true)}
            >
              Silence…
            </Button>
          )}
          {alert.annotations.runbook_url && (
            <Button
              variant="default"
              leftSection={<IconBook2 size={14} stroke={1.8} />}
              renderRoot={(props) => (
                <Anchor href={`/runbooks/${alert.name}`} target="_blank" underline="never" {...props} />
              )}
            >
              Runbook
            </Button>
          )}
        </div>
      </header>
      <div className={page.body}>
        <div className={page.main}>
          <Words alert={alert} reads={reads} />
          {unknown && (
            <section className={page.panel} aria-label="Value over time">
              <ErrorState error={explained.error} what="the rule" onRetry={() => void explained.refetch()} />
            </section>
          )}
          {watched && (
            <section className={page.panel} aria-label="Value over time">
              <header className={page.panelHead}>
                <h2>
                  {near ? (
                    <>
                      {reads(near.value)} now
                      {near.of_threshold != null && (
                        <span className="muted"> · {distanceText(near.of_threshold)} of its threshold</span>
                      )}
                    </>
                  ) : (
                    "Value over time"
                  )}
                </h2>
                <span className="faint">Drag to zoom; a click opens the runs of that time, the worst first.</span>
                {(search.from ?? search.to) && (
                  <Button size="compact-xs" variant="default" onClick={() => void navigate({ search: {} })}>
                    Whole time
                  </Button>
                )}
              </header>
              <WatchedChart
                label={`${alert.name}: what its rule compares`}
                query={watched}
                threshold={threshold ?? undefined}
                limits={rule?.limits}
                from={from}
                to={to}
                marks={marks}
                {...(everywhere ? {} : { project: alert.labels.project ?? "" })}
                only={only}
                height={210}
                onStretch={stretch}
                onPoint={open}
              />
            </section>
          )}
          <AlertRuns alert={alert} />
        </div>
        <aside className={page.side} aria-label="Around the alert">
          <AlertIssues labels={alert.labels} since={alert.active_at} />
          <About name={alert.name} labels={alert.labels} since={alert.active_at} />
          <Past events={events} />
        </aside>
      </div>
      <SilenceForm matchers={silencing ? matcherOf(alert.labels) : undefined} onClose={() => setSilencing(false)} />
    </div>
  );
}

/** When it held, from when it fired to its end. */
function firingMarks(alert: Alert): Mark[] {
  if (!alert.fired_at) return [{ at: Date.parse(alert.active_at), name: "condition holds" }];
  const at = Date.parse(alert.fired_at);
  const to = alert.resolved_at ? Date.parse(alert.resolved_at) : Number.MAX_SAFE_INTEGER;
  return [{ at, to, name: "fires", tone: "bad" }];
}

function Words({ alert, reads }: { alert: Alert; reads: (value: number) => string }) {
  const { summary, description } = alert.annotations;
  return (
    <section className={page.words} aria-label="What it says">
      <p className={page.summary}>{summary ?? alert.name}</p>
      {description && description !== summary && <p>{description}</p>}
      <p className="muted">
        {alert.fired_at ? "Fires since" : "Holds since"} {absolute(alert.fired_at ?? alert.active_at, "second")} (
        <Ago at={alert.fired_at ?? alert.active_at} />)
        {alert.resolved_at && (
          <>
            , ended <Ago at={alert.resolved_at} />
          </>
        )}
        {alert.no_data_since && (
          <>
            , no data since <Ago at={alert.no_data_since} />: this is not the same as ended
          </>
        )}
        {alert.value != null && `, at ${reads(alert.value)} when its condition last held`}.
        {alert.silenced_by && " A silence mutes it."}
        {alert.inhibited_by && " Another alert mutes it."}
        {alert.muted_by_time && ` Nobody is told at this hour: ${alert.muted_by_time}.`}
        {alert.ack && ` ${alert.ack.by} takes care of it${alert.ack.comment ? `: ${alert.ack.comment}` : ""}.`}
      </p>
    </section>
  );
}
