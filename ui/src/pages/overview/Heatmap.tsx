/**
 * Where durations, tokens or steps of runs lie over time, with p50, p95 and p99 drawn in: each cell counts runs, and leads to them.
 * It is pointed at as every chart over time is, and has the same marks.
 */
import { useComputedColorScheme } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo, useRef } from "react";
import { QUANTILES as OF_RUNS } from "@/api/numbers";
import { runSql } from "@/api/queries";
import type { Bound } from "@/lib/filter";
import { absolute, compact, count, duration } from "@/lib/format";
import { type Amount, bounds, type Cell, cells, heatSql, span } from "@/lib/heat";
import { runsSearch } from "@/lib/overview";
import { type Buckets, byQuantile, type Series, settled } from "@/lib/series";
import { day, night } from "@/theme/tokens";
import { ChartPending } from "@/ui/chart/ChartPending";
import { Pointing } from "@/ui/chart/Pointing";
import { happened } from "@/ui/chart/TimeChart";
import { useDrawing } from "@/ui/chart/useDrawing";
import { type Ask, REFRESH_MS, useAggregate, useMarks } from "./ask";
import { HeatLegend } from "./HeatLegend";
import { heatOption } from "./heatOption";
import classes from "./OverviewPage.module.css";
import { PanelHead } from "./Panel";

interface HeatSpec {
  title: string;
  about: string;
  of: Amount;
  /** The measure of the quantiles, in the words of `/api/v1/aggregate`. */
  measure: string;
  format: (value: number) => string;
  /** The bounds of a list of runs that hold a cell's runs. */
  least: Bound;
  most: Bound;
}

export const HEATS: Record<"durations" | "tokens" | "steps", HeatSpec> = {
  durations: {
    title: "Durations of runs",
    about:
      "Each cell counts the runs that started then and took so long; a second band is a second kind of behaviour. Lines are p50, p95 and p99 of those that ended.",
    of: "duration_ms",
    measure: "duration_ms",
    format: duration,
    least: "min_duration_ms",
    most: "max_duration_ms",
  },
  tokens: {
    title: "Tokens per run, as a distribution",
    about:
      "Each cell counts the runs that started then and took so many tokens. Lines are p50, p95 and p99 of those that ended.",
    of: "total_tokens",
    measure: "tokens",
    format: compact,
    least: "min_tokens",
    most: "max_tokens",
  },
  steps: {
    title: "Steps per run, as a distribution",
    about:
      "Each cell counts the runs that started then and took so many steps: a loop is a band far up. Lines are p50, p95 and p99 of those that ended.",
    of: "steps",
    measure: "steps",
    format: compact,
    least: "min_steps",
    most: "max_steps",
  },
};

const QUANTILES = ["p50", "p95", "p99"];

const HEIGHT = 190;

interface Props {
  ask: Ask;
  spec?: HeatSpec;
  onStretch: (from: number, to: number) => void;
}

