/**
 * Numbers over time: stacked bars or lines on buckets of equal length. Dragging chooses a stretch of time, a click opens what
 * is behind a point.
 */
import { useComputedColorScheme } from "@mantine/core";
import { memo, type PointerEvent, useEffect, useId, useRef, useState } from "react";
import { absolute } from "@/lib/format";
import type { Buckets, Mark, Series } from "@/lib/series";
import { day, night, type Palette } from "@/theme/tokens";
import { timeOption } from "./option";
import classes from "./TimeChart.module.css";

/** Pixels below which a drag is a click. */
const LEAST_DRAG = 6;

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
  /** What happened meanwhile; named in the tooltip. */
  marks?: Mark[];
  /** Series of an earlier time, drawn thin below. */
  before?: Series[];
  /** Upper end of the axis, where it is known. */
  most?: number;
  logarithmic?: boolean;
  height?: number;
  onStretch?: (from: number, to: number) => void;
  onPoint?: (from: number, to: number, series: Series) => void;
}

/** Drawn anew only when something it is given changes: pages that show "how long ago" render every second. */
export const TimeChart = memo(function TimeChart(props: TimeChartProps) {
  const { label, height = 190 } = props;
  const scheme = useComputedColorScheme("dark");
  const place = useRef<HTMLDivElement>(null);
  const latest = useRef(props);
  const drawing = useRef<import("./engine").Engine>(undefined);
  const [ready, setReady] = useState(false);
  const id = useId();
  useEffect(() => {
    latest.current = props;
  });

  useEffect(() => {
    let gone = false;
    let observer: ResizeObserver | undefined;
    void import("./engine").then(({ init }) => {
      const element = place.current;
      if (gone || !element) return;
      const chart = init(element, null, { renderer: "svg" });
      drawing.current = chart;
      observer = new ResizeObserver(() => chart.resize());
      observer.observe(element);
      chart.on("click", (event) => {
        const { time, series, onPoint } = latest.current;
        const start = time.starts[event.dataIndex];
        const clicked = series.find((each) => each.name === event.seriesName);
        if (start !== undefined && clicked) onPoint?.(start, start + time.stepMs, clicked);
      });
      setReady(true);
    });
    return () => {
      gone = true;
      observer?.disconnect();
      drawing.current?.dispose();
      drawing.current = undefined;
    };
  }, []);

  useEffect(() => {
    const chart = drawing.current;
    if (!ready || !chart) return;
    chart.setOption(timeOption(props, scheme === "dark" ? night : day), { notMerge: true });
  }, [ready, props, scheme]);

  const [drag, setDrag] = useState<[number, number]>();
  /** Where the pointer is, counted from the left of the chart. */
  const across = (event: PointerEvent) => event.clientX - event.currentTarget.getBoundingClientRect().left;
  /** The bucket at a place, the nearest where it lies outside. */
  const bucket = (x: number) => {
    const found = Number(drawing.current?.convertFromPixel({ xAxisIndex: 0 }, x));
    return Math.max(0, Math.min(props.time.starts.length - 1, Number.isFinite(found) ? found : 0));
  };
  const end = () => {
    if (drag && Math.abs(drag[1] - drag[0]) > LEAST_DRAG) {
      const [from, to] = drag.map(bucket).sort((one, other) => one - other);
      props.onStretch?.(props.time.starts[from ?? 0]!, props.time.starts[to ?? 0]! + props.time.stepMs);
    }
    setDrag(undefined);
  };

  return (
    <figure className={classes.figure}>
      <div
        onPointerDown={(event) => {
          if (props.onStretch && event.button === 0 && event.pointerType === "mouse")
            setDrag([across(event), across(event)]);
        }}
        onPointerMove={(event) => drag && setDrag([drag[0], across(event)])}
        onPointerUp={end}
        onPointerLeave={end}
      >
        <div ref={place} style={{ height }} role="img" aria-label={summary(props)} aria-describedby={id} />
      </div>
      {drag && Math.abs(drag[1] - drag[0]) > LEAST_DRAG && (
        <div className={classes.stretch} style={{ left: Math.min(...drag), width: Math.abs(drag[1] - drag[0]) }} />
      )}
      <figcaption id={id} className="sr">
        {label}
      </figcaption>
    </figure>
  );
});

/** A chart in one sentence. */
function summary({ label, series, marks = [], format }: TimeChartProps): string {
  const parts = series.map((each) => {
    const values = each.values.filter((value): value is number => value !== null);
    return `${each.name}: last ${format(values.at(-1) ?? null)}, highest ${format(values.length > 0 ? Math.max(...values) : null)}`;
  });
  const happened = marks.map((mark) => ` ${mark.name}: ${absolute(new Date(mark.at).toISOString()).slice(0, 16)}.`);
  return `${label}. ${parts.join("; ") || "No data"}.${happened.join("")}`;
}
