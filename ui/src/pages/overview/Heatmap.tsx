/** Where the durations of runs lie over time: each cell counts runs, each leads to them. */
import { useComputedColorScheme } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo, useRef } from "react";
import { runSql } from "@/api/queries";
import { count, duration } from "@/lib/format";
import { type Cell, cells, durationsSql, edge, PER_OCTAVE } from "@/lib/heat";
import { runsSearch } from "@/lib/overview";
import { day, night } from "@/theme/tokens";
import { tick } from "@/ui/chart/option";
import { type Ask, REFRESH_MS } from "./ask";
import classes from "./OverviewPage.module.css";
import { PanelHead } from "./Panel";

export function Heatmap({ ask }: { ask: Ask }) {
  const navigate = useNavigate();
  const palette = useComputedColorScheme("dark") === "dark" ? night : day;
  const place = useRef<HTMLDivElement>(null);
  const sql = durationsSql(ask.time, ask.scope);
  const answer = useQuery({
    queryKey: ["heat", sql],
    queryFn: ({ signal }) => runSql(sql, signal),
    refetchInterval: ask.live ? REFRESH_MS * 2 : false,
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
        grid: { left: 4, right: 18, top: 8, bottom: 2, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
        tooltip: {
          confine: true,
          backgroundColor: palette.raised,
          borderColor: palette.borderStrong,
          textStyle: { color: palette.text, fontSize: 12, fontFamily: "inherit" },
          formatter: ({ data }: { data: [number, number, number] }) => {
            const level = levels[data[1]] ?? 0;
            return `${tick(ask.time.starts[data[0]] ?? 0, ask.time.stepMs)} · ${duration(edge(level))} to ${duration(edge(level + 1))}<br><b>${count(data[2])}</b> runs`;
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
          data: levels.map((level) => duration(edge(level))),
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
          {
            type: "heatmap",
            data: heat.map((cell) => [cell.at, cell.level - low, cell.count, Math.log2(cell.count + 1)]),
            itemStyle: { borderColor: palette.panel, borderWidth: 1 },
            emphasis: { itemStyle: { borderColor: palette.text } },
          },
        ],
      });
      chart.on("click", ({ data }) => {
        const [at, level] = data as [number, number];
        const start = ask.time.starts[at] ?? 0;
        void navigate({
          to: "/runs",
          search: {
            ...runsSearch(ask.scope, start, start + ask.time.stepMs),
            min_duration_ms: edge(levels[level] ?? 0),
            max_duration_ms: edge((levels[level] ?? 0) + 1),
          },
        });
      });
    });
    return () => {
      gone = true;
      observer?.disconnect();
      chart?.dispose();
    };
  }, [heat, palette, ask, navigate]);

  return (
    <section className={classes.panel} aria-label="Durations of runs">
      <PanelHead
        title="Durations of runs"
        about="Each cell counts the runs that started then and took so long; a second band is a second kind of behaviour."
      />
      {answer.isError ? (
        <p className={classes.nothing} role="alert">
          {answer.error.message}
        </p>
      ) : heat.length === 0 ? (
        <p className={classes.nothing}>{answer.isPending ? "…" : "Nothing of this in the time range."}</p>
      ) : (
        <div ref={place} style={{ height: 190 }} role="img" aria-label={describe(heat)} />
      )}
    </section>
  );
}

function describe(heat: Cell[]): string {
  const busiest = heat.reduce((most, cell) => (cell.count > most.count ? cell : most));
  return `Durations of runs over time; most runs took ${duration(edge(busiest.level))} to ${duration(edge(busiest.level + 1))}.`;
}
