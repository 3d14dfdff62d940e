/** What a panel shows: its questions asked, the answers drawn by its kind. */

import { useQueries } from "@tanstack/react-query";
import { lazy, Suspense, useMemo } from "react";
import { instantQuery, rangeQuery } from "@/api/dashboards";
import { sqlQuery } from "@/api/fleet";
import type { PromAnswer } from "@/api/promql";
import type { DashboardPanel, SqlAnswer } from "@/api/types";
import {
  chartHeight,
  filled,
  heatRows,
  lastOf,
  type PromSeries,
  promOverTime,
  type Range,
  reads,
  seriesName,
  sqlOverTime,
  toneOf,
} from "@/lib/dashboard";
import { inline } from "@/lib/json";
import { grouped } from "@/lib/locale";
import { asksNow, endingNow } from "@/lib/promql";
import type { Buckets, Series } from "@/lib/series";
import { Legend } from "@/pages/overview/Legend";
import { type Column, Table } from "@/ui/Board";
import { TimeChart } from "@/ui/chart/TimeChart";
import { useHeight } from "@/ui/useWidth";
import classes from "./Dashboards.module.css";
import { HeatPanel } from "./HeatPanel";

const Markdown = lazy(() => import("@/ui/Markdown"));

export interface View {
  time: Buckets;
  range: Range;
  /** What stands for each variable. */
  of: Record<string, string>;
  /** The time ends now: what is asked at one moment, and of events, is asked again and again. */
  live: boolean;
  onStretch: (from: number, to: number) => void;
}

/** Series are sampled no more often. */
const REFRESH_MS = 15_000;
/** Rows of a table that are drawn. */
const ROWS = 200;
/** Bars that are drawn. */
const BARS = 30;

/** What is asked at one moment rather than over time. */
const AT_ONCE: DashboardPanel["kind"][] = ["table", "barchart", "gauge"];

interface Answer {
  legend: string | undefined;
  prom?: PromSeries[];
  scalar?: number;
  sql?: SqlAnswer;
}

function useAnswers(panel: DashboardPanel, { range, time, of, live }: View) {
  const refetchInterval = live ? REFRESH_MS : (false as const);
  const questions = (panel.queries ?? []).filter((each) => each.query.trim() !== "");
  const texts = questions.map((each) => filled(each.query, each.language, of, range));
  const atOnce = AT_ONCE.includes(panel.kind);
  const results = useQueries({
    queries: questions.map(({ language }, at) => {
      const text = texts[at]!;
      if (language === "sql") return { ...sqlQuery(text), refetchInterval };
      // The last bucket ends after now: a rate asked at its end would be of a time that has not been.
      if (atOnce) return { ...instantQuery(text, live ? undefined : range.to), refetchInterval };
      // A series has a point at the beginning of each bucket: until the next one, it stays as it is.
      return rangeQuery(text, range);
    }) as ReturnType<typeof sqlQuery>[],
  });
  // In the last bucket stands what holds now: its beginning may be long ago.
  const again = asksNow(live, range.stepMs) && !atOnce;
  const nows = useQueries({
    queries: questions.map(({ language }, at) => ({
      ...instantQuery(texts[at]!, undefined),
      enabled: again && language === "promql",
      refetchInterval,
    })),
  });
  const answers = results.flatMap((result, at): Answer[] => {
    const data: unknown = result.data;
    const question = questions[at];
    if (data === undefined || data === null || !question) return [];
    if (question.language === "sql") return [{ legend: question.legend, sql: data as SqlAnswer }];
    const { resultType, result: found } = data as { resultType?: string; result: PromSeries[] | [number, string] };
    if (resultType === "scalar") return [{ legend: question.legend, scalar: Number((found as [number, string])[1]) }];
    const prom = found as PromSeries[];
    const now = nows[at];
    // While the answer to another question is still shown, it is not of these series.
    const atEnd = again && now && !now.isPlaceholderData ? (now.data as PromAnswer | undefined) : undefined;
    return [{ legend: question.legend, prom: endingNow(prom, atEnd, time) }];
  });
  return {
    asked: questions.length,
    pending: results.some((result) => result.isPending),
    error: results.find((result) => result.isError)?.error,
    answers,
  };
}

