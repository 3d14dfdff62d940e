/** What ECharts is told for a chart over time. Pure; colours come from the palette of the scheme. */
import { absolute, bytes, clock, count, dated, duration } from "@/lib/format";
import { inZone } from "@/lib/locale";
import { type Buckets, type Mark, marksIn, type Series } from "@/lib/series";
import { FONT, type Palette } from "@/theme/tokens";
import type { Option } from "./engine";
import type { TimeChartProps } from "./TimeChart";

/** Two colours in equal parts. */
export function between(one: string, other: string): string {
  const part = (of: string, at: number) => Number.parseInt(of.slice(at, at + 2), 16);
  const mixed = [1, 3, 5].map((at) => Math.round((part(one, at) + part(other, at)) / 2));
  return `#${mixed.map((each) => each.toString(16).padStart(2, "0")).join("")}`;
}

/**
 * Colours for series that have none of their own: the step kinds', in an order in which neighbours differ, and once more closer
 * to the surface they are drawn on.
 */
export function wheel({ fills, panel }: Palette): string[] {
  const full = [
    fills.llm,
    fills.tool,
    fills.agent,
    fills.evaluator,
    fills.retriever,
    fills.handoff,
    fills.guardrail,
    fills.chain,
  ];
  return [...full, ...full.map((each) => between(each, panel))];
}

/** The sum of series that are not told apart: it has no colour of its own, and is not the loudest. */
const isRest = (series: Series) => series.key === undefined && /others?$/.test(series.name);

/** The colour of a series by its place among all. */
export function colourOf(series: Series, at: number, palette: Palette): string {
  const colours = wheel(palette);
  return isRest(series) ? palette.borderStrong : colours[at % colours.length]!;
}

/** A bucket's label on the axis: the time of day, or the date where buckets are a day long. */
export function tick(at: number, stepMs: number): string {
  const iso = new Date(at).toISOString();
  if (stepMs >= 86_400_000) return dated(iso, "day");
  return clock(iso, stepMs < 60_000 ? "second" : "minute");
}

const DAY_MS = 86_400_000;
/** Steps between the times written on an axis, in seconds: those a clock or a calendar is read by. */
const READ_BY = [
  1, 5, 10, 15, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
];
/** No more times than this are written on an axis. */
const TIMES = 7;

/**
 * The times of an axis. Written are those that begin a round stretch (09:00, 09:30), in the zone that is shown; where there is
 * more than a day, each day begins with its date.
 */
export function timeAxis({ starts, stepMs }: Buckets) {
  const all = starts.length * stepMs;
  const apart =
    1000 * (READ_BY.find((seconds) => all / seconds / 1000 <= TIMES) ?? Math.ceil(all / TIMES / 604_800_000) * 604_800);
  const begins = (at: number, every: number) =>
    Math.floor(inZone(at) / every) !== Math.floor(inZone(at - stepMs) / every);
  return {
    data: starts.map((at) => tick(at, all > DAY_MS && begins(at, DAY_MS) ? DAY_MS : stepMs)),
    interval: (index: number) => begins(starts[index] ?? 0, apart),
  };
}

/** What an axis says of a value: `$0.50` and `10 s` rather than `$0.500` and `10.0 s`, as its other values say it. */
export const onAxis = (text: string): string =>
  text.startsWith("$") ? text.replace(/(\.\d\d\d*?)0+$/, "$1") : text.replace(/\.0+(?=\s|$)/, "");

export const plain = (text: string) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** Parts of an axis between its numbers. */
const PARTS = 4;
/** Shares of an axis that are cut into round parts. */
const SHOWN = [0.02, 0.04, 0.08, 0.12, 0.2, 0.4, 0.6, 0.8];

/** The lower end of an axis that ends at `most`: well below everything shown, so that small changes at the top are seen. */
export function lowest(series: Series[], threshold: number, most: number): number {
  const values = series.flatMap((each) => each.values).filter((value) => value !== null);
  const gap = most - Math.min(threshold, ...values);
  return most - most * (SHOWN.find((share) => share * most >= gap * 1.25) ?? 1);
}

const KIB = 1024;
/** What values are, told by how one of them is written, and the steps in which they are counted where that is not by ten. */
const COUNTED_BY = [
  { one: 60, says: duration(60_000), steps: READ_BY, from: 60 },
  { one: 60_000, says: duration(60_000), steps: READ_BY.map((seconds) => seconds * 1000), from: 60_000 },
  {
    one: KIB,
    says: bytes(KIB),
    steps: [KIB, KIB ** 2, KIB ** 3].flatMap((unit) => [1, 2, 5, 10, 20, 50, 100, 200, 500].map((each) => each * unit)),
    from: KIB,
  },
];

