/** The rows of the tree, of which only those in sight exist. Apart from the panel, because each frame of scrolling draws this anew. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, type ReactNode, type Ref, useCallback, useImperativeHandle, useRef } from "react";
import type { Step } from "@/api/types";
import type { Extent } from "@/lib/timeline";
import type { Row } from "@/lib/tree";
import type { Pinned } from "./RunFindings";
import { type RowActions, StepRow } from "./StepRow";
import classes from "./StepsPanel.module.css";

const ROW = 30;
const estimateSize = () => ROW;

/** What the panel does to the list. */
export interface RowsHandle {
  /** Brings a row into sight. */
  show: (index: number) => void;
}

interface Props {
  ref: Ref<RowsHandle>;
  rows: readonly Row<Step>[];
  /** Index of the selected row; negative where it is not shown. */
  at: number;
  axis: Extent;
  /** Pixels of the axis. */
  axisWidth: number;
  now: number;
  /** Offsets of the ticks in milliseconds. */
  marks: number[];
  /** Whether the critical path is looked at. */
  path: boolean;
  /** Where playback stands, in milliseconds since 1970; absent without one. */
  moment: number | undefined;
  pinned: Pinned;
  actions: RowActions;
  /** Said below the rows. */
  children?: ReactNode;
}

export const StepRows = memo(function StepRows(props: Props) {
  const { ref, rows, at, axis, axisWidth, now, marks, path, moment, pinned, actions, children } = props;
  const scroller = useRef<HTMLDivElement>(null);
  // The same functions with each frame: with others all rows would be measured anew.
  const keyOf = useCallback((index: number) => rows[index]!.step.span_id, [rows]);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: useCallback(() => scroller.current, []),
    estimateSize,
    getItemKey: keyOf,
    overscan: 16,
  });
  useImperativeHandle(ref, () => ({ show: (index) => virtual.scrollToIndex(index, { align: "auto" }) }), [virtual]);
  const selected = rows[at]?.step.span_id;
  return (
    <div className={classes.scroller} ref={scroller}>
      <div
        role="tree"
        tabIndex={0}
        aria-label="Steps of the run"
        aria-activedescendant={selected && `step-${selected}`}
        className={classes.rows}
        style={{ height: virtual.getTotalSize() }}
      >
        {virtual.getVirtualItems().map((item) => {
          const row = rows[item.index]!;
          return (
            <StepRow
              key={item.key}
              row={row}
              top={item.start}
              height={ROW}
              axis={axis}
              axisWidth={axisWidth}
              now={now}
              marks={marks}
              selected={item.index === at}
              onPath={path ? (row.step.critical_ms ?? 0) > 0 : undefined}
              moment={moment}
              findings={pinned.get(row.step.span_id)}
              actions={actions}
            />
          );
        })}
      </div>
      {children}
    </div>
  );
});
