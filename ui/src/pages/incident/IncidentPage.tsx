/** An incident: since when, what changed just before, the last good run beside the first bad one, who was hit, and the brake. */
import { ActionIcon, Button, Tooltip } from "@mantine/core";
import { IconArrowLeft, IconDownload } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { alertsQuery } from "@/api/alerting";
import { hitFile, incidentQuery } from "@/api/incidents";
import { decideIssue, findingsQuery } from "@/api/queries";
import type { Incident } from "@/api/types";
import { isSeriesOf } from "@/lib/alerts";
import { absolute, clock, count, plural, usd } from "@/lib/format";
import { telling } from "@/lib/incident";
import { issueName } from "@/lib/issues";
import { DECISIONS } from "@/pages/issues/decisions";
import { Seen } from "@/pages/issues/Seen";
import { Said } from "@/ui/Said";
import { ErrorState, SkeletonRows } from "@/ui/States";
import { Ago } from "@/ui/Time";
import { useTitle } from "@/ui/useTitle";
import { Brakes } from "./Brakes";
import { Changes } from "./Changes";
import { Course } from "./Course";
import classes from "./Incident.module.css";
import { TwoRuns } from "./TwoRuns";

const route = getRouteApi("/incidents/$fingerprint");

export function IncidentPage() {
  const { fingerprint } = route.useParams();
  const query = useQuery(incidentQuery(fingerprint));
  useTitle(query.data ? issueName(query.data.issue) : "Incident");
  if (query.isPending) return <SkeletonRows rows={10} height={48} />;
  if (!query.data)
    return <ErrorState page error={query.error} what="this incident" onRetry={() => void query.refetch()} />;
  return <Shown incident={query.data} />;
}

function Shown({ incident }: { incident: Incident }) {
  const { issue } = incident;
  return (
    <div className={classes.page}>
      <header className={classes.header}>
        <div className={classes.title}>
          <Tooltip label="All issues">
            <ActionIcon aria-label="All issues" renderRoot={(props) => <Link to="/issues" search={{}} {...props} />}>
              <IconArrowLeft size={18} stroke={1.7} />
            </ActionIcon>
          </Tooltip>
          <h1>{issueName(issue)}</h1>
          <span className={classes.state} data-state={issue.state}>
            {issue.state}
          </span>
          <span className={classes.severity} data-severity={issue.severity}>
            {issue.severity}
          </span>
        </div>
        <Decide incident={incident} />
      </header>
      <div className={classes.body}>
        <div className={classes.main}>
          <section className={classes.words} aria-label="What happened">
            <p className={classes.message}>
              <Said text={issue.message} />
            </p>
            <p className="muted">
              Since {absolute(incident.onset, "second")} (<Ago at={incident.onset} />
              ), last seen <Ago at={issue.last_seen} />
              {issue.environment && `, in ${issue.environment}`}
              {issue.versions.length > 0 && `, versions ${issue.versions.join(", ")}`}.
            </p>
          </section>
          <Hit incident={incident} />
          <Course incident={incident} />
          <Changes incident={incident} />
          <TwoRuns incident={incident} />
          <Findings fingerprint={issue.fingerprint} total={issue.count} />
        </div>
        <aside className={classes.side} aria-label="Brake and surroundings">
          <Brakes incident={incident} />
          <Users incident={incident} />
          <Around incident={incident} />
        </aside>
      </div>
    </div>
  );
}

function Decide({ incident: { issue } }: { incident: Incident }) {
  const client = useQueryClient();
  const decide = useMutation({
    mutationFn: (state: string) => decideIssue(issue.fingerprint, state),
    onSuccess: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: ["incident", issue.fingerprint] }),
        client.invalidateQueries({ queryKey: ["issues"] }),
      ]),
  });
  const active = issue.state === "open" || issue.state === "regressed";
  return (
    <div className={classes.tools}>
      {decide.isError && (
        <span role="alert" className={classes.error}>
          {decide.error.message}
        </span>
      )}
      {DECISIONS.filter(([state]) => (state === "open" ? !active : state !== issue.state)).map(([state, name]) => (
        <Button key={state} variant="default" loading={decide.isPending} onClick={() => decide.mutate(state)}>
          {name}
        </Button>
      ))}
    </div>
  );
}