/** Where an axis ends and in which steps, for minutes, hours and bytes: 5 m and 10 m, not the 16 m 40 s of 1,000 seconds. */
export function valueAxis({ kind, series, threshold, limits = [], before = [], format }: TimeChartProps) {
  const counted = COUNTED_BY.find(({ one, says }) => format(one) === says);
  if (!counted) return undefined;
  const highest = (lines: Series[]) => Math.max(0, ...lines.flatMap((each) => each.values.map((value) => value ?? 0)));
  const stacked = (series[0]?.values ?? []).map((_, at) =>
    series.reduce((sum, each) => sum + (each.values[at] ?? 0), 0),
  );
  const shown = kind === "bars" ? Math.max(0, ...stacked) : highest(series);
  const top = Math.max(shown, threshold?.value ?? 0, highest(limits), highest(before));
  if (top < counted.from) return undefined;
  const interval = counted.steps.find((step) => top / step <= PARTS + 1);
  return interval ? { interval, max: Math.ceil(top / interval) * interval } : undefined;
}

/** A threshold further above everything shown than this would press it flat. */
const WITHIN_REACH = 10;

/** The threshold where it is to be seen above what is shown; an axis takes no notice of lines that are only marks. */
function inReach({ series, threshold }: TimeChartProps): number[] {
  const highest = Math.max(0, ...series.flatMap((each) => each.values.map((value) => value ?? 0)));
  return threshold && threshold.value <= highest * WITHIN_REACH ? [threshold.value] : [];
}

/** Whether half of one would be a number that nothing shown can have. */
const whole = (series: Series[]) => series.every(({ values }) => values.every((value) => Number.isInteger(value ?? 0)));

interface Hovered {
  seriesName: string;
  dataIndex: number;
  value: number | null;
  color: string;
}

