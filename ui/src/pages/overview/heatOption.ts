/** What ECharts is told for a heatmap of runs over time. Pure; colours come from the palette of the scheme. */
import { absolute, count } from "@/lib/format";
import { type Amount, type Cell, edge, levelOf, PER_OCTAVE, span } from "@/lib/heat";
import type { Buckets, Mark, Series } from "@/lib/series";
import { FONT, type Palette } from "@/theme/tokens";
import type { Option } from "@/ui/chart/engine";
import { happenedIn, marked, plain, timeAxis } from "@/ui/chart/option";

interface Drawn {
  heat: Cell[];
  /** Quantiles over time, the lowest first. */
  lines: Series[];
  /** p95 of an earlier time. */
  before: Series | undefined;
  marks: Mark[];
  time: Buckets;
  spec: { of: Amount; format: (value: number) => string };
  palette: Palette;
}

/** How the lines of quantiles are drawn, the lowest first. */
export const DASHES: ("solid" | number[])[] = ["solid", [5, 3], [2, 3]];

/** The colours of cells, from few runs to many. */
export const scale = (palette: Palette): [string, string] => [palette.selected, palette.accentFill];

export function heatOption({ heat, lines, before, marks, time, spec, palette }: Drawn): Option {
  const low = Math.min(...heat.map((cell) => cell.level));
  const high = Math.max(...heat.map((cell) => cell.level));
  const levels = Array.from({ length: high - low + 1 }, (_, at) => low + at);
  const times = timeAxis(time);
  const label = { color: palette.faint, fontSize: 11, fontFamily: FONT };
  const row = (value: number | null) => (value == null ? null : levelOf(value) - low - 0.5);
  const line = (series: Series, style: object) => ({
    name: series.name,
    type: "line",
    data: series.values.map(row),
    symbol: "none",
    silent: true,
    smooth: 0.2,
    z: 3,
    lineStyle: { width: 1.6, color: palette.text, opacity: 0.85, ...style },
  });
  return {
    animation: false,
    grid: { left: 4, right: 6, top: 12, bottom: 2, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    tooltip: {
      trigger: "axis",
      confine: true,
      axisPointer: { type: "shadow", shadowStyle: { color: palette.hover, opacity: 0.4 } },
      backgroundColor: palette.raised,
      borderColor: palette.borderStrong,
      textStyle: { color: palette.text, fontSize: 12, fontFamily: FONT },
      formatter: (shown: unknown) => {
        const [first] = shown as { seriesType: string; dataIndex: number }[];
        const at = first?.seriesType === "heatmap" ? heat[first.dataIndex]?.at : first?.dataIndex;
        return at === undefined ? "" : tooltip(at, { heat, lines, marks, time, spec });
      },
    },
    xAxis: {
      type: "category",
      data: times.data,
      axisLine: { lineStyle: { color: palette.border } },
      axisTick: { show: false },
      axisLabel: { ...label, hideOverlap: true, margin: 11, interval: times.interval },
    },
    yAxis: {
      type: "category",
      data: levels.map((level) => spec.format(edge(level))),
      axisLine: { show: false },
      axisTick: { show: false },
      axisLabel: { ...label, interval: PER_OCTAVE * 2 - 1 },
      axisPointer: { show: false },
    },
    // Few and many runs must both be seen, so colour follows the logarithm.
    visualMap: {
      show: false,
      dimension: 3,
      min: 0,
      max: Math.max(1, ...heat.map((cell) => Math.log2(cell.count + 1))),
      inRange: { color: scale(palette) },
    },
    series: [
      ...lines.map((each, which) => line(each, { type: DASHES[which] ?? "solid" })),
      ...(before ? [line(before, { width: 1.2, type: [3, 3], color: palette.kinds.agent })] : []),
      {
        type: "heatmap",
        data: heat.map((cell) => [cell.at, cell.level - low, cell.count, Math.log2(cell.count + 1)]),
        itemStyle: { borderColor: palette.panel, borderWidth: 1 },
        emphasis: { itemStyle: { borderColor: palette.text } },
      },
      ...(marks.length > 0 ? [marked(marks, time, palette)] : []),
    ],
  };
}

/** A column: its quantiles, then its cells from above. */
function tooltip(at: number, { heat, lines, marks, time, spec }: Omit<Drawn, "before" | "palette">): string {
  const start = time.starts[at];
  if (start === undefined) return "";
  const row = (name: string, value: string) =>
    `<div style="display:flex;gap:14px;justify-content:space-between"><span>${plain(name)}</span><b style="font-variant-numeric:tabular-nums">${plain(value)}</b></div>`;
  const quantiles = lines.flatMap(({ name, values }) => {
    const value = values[at];
    return value == null ? [] : [row(name, spec.format(value))];
  });
  const runs = heat
    .filter((cell) => cell.at === at)
    .sort((one, other) => other.level - one.level)
    .map((cell) =>
      row(span(cell.level, spec.of, spec.format), `${count(cell.count)} ${cell.count === 1 ? "run" : "runs"}`),
    );
  const head = `<div style="opacity:.75;margin-bottom:4px">${plain(absolute(new Date(start).toISOString(), "second"))}</div>`;
  return `${head}${runs.length > 0 ? quantiles.join("") + runs.join("") : "no runs"}${happenedIn(marks, start, time.stepMs)}`;
}