export function Heatmap({ ask, spec = HEATS.durations, onStretch }: Props) {
  const navigate = useNavigate();
  const palette = useComputedColorScheme("dark") === "dark" ? night : day;
  const place = useRef<HTMLDivElement>(null);
  const [drawing, ready] = useDrawing(place);
  const marks = useMarks(ask);
  const sql = heatSql(ask.time, ask.scope, spec.of);
  const question = { measure: spec.measure, ...OF_RUNS };
  const quantiles = useAggregate(ask, question);
  const earlier = useAggregate(ask, question, { shift: ask.shift ?? 0, enabled: ask.shift !== undefined });
  const lines = useMemo(
    () => settled(byQuantile(quantiles.data?.rows ?? [], ask.time, QUANTILES), ask.time, Date.now()),
    [quantiles.data, ask.time],
  );
  const before = useMemo(
    () =>
      ask.shift === undefined
        ? undefined
        : byQuantile(earlier.data?.rows ?? [], ask.time, QUANTILES, ask.shift).find((line) => line.name === "p95"),
    [earlier.data, ask.time, ask.shift],
  );
  const answer = useQuery({
    queryKey: ["heat", sql],
    queryFn: ({ signal }) => runSql(sql, signal),
    refetchInterval: ask.live ? REFRESH_MS : false,
    placeholderData: (before) => before,
  });
  const heat = useMemo(() => cells(answer.data?.rows ?? [], ask.time), [answer.data, ask.time]);
  const low = heat.reduce((least, cell) => Math.min(least, cell.level), Number.POSITIVE_INFINITY);

  useEffect(() => {
    const chart = drawing.current;
    if (!ready || !chart) return;
    if (heat.length === 0) chart.clear();
    else chart.setOption(heatOption({ heat, lines, before, marks, time: ask.time, spec, palette }), { notMerge: true });
  }, [ready, drawing, heat, lines, before, marks, ask.time, spec, palette]);

  const open = (at: number, y?: number) => {
    const start = ask.time.starts[at];
    if (start === undefined) return;
    const row = y === undefined ? undefined : Number(drawing.current?.convertFromPixel({ yAxisIndex: 0 }, y));
    const cell = row === undefined ? undefined : heat.find((each) => each.at === at && each.level === row + low);
    // Beside the cells all runs of the time are meant.
    const { least, most } = cell ? bounds(cell.level, spec.of) : {};
    void navigate({
      to: "/runs",
      search: { ...runsSearch(ask.scope, start, start + ask.time.stepMs), [spec.least]: least, [spec.most]: most },
    });
  };

  return (
    <section className={classes.panel} aria-label={spec.title}>
      <PanelHead title={spec.title} about={spec.about} />
      {answer.isError ? (
        <p className={classes.nothing} role="alert">
          {answer.error.message}
        </p>
      ) : (
        // The drawing has its room from the beginning: made without, it would stay without.
        <div className={classes.heat}>
          <Pointing
            label={spec.title}
            time={ask.time}
            drawing={drawing}
            height={HEIGHT}
            onStretch={onStretch}
            onColumn={heat.length > 0 ? open : undefined}
            columnText={(at) => columnText(heat, lines, ask.time, spec, at)}
          >
            <div
              ref={place}
              style={{ height: HEIGHT }}
              role="img"
              aria-label={heat.length > 0 ? describe(heat, spec) + happened(marks) : spec.title}
            />
          </Pointing>
          {heat.length > 0 && <HeatLegend lines={lines.map((each) => each.name)} />}
          {quantiles.isError && (
            <p className={classes.hint} role="alert">
              Quantiles are not known: {quantiles.error.message}
            </p>
          )}
          {heat.length === 0 &&
            (answer.isPending ? (
              <ChartPending />
            ) : (
              <p className={classes.nothing}>Nothing of this in the time range.</p>
            ))}
        </div>
      )}
    </section>
  );
}

/** A column in words. */
function columnText(heat: Cell[], lines: Series[], time: Buckets, { of, format }: HeatSpec, at: number): string {
  const start = time.starts[at];
  if (start === undefined) return "";
  const here = heat.filter((cell) => cell.at === at);
  const runs = here.map(({ level, count: runs }) => `${count(runs)} of ${span(level, of, format)}`);
  const values = lines.flatMap(({ name, values }) => (values[at] == null ? [] : [`${name} ${format(values[at])}`]));
  const exact = time.stepMs < 60_000 ? "second" : "minute";
  const told =
    here.length === 0
      ? "no runs"
      : [`runs ${runs.join(", ")}`, ...(values.length > 0 ? [values.join(", ")] : [])].join("; ");
  return `${absolute(new Date(start).toISOString(), exact)}: ${told}`;
}

function describe(heat: Cell[], { title, of, format }: HeatSpec): string {
  const busiest = heat.reduce((most, cell) => (cell.count > most.count ? cell : most));
  return `${title} over time; most runs took ${span(busiest.level, of, format)}.`;
}
