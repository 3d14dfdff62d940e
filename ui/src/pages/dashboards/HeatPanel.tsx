/** Counts by size over time. */
import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useRef } from "react";
import { compact } from "@/lib/format";
import type { Buckets } from "@/lib/series";
import { day, FONT, night } from "@/theme/tokens";
import { tick, timeAxis } from "@/ui/chart/option";

interface Props {
  rows: { upTo: number; values: (number | null)[] }[];
  time: Buckets;
  say: (value: number | null) => string;
  height: number;
  label: string;
}

export function HeatPanel({ rows, time, say, height, label }: Props) {
  const palette = useComputedColorScheme("dark") === "dark" ? night : day;
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    let chart: import("@/ui/chart/engine").Engine | undefined;
    let observer: ResizeObserver | undefined;
    let gone = false;
    void import("@/ui/chart/engine").then(({ init }) => {
      if (gone) return;
      chart = init(element, null, { renderer: "svg" });
      observer = new ResizeObserver(() => chart?.resize());
      observer.observe(element);
      const cells = rows.flatMap((row, level) =>
        row.values.flatMap((value, at) =>
          value !== null && value > 0 ? [[at, level, value, Math.log2(value + 1)]] : [],
        ),
      );
      const times = timeAxis(time);
      const text = { color: palette.faint, fontSize: 11, fontFamily: FONT };
      const upTo = (level: number) =>
        Number.isFinite(rows[level]?.upTo) ? `≤ ${say(rows[level]?.upTo ?? null)}` : "more";
      chart.setOption({
        animation: false,
        grid: { left: 4, right: 10, top: 6, bottom: 2, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
        tooltip: {
          confine: true,
          backgroundColor: palette.raised,
          borderColor: palette.borderStrong,
          textStyle: { color: palette.text, fontSize: 12, fontFamily: FONT },
          formatter: ({ data }: { data: [number, number, number] }) =>
            `${tick(time.starts[data[0]] ?? 0, time.stepMs)} · ${upTo(data[1])}<br><b>${compact(data[2])}</b>`,
        },
        xAxis: {
          type: "category",
          data: times.data,
          axisLine: { lineStyle: { color: palette.border } },
          axisTick: { show: false },
          axisLabel: { ...text, hideOverlap: true, margin: 11, interval: times.interval },
        },
        yAxis: {
          type: "category",
          data: rows.map((_, level) => upTo(level)),
          axisLine: { show: false },
          axisTick: { show: false },
          axisLabel: text,
        },
        visualMap: {
          show: false,
          dimension: 3,
          min: 0,
          max: Math.max(1, ...cells.map((cell) => cell[3] ?? 0)),
          inRange: { color: [palette.selected, palette.accentFill] },
        },
        series: [{ type: "heatmap", data: cells, itemStyle: { borderColor: palette.panel, borderWidth: 1 } }],
      });
    });
    return () => {
      gone = true;
      observer?.disconnect();
      chart?.dispose();
    };
  }, [rows, time, say, palette]);
  return <div ref={place} style={{ height }} role="img" aria-label={`${label}: counts by size over time`} />;
}
