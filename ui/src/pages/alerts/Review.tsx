/** The week in review: which rules earned their place, and what to change about those that did not. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { reviewQuery } from "@/api/alerting";
import type { ReviewedRule } from "@/api/types";
import { sameAdvice, verdictTone } from "@/lib/alerts";
import { absolute, count, duration, plural } from "@/lib/format";
import { Said } from "@/ui/Said";
import { Empty, ErrorState, SkeletonRows } from "@/ui/States";
import { TimeRange } from "@/ui/TimeRange";
import classes from "./Alerts.module.css";
import type { ViewProps } from "./AlertsPage";
import own from "./Review.module.css";

const DEFAULT_FROM = "7d";
/** More rules of one advice than this are folded: a wall of names hides the rows that want something. */
const NAMED = 3;

export function Review({ search, set }: ViewProps) {
  const from = search.from ?? DEFAULT_FROM;
  const query = useQuery(reviewQuery(from));
  if (query.isPending) return <SkeletonRows rows={10} height={36} />;
  if (!query.data) return <ErrorState error={query.error} what="the review" onRetry={() => void query.refetch()} />;
  const { rules } = query.data;
  const fired = rules.filter((rule) => rule.fired > 0);
  const sum = (of: (rule: (typeof rules)[number]) => number) => rules.reduce((all, rule) => all + of(rule), 0);
  return (
    <div className={classes.body}>
      <div className={classes.filter}>
        <p className="muted">
          Since {absolute(query.data.from, "minute")}: <strong className="tnum">{count(sum((it) => it.fired))}</strong>{" "}
          firings of <strong className="tnum">{count(fired.length)}</strong> rules,{" "}
          <strong className="tnum">{count(sum((it) => it.sent))}</strong> messages,{" "}
          <strong className="tnum">{count(sum((it) => it.acknowledged))}</strong> acted on.
        </p>
        <TimeRange
          bounded
          from={from}
          onChange={(start) => set({ from: start === DEFAULT_FROM ? undefined : start })}
        />
      </div>
      {rules.length === 0 ? (
        <Empty title="There are no rules to review">Start with --rule-packs watch, or give files with --rules.</Empty>
      ) : (
        <div className={classes.tableBox}>
          <table className={own.review}>
            <thead>
              <tr>
                <th scope="col">Rule</th>
                <th scope="col">Verdict</th>
                <th scope="col">Fired</th>
                <th scope="col">Acted on</th>
                <th scope="col">Messages</th>
                <th scope="col">Longest</th>
                <th scope="col">What to change</th>
              </tr>
            </thead>
            <tbody>
              {sameAdvice(rules).map((group) => (
                <Reviewed key={group[0]!.name} group={group} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}

/** One rule, or all that never fired and are advised the same. */
function Reviewed({ group }: { group: ReviewedRule[] }) {
  const rule = group[0]!;
  const names = (
    <span className={own.same}>
      {group.map(({ name }) => (
        <Link key={name} to="/alerts" search={{ view: "rules", rule: name, q: name }}>
          {name}
        </Link>
      ))}
    </span>
  );
  return (
    <tr>
      <th scope="row">
        {group.length > NAMED ? (
          <details className={own.fold}>
            <summary>{plural(group.length, "rule")}</summary>
            {names}
          </details>
        ) : (
          names
        )}
      </th>
      <td data-tone={verdictTone(rule)}>
        {rule.verdict}
        {group.length > 1 && <span className="faint tnum"> ×{count(group.length)}</span>}
      </td>
      <td data-name="Fired">{count(rule.fired)}</td>
      <td data-name="Acted on">{count(rule.acknowledged)}</td>
      <td data-name="Messages">{count(rule.sent)}</td>
      <td data-name="Longest">{rule.fired > 0 ? duration(rule.longest_seconds * 1000) : "–"}</td>
      <td className="muted">
        <Said text={rule.proposal} />
      </td>
    </tr>
  );
}
