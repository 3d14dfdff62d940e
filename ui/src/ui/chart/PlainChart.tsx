/** Numbers along names, moments or other numbers: bars beside one another, or lines. */
import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useRef } from "react";
import type { Series } from "@/lib/series";
import { day, FONT, night } from "@/theme/tokens";
import { wheel } from "./option";

interface Props {
  label: string;
  labels: string[];
  series: Series[];
  /** The colour of each series, by its place among all; those of one chart of several. */
  places?: number[];
  kind: "bars" | "lines";
  format: (value: number | null) => string;
  height: number;
}

/** Names have room beside one another where each has this much; otherwise they stand askew. */
const NAME_PX = 84;
/** Of so many bars each has its name; of more, those that do not overlap. */
const NAMED_MOST = 24;

/** Beside the names, at most: what the other axis says, and the edge. */
const ASIDE_PX = 64;

/** How names stand along the axis of a chart so wide: none is left out, a long one is cut. */
function names(kind: Props["kind"], count: number, width: number) {
  if (kind === "lines" || count > NAMED_MOST) return { rotate: 0, interval: "auto", hideOverlap: true, width: 110 };
  const room = (width - ASIDE_PX) / count;
  const level = room >= NAME_PX;
  return { rotate: level ? 0 : 38, interval: 0, hideOverlap: false, width: level ? room - 8 : 78 };
}

export function PlainChart({ label, labels, series, places, kind, format, height }: Props) {
  const palette = useComputedColorScheme("dark") === "dark" ? night : day;
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    let chart: import("./engine").Engine | undefined;
    let observer: ResizeObserver | undefined;
    let gone = false;
    void import("./engine").then(({ init }) => {
      if (gone) return;
      chart = init(element, null, { renderer: "svg" });
      observer = new ResizeObserver(() => {
        chart?.resize();
        chart?.setOption({ xAxis: { axisLabel: names(kind, labels.length, element.clientWidth) } });
      });
      observer.observe(element);
      const text = { color: palette.faint, fontSize: 11, fontFamily: FONT };
      const colours = wheel(palette);
      chart.setOption({
        animation: false,
        grid: { left: 4, right: 6, top: 12, bottom: 2, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
        tooltip: {
          trigger: "axis",
          confine: true,
          renderMode: "richText",
          backgroundColor: palette.raised,
          borderColor: palette.borderStrong,
          textStyle: { color: palette.text, fontSize: 12, fontFamily: FONT },
          valueFormatter: (value: unknown) => format(typeof value === "number" ? value : null),
        },
        xAxis: {
          type: "category",
          data: labels,
          boundaryGap: kind === "bars",
          axisLine: { lineStyle: { color: palette.border } },
          axisTick: { show: false },
          axisLabel: {
            ...text,
            lineHeight: 16,
            overflow: "truncate",
            ...names(kind, labels.length, element.clientWidth),
          },
        },
        yAxis: {
          type: "value",
          splitNumber: 4,
          splitLine: { lineStyle: { color: palette.border, type: [2, 4] } },
          axisLabel: { ...text, formatter: (value: number) => format(value) },
        },
        series: series.map((each, at) => ({
          name: each.name,
          type: kind === "bars" ? "bar" : "line",
          data: each.values,
          barMaxWidth: 46,
          showSymbol: each.values.length < 40,
          symbol: "circle",
          symbolSize: 5,
          itemStyle: { color: colours[(places?.[at] ?? at) % colours.length] },
          lineStyle: { width: 1.8 },
          emphasis: { disabled: true },
        })),
      });
    });
    return () => {
      gone = true;
      observer?.disconnect();
      chart?.dispose();
    };
  }, [labels, series, places, kind, format, palette]);
  const said = `${label}: ${series.map((each) => each.name).join(", ")} along ${labels.length} values.`;
  return <div ref={place} style={{ height }} role="img" aria-label={said} />;
}
