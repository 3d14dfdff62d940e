/** How a rule would have fired: on the past that is kept, as it is or with other words and numbers. */
import { Button, SegmentedControl, Select } from "@mantine/core";
import { IconPlayerPlay } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { backtest, explainQuery, rulesQuery } from "@/api/alerting";
import type { BacktestAnswer, BacktestRule, Rule, RuleGroup } from "@/api/types";
import { about, labelName, span } from "@/lib/alerts";
import { ruleYaml, thresholdOf } from "@/lib/backtest";
import { absolute, count, duration, plural, sentence } from "@/lib/format";
import type { Mark } from "@/lib/series";
import { readsAs } from "@/lib/unit";
import { Said } from "@/ui/Said";
import { Empty, ErrorState, SkeletonRows } from "@/ui/States";
import classes from "./Alerts.module.css";
import type { ViewProps } from "./AlertsPage";
import own from "./Backtest.module.css";
import { WatchedChart } from "./WatchedChart";

const LENGTHS = ["6h", "1d", "7d", "30d"];
const DEFAULT_FROM = "7d";
/** Times of firing that are listed. */
const LISTED = 40;

export function Backtest({ search, set }: ViewProps) {
  const rules = useQuery(rulesQuery);
  if (rules.isPending) return <SkeletonRows rows={6} height={40} />;
  if (!rules.data) return <ErrorState error={rules.error} what="the rules" onRetry={() => void rules.refetch()} />;
  const all = rules.data.groups.flatMap((group) =>
    group.rules.filter((rule) => rule.kind === "alert").map((rule) => ({ rule, group })),
  );
  const chosen = all.find(({ rule }) => rule.name === search.rule?.split("/").at(-1));
  return (
    <div className={classes.body}>
      <div className={classes.filter}>
        <Select
          size="xs"
          aria-label="Rule to try"
          placeholder="Choose a rule to begin with"
          searchable
          data={[...new Set(all.map(({ rule }) => rule.name))].sort()}
          value={chosen?.rule.name ?? null}
          onChange={(rule) => set({ rule: rule ?? undefined, tried: undefined })}
        />
        <SegmentedControl
          size="xs"
          aria-label="How far back"
          data={LENGTHS}
          value={search.from ?? DEFAULT_FROM}
          onChange={(from) => set({ from: from === DEFAULT_FROM ? undefined : from })}
        />
      </div>
      <Trial
        key={`${chosen?.group.name} ${chosen?.rule.name}`}
        of={chosen}
        from={search.from ?? DEFAULT_FROM}
        tried={search.tried}
        onTry={(tried) => set({ tried })}
      />
    </div>
  );
}

interface TrialProps {
  of: { rule: Rule; group: RuleGroup } | undefined;
  from: string;
  /** What was tried, where that is not the rule as it is. */
  tried: string | undefined;
  onTry: (tried: string | undefined) => void;
}

function Trial({ of, from, tried, onTry }: TrialProps) {
  const written = useMemo(() => (of ? ruleYaml(of.rule, of.group) : EMPTY), [of]);
  const [text, setText] = useState(tried ?? written);
  const trial = useMutation({ mutationFn: (rules: string) => backtest({ rules, from }) });
  const { mutate } = trial;
  // A link to a rule, or to one as somebody changed it, shows its answer.
  const [atOnce] = useState(of !== undefined || tried !== undefined);
  const tryIt = () => {
    onTry(text === written ? undefined : text);
    mutate(text);
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked anew for another rule or time, not while somebody writes
  useEffect(() => {
    if (atOnce) mutate(text);
  }, [from, atOnce]);
  return (
    <>
      <textarea
        className={own.editor}
        aria-label="Rules as YAML"
        spellCheck={false}
        rows={Math.min(18, Math.max(8, text.split("\n").length))}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            tryIt();
          }
        }}
      />
      <div className={own.bar}>
        <Button leftSection={<IconPlayerPlay size={14} stroke={2} />} loading={trial.isPending} onClick={tryIt}>
          Try it on the past
        </Button>
        <span className="faint">
          Change the threshold or how long it must hold, and try again. Nothing is kept. Ctrl+Enter.
        </span>
      </div>
      {trial.isError ? (
        <p className={own.failure} role="alert">
          {trial.error.message}
        </p>
      ) : trial.data ? (
        <Outcome answer={trial.data} />
      ) : (
        !trial.isPending && (
          <Empty title="Would it have woken you?">
            Choose a rule, or write one. It is evaluated over the series that are kept, as it would have been, and
            nobody is told.
          </Empty>
        )
      )}
    </>
  );
}

