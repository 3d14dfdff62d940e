/** Where durations, tokens or steps of runs lie over time, with p50, p95 and p99 drawn in: each cell counts runs, and leads to them. */
import { useComputedColorScheme } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo, useRef } from "react";
import { runSql } from "@/api/queries";
import type { RunsSearch } from "@/lib/filter";
import { compact, count, duration } from "@/lib/format";
import { type Amount, type Cell, cells, edge, heatSql, levelOf, PER_OCTAVE } from "@/lib/heat";
import { runsSearch } from "@/lib/overview";
import { byQuantile } from "@/lib/series";
import { day, night } from "@/theme/tokens";
import { tick } from "@/ui/chart/option";
import { type Ask, REFRESH_MS, useAggregate } from "./ask";
import classes from "./OverviewPage.module.css";
import { PanelHead } from "./Panel";

interface HeatSpec {
  title: string;
  about: string;
  of: Amount;
  /** The measure of the quantiles, in the words of `/api/v1/aggregate`. */
  measure: string;
  format: (value: number) => string;
  /** The runs of a cell. */
  runs: (from: number, to: number) => RunsSearch;
}

export const HEATS: Record<"durations" | "tokens" | "steps", HeatSpec> = {
  durations: {
    title: "Durations of runs",
    about:
      "Each cell counts the runs that started then and took so long; a second band is a second kind of behaviour. Lines are p50, p95 and p99.",
    of: "duration_ms",
    measure: "duration_ms",
    format: duration,
    runs: (from, to) => ({ min_duration_ms: from, max_duration_ms: to }),
  },
  tokens: {
    title: "Tokens per run, as a distribution",
    about: "Each cell counts the runs that started then and took so many tokens. Lines are p50, p95 and p99.",
    of: "total_tokens",
    measure: "tokens",
    format: compact,
    runs: (from, to) => ({ min_tokens: from, max_tokens: to }),
  },
  steps: {
    title: "Steps per run, as a distribution",
    about:
      "Each cell counts the runs that started then and took so many steps: a loop is a band far up. Lines are p50, p95 and p99.",
    of: "steps",
    measure: "steps",
    format: compact,
    runs: () => ({ sort: "-steps" }),
  },
};

const QUANTILES = ["p50", "p95", "p99"];

