/**
 * Numbers over time: stacked bars or lines on buckets of equal length. Dragging chooses a stretch of time; a click opens what
 * is behind a bar or a line, and anywhere else in a column what is behind all of that time.
 */
import { useComputedColorScheme } from "@mantine/core";
import { memo, useEffect, useRef } from "react";
import { absolute } from "@/lib/format";
import { type Buckets, hitOf, type Mark, type Series } from "@/lib/series";
import { day, night, type Palette } from "@/theme/tokens";
import { timeOption } from "./option";
import { Pointing } from "./Pointing";
import { useDrawing } from "./useDrawing";

export interface TimeChartProps {
  /** What is drawn, for those who cannot see it and as the heading of the tooltip. */
  label: string;
  time: Buckets;
  series: Series[];
  kind: "bars" | "lines";
  /** How a value reads. */
  format: (value: number | null) => string;
  /** Colour of a series; by place in the palette when absent. */
  colour?: (series: Series, palette: Palette) => string | undefined;
  /** A line that says what is too much, or too little. */
  threshold?: { value: number; name: string };
  /** Where what is too much changes with time: such lines, one for each series that has its own. */
  limits?: Series[];
  /** What happened meanwhile; named in the tooltip. */
  marks?: Mark[];
  /** Series of an earlier time, drawn thin below. */
  before?: Series[];
  /** Upper end of the axis, where it is known. */
  most?: number;
  logarithmic?: boolean;
  height?: number;
  onStretch?: (from: number, to: number) => void;
  /** `series` is absent where the click hit none: all of that time is meant. */
  onPoint?: (from: number, to: number, series?: Series) => void;
}

/** Drawn anew only when something it is given changes: pages that show "how long ago" render every second. */
export const TimeChart = memo(function TimeChart(props: TimeChartProps) {
  const { label, height = 190 } = props;
  const scheme = useComputedColorScheme("dark");
  const place = useRef<HTMLDivElement>(null);
  const [drawing, ready] = useDrawing(place);

  useEffect(() => {
    const chart = drawing.current;
    if (!ready || !chart) return;
    chart.setOption(timeOption(props, scheme === "dark" ? night : day), { notMerge: true });
  }, [ready, drawing, props, scheme]);

  const { time, series, kind, onPoint } = props;
  const open = (at: number, y?: number) => {
    const start = time.starts[at];
    const chart = drawing.current;
    if (start === undefined || !chart) return;
    const hit =
      y === undefined
        ? undefined
        : hitOf(series, kind, at, y, (value) => Number(chart.convertToPixel({ yAxisIndex: 0 }, value)));
    onPoint?.(start, start + time.stepMs, hit);
  };

  return (
    <Pointing
      label={label}
      time={time}
      drawing={drawing}
      height={height}
      onStretch={props.onStretch}
      onColumn={onPoint && open}
      columnText={(at) => columnText(props, at)}
    >
      <div ref={place} style={{ height }} role="img" aria-label={summary(props)} />
    </Pointing>
  );
});

/** A column in words, as its tooltip tells it. */
function columnText({ time, series, format }: TimeChartProps, at: number): string {
  const start = time.starts[at];
  if (start === undefined) return "";
  const values = series.map((each) => `${each.name} ${format(each.values[at] ?? null)}`);
  const exact = time.stepMs < 60_000 ? "second" : "minute";
  return `${absolute(new Date(start).toISOString(), exact)}: ${values.join(", ") || "nothing"}`;
}

/** A chart in one sentence. */
function summary({ label, series, before = [], limits = [], marks = [], format }: TimeChartProps): string {
  const known = (each: Series) => each.values.filter((value): value is number => value !== null);
  const highest = (values: number[]) => format(values.length > 0 ? Math.max(...values) : null);
  const parts = series.map((each) => {
    const values = known(each);
    return `${each.name}: last ${format(values.at(-1) ?? null)}, highest ${highest(values)}`;
  });
  // What it is compared with, where there is anything.
  for (const each of before)
    if (known(each).some((value) => value !== 0)) parts.push(`${each.name}, before: highest ${highest(known(each))}`);
  for (const each of limits) parts.push(`${each.name}: last ${format(known(each).at(-1) ?? null)}`);
  return `${label}. ${parts.join("; ") || "No data"}.${happened(marks)}`;
}

/** What happened meanwhile, a sentence each. */
export const happened = (marks: Mark[]): string =>
  marks.map((mark) => ` ${mark.name}: ${absolute(new Date(mark.at).toISOString(), "minute")}.`).join("");