/** Runs, users and money, and the file that has every one of them. */
function Hit({ incident: { hit, issue } }: { incident: Incident }) {
  return (
    <section className={classes.hit} aria-label="Who was hit">
      <dl>
        <Amount name="Runs" value={count(hit.runs)} />
        <Amount name="Users" value={count(hit.users)} />
        <Amount name="Conversations" value={count(hit.sessions)} />
        <Amount
          name="Cost of these runs"
          value={usd(hit.cost_usd)}
          note={hit.unpriced_runs > 0 ? `${plural(hit.unpriced_runs, "run")} unpriced` : undefined}
        />
      </dl>
      <Button
        variant="default"
        leftSection={<IconDownload size={14} stroke={1.8} />}
        component="a"
        href={hitFile(issue.fingerprint)}
        download="incident-runs.csv"
      >
        Who was hit, as a file
      </Button>
    </section>
  );
}

function Amount({ name, value, note }: { name: string; value: string; note?: string | undefined }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {value} {note && <small>{note}</small>}
      </dd>
    </div>
  );
}

function Users({ incident: { hit } }: { incident: Incident }) {
  if (hit.by_user.length === 0) return null;
  return (
    <section className={classes.panel} aria-label="Users who were hit">
      <h2>Users</h2>
      <table className={classes.users}>
        <thead>
          <tr>
            <th scope="col">User</th>
            <th scope="col">Runs</th>
            <th scope="col">Cost</th>
          </tr>
        </thead>
        <tbody>
          {hit.by_user.slice(0, 8).map((user) => (
            <tr key={user.user}>
              <th scope="row">
                <Link to="/runs" search={{ user: [user.user], from: "7d" }} className="cut">
                  {user.user}
                </Link>
              </th>
              <td>{count(user.runs)}</td>
              <td>{usd(user.cost_usd)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {hit.users > 8 && <p className="faint">And {plural(hit.users - 8, "other")}: the file has all of them.</p>}
    </section>
  );
}

/** Alerts of that time, and other issues that hit the same runs. */
function Around({ incident: { alerts, related } }: { incident: Incident }) {
  const known = useQuery({ ...alertsQuery, enabled: alerts.length > 0 }).data?.alerts ?? [];
  const about = telling(alerts.slice(0, 8));
  return (
    <>
      <section className={classes.panel} aria-label="Other issues of these runs">
        <h2>Other issues of these runs</h2>
        {related.length === 0 && <p className="muted">None: these runs show nothing else.</p>}
        <ul className={classes.list}>
          {related.slice(0, 6).map(({ issue, runs }) => (
            <li key={issue.fingerprint}>
              <Link to="/incidents/$fingerprint" params={{ fingerprint: issue.fingerprint }}>
                {issueName(issue)}
              </Link>
              <span className="muted tnum">{plural(runs, "run")}</span>
            </li>
          ))}
        </ul>
      </section>
      <section className={classes.panel} aria-label="Alerts of that time">
        <h2>Alerts of that time</h2>
        {alerts.length === 0 && <p className="muted">No alert about this agent fired.</p>}
        <ul className={classes.list}>
          {alerts.slice(0, 8).map((alert, at) => {
            // The server forgets the page of one that ended long ago; its history stays.
            const now = known.find((each) => each.name === alert.name && isSeriesOf(alert.labels, each.labels));
            return (
              <li key={`${alert.at} ${alert.name} ${JSON.stringify(alert.labels)}`}>
                {now ? (
                  <Link to="/alerts/$fingerprint" params={{ fingerprint: now.fingerprint }}>
                    {alert.name}
                  </Link>
                ) : (
                  <Link to="/alerts" search={{ view: "history", q: alert.name }}>
                    {alert.name}
                  </Link>
                )}
                {about[at] && <span className={classes.alertAbout}>{about[at]}</span>}
                <span className="muted tnum" title={absolute(alert.at)}>
                  {clock(alert.at, "second")}
                </span>
              </li>
            );
          })}
        </ul>
      </section>
    </>
  );
}

function Findings({ fingerprint, total }: { fingerprint: string; total: number }) {
  const findings = useQuery(findingsQuery({ fingerprint }));
  return (
    <section className={classes.panel} aria-label="What was seen">
      <h2>
        What was seen <span className="muted tnum">{count(total)}×</span>
      </h2>
      {findings.isPending ? (
        <SkeletonRows rows={4} />
      ) : findings.isError ? (
        <ErrorState error={findings.error} what="the findings" onRetry={() => void findings.refetch()} />
      ) : (
        <ol className={classes.seen} aria-label="Findings, newest first">
          {findings.data.findings.slice(0, 10).map((finding) => (
            <Seen key={finding.id} finding={finding} />
          ))}
        </ol>
      )}
    </section>
  );
}
