/** What fires, waits to fire, lost its data or ended lately, together by rule. */
import { Tooltip } from "@mantine/core";
import { IconBellOff, IconUserCheck } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { alertsQuery, rulesQuery, ruleValuesQuery } from "@/api/alerting";
import type { Alert, AlertsAnswer } from "@/api/types";
import {
  ALERT_STATES,
  type AlertGroup,
  about,
  byName,
  distanceText,
  isShown,
  labelName,
  ruleRows,
  waitingBy,
} from "@/lib/alerts";
import { count, plural } from "@/lib/format";
import { Empty, ErrorState, SkeletonRows } from "@/ui/States";
import { Ago } from "@/ui/Time";
import { useEverywhere } from "@/ui/useEverywhere";
import classes from "./Alerts.module.css";
import type { ViewProps } from "./AlertsPage";
import { FilterField } from "./FilterField";
import { Severity } from "./Severity";
import { useReads } from "./useReads";

export function Now({ search, set }: ViewProps) {
  const query = useQuery(alertsQuery);
  const everywhere = useEverywhere();
  if (query.isPending) return <SkeletonRows rows={10} height={44} />;
  if (!query.data) return <ErrorState error={query.error} what="the alerts" onRetry={() => void query.refetch()} />;
  const { alerts } = query.data;
  const shown = alerts.filter((alert) => isShown(alert, search.state, search.q));
  return (
    <div className={classes.body}>
      <div className={classes.filter}>
        <FilterField label="Filter alerts" placeholder="Rule, agent, tool, model" search={search} set={set} />
        <fieldset className={classes.states} aria-label="State">
          {ALERT_STATES.map(([state, name]) => {
            const many = alerts.filter((alert) => alert.state === state).length;
            return (
              <button
                key={state}
                type="button"
                className={classes.state}
                data-state={state}
                aria-pressed={search.state === state}
                onClick={() => set({ state: search.state === state ? undefined : state })}
              >
                {name} <span className="tnum">{count(many)}</span>
              </button>
            );
          })}
        </fieldset>
      </div>
      <Problems answer={query.data} />
      {shown.length === 0 ? (
        search.state || search.q ? (
          <Empty title="No such alert">
            {plural(alerts.length, "alert")} {alerts.length === 1 ? "is" : "are"} in other states or do not have these
            words.
          </Empty>
        ) : everywhere ? (
          <Quiet />
        ) : (
          <Empty title="Nothing fires">
            No alert that names your project fires, waits or ended lately. Rules go on looking at it.
          </Empty>
        )
      ) : (
        byName(shown).map((group) => <Group key={`${group.name} ${group.severity}`} group={group} />)
      )}
    </div>
  );
}

/** What keeps people from being woken: files that cannot be read, messages nobody takes. */
function Problems({ answer }: { answer: AlertsAnswer }) {
  if (answer.problems.length === 0 && answer.waiting.length === 0) return null;
  return (
    <ul className={classes.problems} role="alert">
      {answer.problems.map((problem) => (
        <li key={problem}>{problem}</li>
      ))}
      {waitingBy(answer.waiting).map(({ receiver, error, messages, attempts }) => (
        <li key={`${receiver} ${error}`}>
          {plural(messages, "message")} {messages === 1 ? "waits" : "wait"} for <strong>{receiver}</strong> after{" "}
          {messages === 1 ? "" : "up to "}
          {plural(attempts, "attempt")}: {error}{" "}
          <Link to="/settings/$section" params={{ section: "receivers" }}>
            Receivers
          </Link>
        </li>
      ))}
    </ul>
  );
}

function Group({ group }: { group: AlertGroup }) {
  const reads = useReads();
  return (
    <section className={classes.group} data-gravity={group.gravity} aria-label={group.name}>
      <header className={classes.groupHead}>
        <h2>{group.name}</h2>
        <Severity severity={group.severity} />
        <span className={classes.summary}>{group.summary}</span>
      </header>
      <ul className={classes.rows}>
        {group.alerts.map((alert) => (
          <Row key={`${alert.group} ${alert.fingerprint}`} alert={alert} value={reads(alert.name, alert.value)} />
        ))}
      </ul>
    </section>
  );
}

function Row({ alert, value }: { alert: Alert; value: string }) {
  const labels = about(alert.labels);
  return (
    <li>
      <Link to="/alerts/$fingerprint" params={{ fingerprint: alert.fingerprint }} className={classes.row}>
        <span className={classes.mark} data-state={alert.state} title={stateName(alert.state)}>
          <span className="sr">{stateName(alert.state)}</span>
        </span>
        <span className={classes.about}>
          {labels.length === 0 ? <span className="muted">the whole project</span> : null}
          {labels.map(([name, value]) => (
            <span key={name}>
              <span className="faint">{labelName(name)}</span> {value}
            </span>
          ))}
        </span>
        <span className={classes.flags}>
          {alert.ack && (
            <Tooltip label={`${alert.ack.by} takes care of it. ${alert.ack.comment}`}>
              <span>
                <IconUserCheck size={14} stroke={1.8} aria-hidden /> {alert.ack.by}
              </span>
            </Tooltip>
          )}
          {(alert.silenced_by || alert.inhibited_by || alert.muted_by_time) && (
            <Tooltip label={muteOf(alert)}>
              <span>
                <IconBellOff size={14} stroke={1.8} aria-hidden /> muted
              </span>
            </Tooltip>
          )}
        </span>
        <span className="num" title="Value when the condition last held">
          {value}
        </span>
        <Ago at={alert.resolved_at ?? alert.no_data_since ?? alert.fired_at ?? alert.active_at} className="num muted" />
      </Link>
    </li>
  );
}

function muteOf(alert: Alert) {
  if (alert.silenced_by) return "A silence mutes it.";
  return alert.inhibited_by ? "Another alert mutes it." : `Nobody is told at this hour: ${alert.muted_by_time}.`;
}

export const stateName = (state: string) => ALERT_STATES.find(([value]) => value === state)?.[1] ?? state;

/** Nothing fires: how many rules look, and which of them is nearest. */
function Quiet() {
  const asked = useQuery(rulesQuery);
  const rules = asked.data;
  const values = useQuery(ruleValuesQuery).data;
  const rows = ruleRows(rules?.groups ?? [], values?.rules);
  // What is at nothing is not near anything.
  const nearest = rows.filter((row) => (row.distance?.nearest?.of_threshold ?? 0) > 0).slice(0, 3);
  const last = rules?.groups.map((group) => group.evaluated_at ?? "").sort()[0];
  return (
    <Empty
      title="Nothing fires"
      action={
        <Link to="/alerts" search={{ view: "rules" }}>
          All rules
        </Link>
      }
    >
      {asked.isError && <span role="alert">Whether rules look is not known: {asked.error.message}</span>}
      {rules && rows.length === 0
        ? "There are no alert rules. Start with --rule-packs watch, or give a file in Prometheus' format with --rules."
        : rules && (
            <>
              {plural(rows.length, "rule")} {rows.length === 1 ? "looks" : "look"}, all of them last{" "}
              <Ago at={last || undefined} /> or later.
              {nearest.length > 0 && (
                <ul className={classes.nearest}>
                  {nearest.map((row) => (
                    <li key={`${row.group.name} ${row.rule.name}`}>
                      <Link to="/alerts" search={{ view: "rules", rule: row.rule.name }}>
                        {row.rule.name}
                      </Link>{" "}
                      <span className="tnum">{distanceText(row.distance?.nearest?.of_threshold)} of its threshold</span>
                    </li>
                  ))}
                </ul>
              )}
            </>
          )}
    </Empty>
  );
}