/** Each series with its last number. */
function lasts(answers: Answer[], time: Buckets): { name: string; value: number | null }[] {
  return answers.flatMap(({ prom, scalar, sql, legend }) => {
    if (scalar !== undefined) return [{ name: legend || "value", value: scalar }];
    if (prom)
      return prom.map((series) => ({
        name: seriesName(series.metric, legend),
        value: series.value
          ? Number(series.value[1])
          : lastOf(promOverTime([series], legend, time)[0] ?? { name: "", values: [] }),
      }));
    const rows = sql?.rows ?? [];
    const at = sql?.columns.findIndex((_, place) => rows.some((row) => typeof row[place] === "number")) ?? -1;
    return at < 0
      ? []
      : rows.map((row) => ({
          name:
            row
              .flatMap((cell, place) =>
                place === at || cell === null || typeof cell === "number" ? [] : [String(cell)],
              )
              .join(", ") ||
            (sql?.columns[at]?.name ?? ""),
          value: typeof row[at] === "number" ? row[at] : null,
        }));
  });
}

export function PanelView({ panel, view }: { panel: DashboardPanel; view: View }) {
  const { asked, pending, error, answers } = useAnswers(panel, view);
  if (panel.kind === "text")
    return (
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reached by the keyboard
      <div className={classes.content} tabIndex={0} role="group" aria-label="Text">
        <Suspense fallback={null}>
          <Markdown text={panel.text ?? ""} />
        </Suspense>
      </div>
    );
  if (asked === 0) return <p className={classes.note}>It asks nothing yet.</p>;
  if (error)
    return (
      <p className={classes.note} role="alert">
        {error.message}
      </p>
    );
  if (pending && answers.length === 0) return <p className={classes.note}>…</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reached by the keyboard
    <div className={classes.content} tabIndex={0} role="group" aria-label={`What ${panel.title || "the panel"} shows`}>
      <Drawn panel={panel} view={view} answers={answers} />
    </div>
  );
}

const Nothing = () => <p className={classes.note}>Nothing in this time.</p>;

function Drawn({ panel, view, answers }: { panel: DashboardPanel; view: View; answers: Answer[] }) {
  const { time } = view;
  const say = reads(panel.unit);
  switch (panel.kind) {
    case "timeseries":
      return <OverTime panel={panel} view={view} answers={answers} />;
    case "heatmap": {
      const rows = heatRows(
        answers.flatMap((answer) => answer.prom ?? []),
        time,
      );
      return rows.length === 0 ? (
        <Nothing />
      ) : (
        <HeatPanel rows={rows} time={time} say={say} height={bodyHeight(panel)} label={panel.title ?? ""} />
      );
    }
    case "stat": {
      const series = overTime(answers, time)[0];
      const value = series ? lastOf(series) : (lasts(answers, time)[0]?.value ?? null);
      return (
        <div className={classes.stat}>
          <span className={classes.big} data-tone={toneOf(panel, value)}>
            {say(value)}
          </span>
          {series && <Spark values={series.values} />}
        </div>
      );
    }
    case "gauge":
      return <Gauge panel={panel} value={lasts(answers, time)[0]?.value ?? null} say={reads(panel.unit, 1)} />;
    case "barchart":
      return <Bars panel={panel} rows={lasts(answers, time)} say={say} />;
    default:
      return <Rows answers={answers} label={panel.title || "Table"} say={say} />;
  }
}

const overTime = (answers: Answer[], time: Buckets): Series[] =>
  answers.flatMap(({ prom, sql, legend }) =>
    prom ? promOverTime(prom, legend, time) : sql ? sqlOverTime(sql, time) : [],
  );

/** Pixels below the title of a panel. */
const bodyHeight = (panel: DashboardPanel) => Math.max(60, panel.h * 38 - 8 - 18 - (panel.title ? 24 : 0));

function OverTime({ panel, view, answers }: { panel: DashboardPanel; view: View; answers: Answer[] }) {
  const series = useMemo(() => overTime(answers, view.time).slice(0, BARS), [answers, view.time]);
  const [below, legend] = useHeight(26);
  if (series.length === 0) return <Nothing />;
  const first = panel.thresholds?.find((each) => each.tone !== "ok" && each.value > -1e11);
  return (
    <>
      <TimeChart
        label={panel.title || "Time series"}
        time={view.time}
        series={series}
        kind={panel.stacked ? "bars" : "lines"}
        format={reads(panel.unit)}
        threshold={first ? { value: first.value, name: reads(panel.unit)(first.value) } : undefined}
        height={chartHeight(bodyHeight(panel), legend)}
        onStretch={view.onStretch}
      />
      <div ref={below} className={classes.legend}>
        <Legend series={series} />
      </div>
    </>
  );
}

function Spark({ values }: { values: (number | null)[] }) {
  const known = values.filter((value): value is number => value !== null);
  if (known.length < 2) return null;
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const points = values.flatMap((value, at) =>
    value === null
      ? []
      : [
          `${((at / (values.length - 1)) * 100).toFixed(2)} ${(23 - ((value - low) / (high - low || 1)) * 20).toFixed(2)}`,
        ],
  );
  return (
    <svg className={classes.spark} viewBox="0 0 100 26" preserveAspectRatio="none" aria-hidden="true">
      <polyline
        points={points.join(" ")}
        fill="none"
        stroke="currentColor"
        strokeWidth={1.5}
        vectorEffect="non-scaling-stroke"
      />
    </svg>
  );
}

