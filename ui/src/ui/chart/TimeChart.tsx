/**
 * Numbers over time: stacked bars or lines on buckets of equal length. Dragging chooses a stretch of time; a click opens what
 * is behind a bar or a line, and anywhere else in a column what is behind all of that time.
 */
import { useComputedColorScheme } from "@mantine/core";
import { memo, type PointerEvent, useEffect, useId, useRef, useState } from "react";
import { absolute } from "@/lib/format";
import { type Buckets, hitOf, type Mark, type Series } from "@/lib/series";
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
  /** `series` is absent where the click hit none: all of that time is meant. */
  onPoint?: (from: number, to: number, series?: Series) => void;
}

/** Drawn anew only when something it is given changes: pages that show "how long ago" render every second. */
export const TimeChart = memo(function TimeChart(props: TimeChartProps) {
  const { label, height = 190 } = props;
  const scheme = useComputedColorScheme("dark");
  const place = useRef<HTMLDivElement>(null);
  const drawing = useRef<import("./engine").Engine>(undefined);
  const [ready, setReady] = useState(false);
  const id = useId();
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
  /** The column of the keyboard; the last one until it is moved. */
  const [column, setColumn] = useState<number>();
  /** The column that a finger touched last: its first touch shows the numbers, only the second opens them. */
  const touched = useRef<number>(undefined);
  const { time, series, kind, onPoint } = props;
  const last = time.starts.length - 1;
  const chosen = Math.min(column ?? last, last);
  /** Where the pointer is, counted from the upper left of the chart. */
  const across = (event: PointerEvent) => event.clientX - event.currentTarget.getBoundingClientRect().left;
  const down = (event: PointerEvent) => event.clientY - event.currentTarget.getBoundingClientRect().top;
  /** The bucket at a place, the nearest where it lies outside. */
  const bucket = (x: number) => {
    const found = Number(drawing.current?.convertFromPixel({ xAxisIndex: 0 }, x));
    return Math.max(0, Math.min(last, Number.isFinite(found) ? found : 0));
  };
  const open = (at: number, hit?: Series) => {
    const start = time.starts[at];
    if (start !== undefined) onPoint?.(start, start + time.stepMs, hit);
  };
  const click = (event: PointerEvent, x: number, y: number) => {
    const chart = drawing.current;
    if (!onPoint || !chart?.containPixel({ gridIndex: 0 }, [x, y])) return;
    const at = bucket(x);
    const again = touched.current === at;
    touched.current = at;
    if (event.pointerType !== "mouse" && !again) return;
    open(
      at,
      hitOf(series, kind, at, y, (value) => Number(chart.convertToPixel({ yAxisIndex: 0 }, value))),
    );
  };
  const end = (event: PointerEvent, released: boolean) => {
    if (!drag) return;
    setDrag(undefined);
    const [begun, x] = drag;
    if (Math.abs(x - begun) <= LEAST_DRAG) {
      if (released) click(event, x, down(event));
    } else if (event.pointerType === "mouse") {
      const [from = 0, to = 0] = drag.map(bucket).sort((one, other) => one - other);
      props.onStretch?.(time.starts[from]!, time.starts[to]! + time.stepMs);
    }
  };
  const stretching = props.onStretch && drag && Math.abs(drag[1] - drag[0]) > LEAST_DRAG;

  return (
    <figure className={classes.figure} data-opens={onPoint ? true : undefined}>
      <div
        onPointerDown={(event) => {
          if (event.button === 0) setDrag([across(event), across(event)]);
        }}
        onPointerMove={(event) => drag && setDrag([drag[0], across(event)])}
        onPointerUp={(event) => end(event, true)}
        onPointerLeave={(event) => end(event, false)}
        onPointerCancel={() => setDrag(undefined)}
      >
        <div ref={place} style={{ height }} role="img" aria-label={summary(props)} aria-describedby={id} />
      </div>
      {stretching && (
        <div className={classes.stretch} style={{ left: Math.min(...drag), width: Math.abs(drag[1] - drag[0]) }} />
      )}
      {onPoint && last >= 0 && (
        <input
          type="range"
          className={classes.columns}
          aria-label={`${label}: choose a time, Enter opens its runs`}
          aria-valuetext={columnText(props, chosen)}
          min={0}
          max={last}
          value={chosen}
          onChange={(event) => {
            const at = Number(event.currentTarget.value);
            setColumn(at);
            // By place: the first of the drawn series may be that of the marks, which has no values.
            const x = Number(drawing.current?.convertToPixel({ xAxisIndex: 0 }, at));
            drawing.current?.dispatchAction({ type: "showTip", x, y: height / 2 });
          }}
          onBlur={() => drawing.current?.dispatchAction({ type: "hideTip" })}
          onKeyDown={(event) => event.key === "Enter" && open(chosen)}
        />
      )}
      <figcaption id={id} className="sr">
        {label}
      </figcaption>
    </figure>
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
function summary({ label, series, marks = [], format }: TimeChartProps): string {
  const parts = series.map((each) => {
    const values = each.values.filter((value): value is number => value !== null);
    return `${each.name}: last ${format(values.at(-1) ?? null)}, highest ${format(values.length > 0 ? Math.max(...values) : null)}`;
  });
  const happened = marks.map((mark) => ` ${mark.name}: ${absolute(new Date(mark.at).toISOString(), "minute")}.`);
  return `${label}. ${parts.join("; ") || "No data"}.${happened.join("")}`;
}