const EMPTY = `groups:
  - name: trial
    interval: 1m
    rules:
      - alert: RunsFail
        expr: |
          sum by (agent_id) (rate(agent_requests_total{status="failure"}[5m]))
            / sum by (agent_id) (rate(agent_requests_total[5m])) > 0.1
        for: 5m
        labels:
          severity: warning
`;

function Outcome({ answer }: { answer: BacktestAnswer }) {
  const alerts = answer.rules.filter((rule) => rule.kind === "alert");
  return (
    <div role="status">
      <p className="muted">
        {absolute(answer.from, "minute")} to {absolute(answer.to, "minute")}, evaluated in {duration(answer.took_ms)}.
      </p>
      {answer.notes.map((note) => (
        <p key={note} className={own.note}>
          <Said text={sentence(note)} />
        </p>
      ))}
      {alerts.length === 0 && <p className={own.note}>There is no alert rule in what was tried.</p>}
      {alerts.map((rule) => (
        <Tried key={`${rule.group} ${rule.name}`} rule={rule} from={answer.from} to={answer.to} />
      ))}
    </div>
  );
}

function Tried({ rule, from, to }: { rule: BacktestRule; from: string; to: string }) {
  // Only a rule of the server is taken apart; of another the whole expression is drawn, which has values where it fires.
  const known = useQuery({ ...explainQuery(rule.name, rule.group), retry: false }).data;
  const same = known && known.query.trim() === rule.query.trim() ? known : undefined;
  const query = same ? (same.watched ?? same.query) : rule.query;
  const reads = useMemo(() => readsAs(rule.query), [rule.query]);
  const marks = useMemo(
    (): Mark[] =>
      rule.intervals.map((interval) => ({
        at: Date.parse(interval.from),
        to: Date.parse(interval.to ?? to),
        name: `would fire${interval.value == null ? "" : ` at ${reads(interval.value)}`}`,
        tone: "bad",
      })),
    [rule.intervals, to, reads],
  );
  return (
    <section className={own.tried} aria-label={rule.name}>
      <h2>
        {rule.name} <span className="muted">{rule.says}</span>
      </h2>
      <dl className={own.figures}>
        <Figure name="Would have fired" value={`${count(rule.fired)}×`} />
        {rule.fired > 0 && (
          <>
            <Figure name="Different alerts" value={count(rule.series)} />
            <Figure name="Time firing" value={duration(rule.firing_seconds * 1000)} />
            <Figure name="Longest" value={duration(rule.longest_seconds * 1000)} />
          </>
        )}
        <Figure name="Evaluated every" value={span(rule.step_seconds)} />
      </dl>
      {rule.errors.map((error) => (
        <p key={error} className={own.failure} role="alert">
          {error}
        </p>
      ))}
      <WatchedChart
        label={`${rule.name}: what it compares, with the times it would have fired`}
        query={query}
        threshold={thresholdOf(rule.query)}
        limits={same?.limits}
        from={from}
        to={to}
        marks={marks}
        height={200}
      />
      {rule.intervals.length > 0 && (
        <div className={classes.tableBox}>
          <table className={classes.values}>
            <thead>
              <tr>
                <th scope="col">When it would have fired</th>
                <th scope="col">For</th>
                <th scope="col">Value</th>
              </tr>
            </thead>
            <tbody>
              {rule.intervals.slice(-LISTED).map((interval) => (
                <tr key={`${interval.from} ${JSON.stringify(interval.labels)}`}>
                  <th scope="row">
                    <span className="tnum">{absolute(interval.from, "second")}</span>
                    {about(interval.labels).map(([name, value]) => (
                      <span key={name}>
                        <span className="faint">{labelName(name)}</span> {value}
                      </span>
                    ))}
                  </th>
                  <td>
                    {duration(interval.seconds * 1000)}
                    {interval.to == null && " so far"}
                  </td>
                  <td>{reads(interval.value)}</td>
                </tr>
              ))}
            </tbody>
          </table>
          {rule.intervals.length + rule.left_out > LISTED && (
            <p className={classes.more}>
              The last {LISTED} of {plural(rule.intervals.length + rule.left_out, "time")}.
            </p>
          )}
        </div>
      )}
    </section>
  );
}

function Figure({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