/** Half a circle from the least to the most. */
function Gauge({
  panel,
  value,
  say,
}: {
  panel: DashboardPanel;
  value: number | null;
  say: (value: number | null) => string;
}) {
  const least = panel.min ?? 0;
  const most =
    panel.max ?? (panel.unit === "percentunit" ? 1 : panel.unit === "percent" ? 100 : Math.max(1, (value ?? 0) * 1.25));
  const share = value === null ? 0 : Math.max(0, Math.min(1, (value - least) / (most - least || 1)));
  const tone = toneOf(panel, value);
  const arc = Math.PI * 80;
  return (
    <svg
      className={classes.gauge}
      viewBox="0 0 200 118"
      role="img"
      aria-label={`${say(value)}, between ${say(least)} and ${say(most)}`}
    >
      <path d="M20 105a80 80 0 0 1 160 0" fill="none" stroke="var(--t-border)" strokeWidth={16} strokeLinecap="round" />
      {share > 0 && (
        <path
          d="M20 105a80 80 0 0 1 160 0"
          fill="none"
          stroke={
            tone === "good"
              ? "var(--t-ok)"
              : tone === "warn"
                ? "var(--t-warn)"
                : tone === "bad"
                  ? "var(--t-error)"
                  : "var(--t-accent-fill)"
          }
          strokeWidth={16}
          strokeLinecap="round"
          strokeDasharray={`${share * arc} ${arc}`}
        />
      )}
      <text x={100} y={96} textAnchor="middle" fontSize={24} fontWeight={580} fill="var(--t-text)">
        {say(value)}
      </text>
    </svg>
  );
}

function Bars({
  panel,
  rows,
  say,
}: {
  panel: DashboardPanel;
  rows: { name: string; value: number | null }[];
  say: (value: number | null) => string;
}) {
  const shown = [...rows].sort((one, other) => (other.value ?? 0) - (one.value ?? 0)).slice(0, BARS);
  const most = Math.max(...shown.map((row) => row.value ?? 0), 0) || 1;
  if (shown.length === 0) return <Nothing />;
  return (
    <dl className={classes.bars}>
      {shown.map((row) => {
        const tone = toneOf(panel, row.value);
        return [
          <dt key={`${row.name} name`} className="cut" title={row.name}>
            {row.name}
          </dt>,
          <dd key={`${row.name} bar`} aria-hidden>
            <span
              className={classes.bar}
              style={{
                width: `${Math.max(0, ((row.value ?? 0) / most) * 100)}%`,
                ...(tone
                  ? { background: `var(--t-${tone === "good" ? "ok" : tone === "bad" ? "error" : "warn"})` }
                  : {}),
              }}
            />
          </dd>,
          <dd key={`${row.name} value`}>{say(row.value)}</dd>,
        ];
      })}
    </dl>
  );
}

function Rows({ answers, label, say }: { answers: Answer[]; label: string; say: (value: number | null) => string }) {
  const sql = answers.find((answer) => answer.sql)?.sql;
  const { columns, rows } = useMemo(() => {
    if (sql) {
      const list = sql.columns.map(
        (column, at): Column<unknown[]> => ({
          key: `${at}`,
          name: column.name,
          left: !sql.rows.some((row) => typeof row[at] === "number"),
          cell: (row) => (typeof row[at] === "number" ? grouped(row[at]) : inline(row[at])),
        }),
      );
      return { columns: list, rows: sql.rows.slice(0, ROWS) };
    }
    const found = answers.flatMap((answer) => answer.prom ?? []);
    const labels = [...new Set(found.flatMap((series) => Object.keys(series.metric)))].filter(
      (name) => name !== "__name__",
    );
    const list: Column<unknown[]>[] = [
      ...labels.map(
        (name, at): Column<unknown[]> => ({ key: name, name, left: true, cell: (row) => String(row[at] ?? "") }),
      ),
      { key: "value", name: "value", cell: (row) => say(row.at(-1) as number | null) },
    ];
    return {
      columns: list,
      rows: found
        .slice(0, ROWS)
        .map((series) => [...labels.map((name) => series.metric[name]), Number(series.value?.[1] ?? Number.NaN)]),
    };
  }, [answers, sql, say]);
  return (
    <Table
      label={label}
      columns={columns}
      rows={rows}
      rowKey={(row) => JSON.stringify(row)}
      empty="Nothing in this time."
    />
  );
}