export function timeOption(props: TimeChartProps, palette: Palette): Option {
  const { time, series, kind, format, threshold, limits = [], marks = [], before = [], most, logarithmic } = props;
  const colour = (each: Series, at: number) => props.colour?.(each, palette) ?? colourOf(each, at, palette);
  const earlierColour = (each: Series, at: number) => {
    const now = series.find((one) => one.name === each.name);
    // The sum of all bars is none of them.
    return now ? colour(now, at) : kind === "bars" ? palette.text : colour(each, at);
  };
  const times = timeAxis(time);
  const text = { color: palette.faint, fontSize: 11, fontFamily: FONT };
  const counted = most === undefined && !logarithmic ? valueAxis(props) : undefined;
  const floor = most === undefined ? undefined : lowest(series, threshold?.value ?? most, most);
  return {
    animation: false,
    grid: { left: 4, right: 6, top: 12, bottom: 2, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    tooltip: {
      trigger: "axis",
      confine: true,
      axisPointer: {
        type: kind === "bars" ? "shadow" : "line",
        lineStyle: { color: palette.borderStrong },
        shadowStyle: { color: palette.hover, opacity: 0.5 },
      },
      backgroundColor: palette.raised,
      borderColor: palette.borderStrong,
      textStyle: { color: palette.text, fontSize: 12, fontFamily: FONT },
      order: "valueDesc",
      formatter: (shown: unknown) => tooltip(shown as Hovered[], props),
    },
    xAxis: {
      type: "category",
      data: times.data,
      boundaryGap: kind === "bars",
      axisLine: { lineStyle: { color: palette.border } },
      axisTick: { show: false },
      axisLabel: { ...text, hideOverlap: true, margin: 11, interval: times.interval },
    },
    yAxis: {
      type: logarithmic ? "log" : "value",
      max: most ?? counted?.max,
      min: floor,
      interval: most === undefined || floor === undefined ? counted?.interval : (most - floor) / PARTS,
      minInterval: whole(series) && most === undefined && !logarithmic ? 1 : 0,
      splitNumber: PARTS,
      splitLine: { lineStyle: { color: palette.border, type: [2, 4] } },
      axisLabel: { ...text, formatter: (value: number) => onAxis(format(value)) },
    },
    series: [
      // Nothing is drawn of it.
      ...inReach(props).map((value) => ({ name: MARKS, type: "line", data: [value], symbol: "none", silent: true })),
      ...(marks.length > 0 ? [marked(marks, time, palette)] : []),
      ...before.map((each, at) => ({
        name: `${each.name}, before`,
        type: "line",
        data: each.values,
        symbol: "none",
        silent: true,
        lineStyle: {
          width: 1.2,
          type: [3, 3],
          color: earlierColour(each, at),
          opacity: 0.65,
        },
      })),
      ...limits.map((each) => ({
        name: each.name,
        type: "line",
        data: each.values,
        symbol: "none",
        silent: true,
        itemStyle: { color: palette.warn },
        lineStyle: { width: 1, type: [4, 3], color: palette.warn },
      })),
      ...series.map((each, at) => ({
        name: each.name,
        type: kind === "bars" ? "bar" : "line",
        stack: kind === "bars" ? "all" : undefined,
        data: logarithmic ? each.values.map((value) => (value !== null && value > 0 ? value : null)) : each.values,
        symbol: kind === "lines" ? "circle" : undefined,
        symbolSize: 5,
        showSymbol: each.values.filter((value) => value !== null).length < 3,
        barCategoryGap: "18%",
        itemStyle: { color: colour(each, at) },
        lineStyle: { width: 1.8, color: colour(each, at) },
        emphasis: { disabled: true },
        cursor: props.onPoint ? "pointer" : "default",
        markLine:
          at === 0 && threshold
            ? {
                silent: true,
                // In front of marks: its name could not be read below them.
                z: 11,
                symbol: "none",
                lineStyle: { color: palette.warn, type: [4, 3], width: 1 },
                label: {
                  color: palette.warn,
                  fontSize: 10.5,
                  fontFamily: FONT,
                  position: "insideStartTop",
                  formatter: threshold.name,
                  // Lines and marks run through it.
                  backgroundColor: palette.panel,
                  padding: [1, 3],
                  borderRadius: 3,
                },
                data: [{ yAxis: threshold.value }],
              }
            : undefined,
      })),
    ],
  };
}

/** Marks of which the lines are drawn as clearly as their triangles. */
const FEW_MARKS = 4;

/** Name of the series that carry marks and the reach of the axis; the tooltip leaves them out. */
const MARKS = "";

/** What happened in a column, as lines of its tooltip. */
export const happenedIn = (marks: Mark[], start: number, stepMs: number): string =>
  marksIn(marks, start, stepMs)
    .map((mark) => `<div>◆ ${plain(mark.name)}</div>`)
    .join("");

/** Moments as vertical lines, stretches of time as surfaces, on buckets of the axis. */
export function marked(marks: Mark[], { starts, stepMs }: Buckets, palette: Palette) {
  const first = starts[0] ?? 0;
  const place = (at: number) => Math.max(0, Math.min(starts.length - 1, Math.floor((at - first) / stepMs)));
  const seen = marks.filter((mark) => mark.at < first + starts.length * stepMs && (mark.to ?? mark.at) >= first);
  const tone = (mark: Mark) => (mark.tone === "bad" ? palette.error : palette.muted);
  // One a column, the graver first: lines on lines say nothing more, and the tooltip names them all.
  const columns = new Map<number, Mark>();
  for (const mark of seen)
    if (mark.at >= first && !(columns.get(place(mark.at))?.tone === "bad")) columns.set(place(mark.at), mark);
  const moments = [...columns.values()];
  // Many changes are told by their triangles above; lines through all of the chart would hide it.
  const faint = moments.length > FEW_MARKS ? 0.16 : 0.7;
  return {
    name: MARKS,
    type: "line",
    data: [],
    silent: true,
    markLine: {
      silent: true,
      // In front of bars.
      z: 10,
      symbol: "none",
      label: { show: false },
      data: moments.map((mark) => ({
        xAxis: place(mark.at),
        lineStyle: { color: tone(mark), type: [2, 3], width: 1, opacity: mark.tone ? 0.8 : faint },
      })),
    },
    markPoint: {
      silent: true,
      z: 10,
      symbol: "triangle",
      symbolSize: [7, 5],
      symbolRotate: 180,
      label: { show: false },
      data: moments.map((mark) => ({
        coord: [place(mark.at), 0],
        // Above the plot, whatever the axis counts.
        y: 6,
        itemStyle: { color: tone(mark), opacity: mark.tone ? 1 : 0.6 },
      })),
    },
    markArea: {
      silent: true,
      data: seen.flatMap((mark) =>
        mark.to === undefined
          ? []
          : [[{ xAxis: place(mark.at), itemStyle: { color: tone(mark), opacity: 0.1 } }, { xAxis: place(mark.to) }]],
      ),
    },
  };
}

function tooltip(shown: Hovered[], { time, marks = [], format }: TimeChartProps): string {
  const start = time.starts[shown[0]?.dataIndex ?? -1];
  if (start === undefined) return "";
  const lines = shown
    .filter((each) => each.seriesName !== MARKS && each.value != null && !(each.value === 0 && shown.length > 4))
    .map(
      (each) =>
        `<div style="display:flex;gap:14px;justify-content:space-between"><span><span style="display:inline-block;width:8px;height:8px;border-radius:2px;margin-right:6px;background:${each.color}"></span>${plain(each.seriesName)}</span><b style="font-variant-numeric:tabular-nums">${plain(format(each.value))}</b></div>`,
    );
  return `<div style="opacity:.75;margin-bottom:4px">${plain(absolute(new Date(start).toISOString(), "second"))} · ${count(time.stepMs / 60_000) === "0" ? `${time.stepMs / 1000} s` : `${count(time.stepMs / 60_000)} min`}</div>${lines.join("") || "nothing"}${happenedIn(marks, start, time.stepMs)}`;
}
