/** A rule opened: what it looks at over time with its threshold, each series now, its expression, and where to go on. */
import { Anchor } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { explainQuery } from "@/api/alerting";
import type { Rule, RuleExplanation, RuleGroup } from "@/api/types";
import { about, distanceText, labelName, span, stands } from "@/lib/alerts";
import { duration, plural } from "@/lib/format";
import { readsAs } from "@/lib/unit";
import { CopyButton } from "@/ui/CopyButton";
import { ErrorState, SkeletonRows } from "@/ui/States";
import { Ago } from "@/ui/Time";
import classes from "./Alerts.module.css";
import own from "./Rules.module.css";
import { WatchedChart } from "./WatchedChart";

/** Series of the table. */
const SHOWN = 12;
/** How far back the chart looks. */
const BACK = "6h";

export function RuleDetail({ rule, group }: { rule: Rule; group: RuleGroup }) {
  const query = useQuery(explainQuery(rule.name, group.name));
  if (query.isPending) return <SkeletonRows rows={5} />;
  if (!query.data) return <ErrorState error={query.error} what="this rule" onRetry={() => void query.refetch()} />;
  const answer = query.data;
  const reads = readsAs(answer.query);
  return (
    <div className={own.ruleDetail}>
      <p className={own.says}>
        {stands(answer, reads)}. Looked at every {span(group.interval_seconds)}, last <Ago at={group.evaluated_at} /> in{" "}
        {duration(group.took_ms)}
        {group.missed > 0 && <span className={classes.bad}>, missed {plural(group.missed, "time")}</span>}.{" "}
        <span className="faint">{group.file}</span>
      </p>
      {(rule.error ?? answer.error) && (
        <p className={classes.error} role="alert">
          {rule.error ?? answer.error}
        </p>
      )}
      <WatchedChart
        label={`${rule.name}, the last 6 hours`}
        query={answer.watched ?? answer.query}
        threshold={answer.threshold ?? undefined}
        limits={answer.limits}
        from={BACK}
      />
      <Values answer={answer} reads={reads} />
      <div className={own.expression}>
        <pre className="mono">{answer.query}</pre>
        <CopyButton text={answer.query} label="Copy the expression" />
      </div>
      <p className={classes.links}>
        <Link to="/explore" search={{ expr: [answer.watched ?? answer.query] }}>
          Explore it
        </Link>
        <Link to="/alerts" search={{ view: "backtest", rule: rule.name }}>
          Try it on the past
        </Link>
        <Link to="/alerts" search={{ view: "history", q: rule.name }}>
          Its history
        </Link>
        {rule.annotations.runbook_url && (
          <Anchor href={`/runbooks/${rule.name}`} target="_blank" underline="always" inherit>
            Runbook
          </Anchor>
        )}
      </p>
    </div>
  );
}

function Values({ answer, reads }: { answer: RuleExplanation; reads: ReturnType<typeof readsAs> }) {
  if (answer.values.length === 0)
    return (
      <p className="muted">
        There are no series it could fire for: nothing of what it looks at was counted within its window.
      </p>
    );
  return (
    <table className={classes.values}>
      <thead>
        <tr>
          <th scope="col">{plural(answer.values.length, "series", "series")}</th>
          <th scope="col">Now</th>
          <th scope="col">Threshold</th>
          <th scope="col">Of its threshold</th>
        </tr>
      </thead>
      <tbody>
        {answer.values.slice(0, SHOWN).map((value) => (
          <tr key={JSON.stringify(value.labels)}>
            <th scope="row">
              {about(value.labels).length === 0 && "the whole project"}
              {about(value.labels).map(([name, text]) => (
                <span key={name}>
                  <span className="faint">{labelName(name)}</span> {text}
                </span>
              ))}
            </th>
            <td>{reads(value.value)}</td>
            <td>{reads(value.threshold)}</td>
            <td>{distanceText(value.of_threshold)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
