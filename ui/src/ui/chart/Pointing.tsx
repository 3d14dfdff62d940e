/**
 * How a chart over time is pointed at: dragging chooses a stretch of time, a click opens what is there, a finger's second touch
 * does, and arrow keys go along the columns with Enter opening one.
 */
import { type PointerEvent, type ReactNode, type RefObject, useRef, useState } from "react";
import type { Buckets } from "@/lib/series";
import type { Engine } from "./engine";
import classes from "./TimeChart.module.css";

/** Pixels below which a drag is a click. */
const LEAST_DRAG = 6;

interface Props {
  /** What is drawn, in words. */
  label: string;
  time: Buckets;
  drawing: RefObject<Engine | undefined>;
  height: number;
  onStretch?: (from: number, to: number) => void;
  /** Opens what is in a column; `y` says where in it, counted from the top, and is absent for the keyboard. */
  onColumn?: (at: number, y?: number) => void;
  /** A column in words, for those who cannot see it. */
  columnText: (at: number) => string;
  /** Shows the numbers of a column. */
  onShow?: (at: number) => void;
  children: ReactNode;
}

/** The frame around a drawing that makes it answer to pointer, finger and keys. */
export function Pointing({ label, time, drawing, height, onStretch, onColumn, columnText, onShow, children }: Props) {
  const [drag, setDrag] = useState<[number, number]>();
  /** The column of the keyboard; the last one until it is moved. */
  const [column, setColumn] = useState<number>();
  /** The column that a finger touched last: its first touch shows the numbers, only the second opens them. */
  const touched = useRef<number>(undefined);
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
  const click = (event: PointerEvent, x: number, y: number) => {
    if (!onColumn || !drawing.current?.containPixel({ gridIndex: 0 }, [x, y])) return;
    const at = bucket(x);
    const again = touched.current === at;
    touched.current = at;
    if (event.pointerType === "mouse" || again) onColumn(at, y);
  };
  const end = (event: PointerEvent, released: boolean) => {
    if (!drag) return;
    setDrag(undefined);
    const [begun, x] = drag;
    if (Math.abs(x - begun) <= LEAST_DRAG) {
      if (released) click(event, x, down(event));
    } else if (event.pointerType === "mouse") {
      const [from = 0, to = 0] = drag.map(bucket).sort((one, other) => one - other);
      onStretch?.(time.starts[from]!, time.starts[to]! + time.stepMs);
    }
  };
  const stretching = onStretch && drag && Math.abs(drag[1] - drag[0]) > LEAST_DRAG;

  return (
    <figure className={classes.figure} data-opens={onColumn ? true : undefined}>
      <div
        onPointerDown={(event) => {
          if (event.button === 0) setDrag([across(event), across(event)]);
        }}
        onPointerMove={(event) => drag && setDrag([drag[0], across(event)])}
        onPointerUp={(event) => end(event, true)}
        onPointerLeave={(event) => end(event, false)}
        onPointerCancel={() => setDrag(undefined)}
      >
        {children}
      </div>
      {stretching && (
        <div className={classes.stretch} style={{ left: Math.min(...drag), width: Math.abs(drag[1] - drag[0]) }} />
      )}
      {onColumn && last >= 0 && (
        <input
          type="range"
          className={classes.columns}
          aria-label={`${label}: choose a time, Enter opens its runs`}
          aria-valuetext={columnText(chosen)}
          min={0}
          max={last}
          value={chosen}
          onChange={(event) => {
            const at = Number(event.currentTarget.value);
            setColumn(at);
            if (onShow) return onShow(at);
            // By place: the first of the drawn series may be that of the marks, which has no values.
            const x = Number(drawing.current?.convertToPixel({ xAxisIndex: 0 }, at));
            drawing.current?.dispatchAction({ type: "showTip", x, y: height / 2 });
          }}
          onBlur={() => drawing.current?.dispatchAction({ type: "hideTip" })}
          onKeyDown={(event) => event.key === "Enter" && onColumn(chosen)}
        />
      )}
    </figure>
  );
}
