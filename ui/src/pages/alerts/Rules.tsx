/** Every alert rule: its state, what it looks at now, and how near that is to its threshold. */
import { IconChevronRight } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type RefObject, useEffect, useRef } from "react";
import { rulesQuery, ruleValuesQuery } from "@/api/alerting";
import {
  about,
  distanceText,
  isRule,
  labelName,
  type RuleRow,
  ruleKey,
  ruleRows,
  span,
  templateText,
} from "@/lib/alerts";
import { signOf } from "@/lib/backtest";
import { count } from "@/lib/format";
import { readsAs } from "@/lib/unit";
import { Empty, ErrorState, SkeletonRows } from "@/ui/States";
import classes from "./Alerts.module.css";
import type { ViewProps } from "./AlertsPage";
import { FilterField } from "./FilterField";
import { RuleDetail } from "./RuleDetail";
import own from "./Rules.module.css";
import { Severity } from "./Severity";

export function Rules({ search, set }: ViewProps) {
  const rules = useQuery(rulesQuery);
  const values = useQuery(ruleValuesQuery);
  // A link to a rule shows it, however far down it stands; the distances decide where that is.
  const shown = useRef<HTMLLIElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: once the rows are there, and once they are in order
  useEffect(() => shown.current?.scrollIntoView(), [rules.isPending, values.isPending]);
  if (rules.isPending) return <SkeletonRows rows={12} height={36} />;
  if (!rules.data) return <ErrorState error={rules.error} what="the rules" onRetry={() => void rules.refetch()} />;
  const all = ruleRows(rules.data.groups, values.data?.rules);
  const words = search.q?.toLowerCase().split(/\s+/) ?? [];
  const rows = all.filter(({ rule, group }) =>
    words.every((word) => `${rule.name} ${rule.annotations.summary ?? ""} ${group.file}`.toLowerCase().includes(word)),
  );
  const firing = all.filter(({ rule }) => rule.state === "firing").length;
  return (
    <div className={classes.body}>
      <div className={classes.filter}>
        <FilterField label="Filter rules" placeholder="Rule, file" search={search} set={set} />
        <span className="muted tnum">
          {count(rows.length)} of {count(all.length)} rules, {count(firing)} firing
        </span>
      </div>
      {rules.data.problems.length > 0 && (
        <ul className={classes.problems} role="alert">
          {rules.data.problems.map((problem) => (
            <li key={problem}>{problem}</li>
          ))}
        </ul>
      )}
      {rows.length === 0 ? (
        <Empty title="No such rule">Rules come from packs (--rule-packs) and files (--rules).</Empty>
      ) : (
        <div className={own.rules}>
          <div className={own.rulesHead} aria-hidden>
            <span>Rule</span>
            <span>State</span>
            <span className="num">Now</span>
            <span className="num">Threshold</span>
            <span>Of its threshold</span>
            <span className="num">For</span>
          </div>
          <ul className={classes.rows} aria-label="Rules">
            {rows.map((row) => {
              const open = isRule(row, search.rule, all);
              return (
                <Row
                  key={`${row.group.name} ${row.rule.name}`}
                  row={row}
                  open={open}
                  place={open ? shown : undefined}
                  onOpen={() => set({ rule: open ? undefined : ruleKey(row, all) })}
                />
              );
            })}
          </ul>
        </div>
      )}
    </div>
  );
}

interface RowProps {
  row: RuleRow;
  open: boolean;
  place: RefObject<HTMLLIElement | null> | undefined;
  onOpen: () => void;
}

function Row({ row: { rule, group, distance }, open, place, onOpen }: RowProps) {
  const nearest = distance?.nearest;
  const reads = readsAs(rule.query);
  return (
    <li ref={place} className={own.rule} data-open={open || undefined}>
      <button type="button" className={own.ruleRow} aria-expanded={open} onClick={onOpen}>
        <span className={own.ruleName}>
          <IconChevronRight size={14} stroke={1.8} aria-hidden data-open={open || undefined} />
          <span>
            <strong>{rule.name}</strong> <Severity severity={rule.labels.severity} />
            <small className="cut">
              {rule.annotations.summary ? templateText(rule.annotations.summary) : group.file}
            </small>
          </span>
        </span>
        <span className={own.ruleState} data-state={rule.state} data-health={rule.health}>
          {rule.health === "err" ? "broken" : rule.state === "inactive" ? "quiet" : rule.state}
          {rule.alerts > 1 && ` ${count(rule.alerts)}`}
        </span>
        <span
          className="num"
          data-says="now"
          title={nearest ? nearestText(nearest.labels) : "No series it could fire for"}
        >
          {reads(nearest?.value)}
        </span>
        <span className="num muted" data-says="fires at">
          {distance?.threshold == null
            ? "–"
            : `${signOf(rule.query, distance.threshold, distance.below)} ${reads(distance.threshold)}`}
        </span>
        <Distance near={nearest?.of_threshold} quiet={rule.state === "inactive"} />
        <span className="num muted" data-says="for">
          {span(rule.for_seconds)}
        </span>
      </button>
      {open && <RuleDetail rule={rule} group={group} />}
    </li>
  );
}

const nearestText = (labels: Record<string, string>) =>
  about(labels)
    .map(([name, value]) => `${labelName(name)} ${value}`)
    .join(", ") || "the whole project";

/**
 * A bar that is full where the rule would fire. Beyond it and still quiet means that another condition of the rule does not
 * hold: too few runs, no spike against the time before.
 */
function Distance({ near, quiet }: { near: number | null | undefined; quiet: boolean }) {
  const held = quiet && near != null && near >= 1;
  // A threshold of nothing has no share; past it is past it all the same.
  const part = near ?? (quiet ? 0 : 1);
  return (
    <span
      className={own.distance}
      title={held ? "Beyond the threshold; another condition of the rule does not hold" : undefined}
    >
      <span className={own.bar} aria-hidden>
        {part > 0 && (
          <i
            data-over={part >= 1 ? (quiet ? "held" : "yes") : undefined}
            style={{ width: `${Math.min(1, part) * 100}%` }}
          />
        )}
      </span>
      <span className="muted tnum">
        {distanceText(near)}
        {held && <span className="sr"> (another condition of the rule does not hold)</span>}
      </span>
    </span>
  );
}