export function Heatmap({ ask, spec = HEATS.durations }: { ask: Ask; spec?: HeatSpec }) {
  const navigate = useNavigate();
  const palette = useComputedColorScheme("dark") === "dark" ? night : day;
  const place = useRef<HTMLDivElement>(null);
  const sql = heatSql(ask.time, ask.scope, spec.of);
  const quantiles = useAggregate(ask, { measure: spec.measure, quantiles: "0.5,0.95,0.99" });
  const lines = useMemo(() => byQuantile(quantiles.data?.rows ?? [], ask.time, QUANTILES), [quantiles.data, ask.time]);
  const answer = useQuery({
    queryKey: ["heat", sql],
    queryFn: ({ signal }) => runSql(sql, signal),
    refetchInterval: ask.live ? REFRESH_MS : false,
    placeholderData: (before) => before,
  });
  const heat = useMemo(() => cells(answer.data?.rows ?? [], ask.time), [answer.data, ask.time]);

  useEffect(() => {
    const element = place.current;
    if (!element || heat.length === 0) return;
    let chart: import("@/ui/chart/engine").Engine | undefined;
    let observer: ResizeObserver | undefined;
    let gone = false;
    void import("@/ui/chart/engine").then(({ init }) => {
      if (gone) return;
      chart = init(element, null, { renderer: "svg" });
      observer = new ResizeObserver(() => chart?.resize());
      observer.observe(element);
      const low = Math.min(...heat.map((cell) => cell.level));
      const high = Math.max(...heat.map((cell) => cell.level));
      const levels = Array.from({ length: high - low + 1 }, (_, at) => low + at);
      const label = { color: palette.faint, fontSize: 11, fontFamily: "inherit" };
      chart.setOption({
        animation: false,
        grid: { left: 4, right: 30, top: 8, bottom: 2, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
        tooltip: {
          confine: true,
          backgroundColor: palette.raised,
          borderColor: palette.borderStrong,
          textStyle: { color: palette.text, fontSize: 12, fontFamily: "inherit" },
          formatter: ({ data }: { data: [number, number, number] }) => {
            const level = levels[data[1]] ?? 0;
            return `${tick(ask.time.starts[data[0]] ?? 0, ask.time.stepMs)} · ${spec.format(edge(level, spec.of))} to ${spec.format(edge(level + 1, spec.of))}<br><b>${count(data[2])}</b> runs`;
          },
        },
        xAxis: {
          type: "category",
          data: ask.time.starts.map((at) => tick(at, ask.time.stepMs)),
          axisLine: { lineStyle: { color: palette.border } },
          axisTick: { show: false },
          axisLabel: { ...label, hideOverlap: true },
        },
        yAxis: {
          type: "category",
          data: levels.map((level) => spec.format(edge(level, spec.of))),
          axisLine: { show: false },
          axisTick: { show: false },
          axisLabel: { ...label, interval: PER_OCTAVE * 2 - 1 },
        },
        // Few and many runs must both be seen, so colour follows the logarithm.
        visualMap: {
          show: false,
          dimension: 3,
          min: 0,
          max: Math.max(1, ...heat.map((cell) => Math.log2(cell.count + 1))),
          inRange: { color: [palette.selected, palette.accentFill] },
        },
        series: [
          ...lines.map((line, which) => ({
            name: line.name,
            type: "line",
            data: line.values.map((value) => (value == null ? null : levelOf(value, spec.of) - low - 0.5)),
            symbol: "none",
            silent: true,
            smooth: 0.2,
            z: 3,
            tooltip: { show: false },
            lineStyle: {
              width: 1.6,
              type: which === 0 ? "solid" : which === 1 ? [5, 3] : [2, 3],
              color: palette.text,
              opacity: 0.85,
            },
            // Two names in one place could not be read.
            endLabel: { show: which !== 1, formatter: line.name, color: palette.muted, fontSize: 10.5, distance: 2 },
          })),
          {
            type: "heatmap",
            data: heat.map((cell) => [cell.at, cell.level - low, cell.count, Math.log2(cell.count + 1)]),
            itemStyle: { borderColor: palette.panel, borderWidth: 1 },
            emphasis: { itemStyle: { borderColor: palette.text } },
          },
        ],
      });
      chart.on("click", ({ data, seriesType }) => {
        if (seriesType !== "heatmap") return;
        const [at, level] = data as [number, number];
        const start = ask.time.starts[at] ?? 0;
        void navigate({
          to: "/runs",
          search: {
            ...runsSearch(ask.scope, start, start + ask.time.stepMs),
            ...spec.runs(edge(levels[level] ?? 0, spec.of), edge((levels[level] ?? 0) + 1, spec.of)),
          },
        });
      });
    });
    return () => {
      gone = true;
      observer?.disconnect();
      chart?.dispose();
    };
  }, [heat, lines, palette, ask, navigate, spec]);

  return (
    <section className={classes.panel} aria-label={spec.title}>
      <PanelHead title={spec.title} about={spec.about} />
      {answer.isError ? (
        <p className={classes.nothing} role="alert">
          {answer.error.message}
        </p>
      ) : heat.length === 0 ? (
        <p className={classes.nothing}>{answer.isPending ? "…" : "Nothing of this in the time range."}</p>
      ) : (
        <div ref={place} style={{ height: 190 }} role="img" aria-label={describe(heat, spec)} />
      )}
    </section>
  );
}

function describe(heat: Cell[], { title, of, format }: HeatSpec): string {
  const busiest = heat.reduce((most, cell) => (cell.count > most.count ? cell : most));
  return `${title} over time; most runs took ${format(edge(busiest.level, of))} to ${format(edge(busiest.level + 1, of))}.`;
}
