/** The rows of an answer; only those in sight exist. Runs and sessions in them are links. */

import { Link } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef } from "react";
import type { SqlAnswer } from "@/api/types";
import { inline } from "@/lib/json";
import { cellNumber, columnWidths, isNumeric } from "@/lib/sql";
import classes from "./ResultTable.module.css";

const ROW = 28;

export function ResultTable({ answer }: { answer: SqlAnswer }) {
  const scroller = useRef<HTMLElement>(null);
  const widths = useMemo(() => columnWidths(answer), [answer]);
  const numeric = useMemo(() => answer.columns.map((column) => isNumeric(column.type)), [answer]);
  const template = widths.map((width) => `minmax(${width}px, ${width}fr)`).join(" ");
  const least = widths.reduce((sum, width) => sum + width + 16, 24);
  const virtual = useVirtualizer({
    count: answer.rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 20,
  });
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
    <section className={classes.scroller} ref={scroller} tabIndex={0} aria-label="Result">
      <div role="table" aria-label="Rows" aria-rowcount={answer.rows.length + 1} style={{ minWidth: least }}>
        <div role="rowgroup" className={classes.headGroup}>
          <div role="row" className={classes.head} style={{ gridTemplateColumns: template }}>
            {answer.columns.map((column, at) => (
              <div key={at} role="columnheader" className={numeric[at] ? "num" : "cut"} title={column.type}>
                {column.name}
              </div>
            ))}
          </div>
        </div>
        <div role="rowgroup" className={classes.body} style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => (
            <div
              key={item.key}
              role="row"
              aria-rowindex={item.index + 2}
              className={classes.row}
              style={{ gridTemplateColumns: template, height: ROW, transform: `translateY(${item.start}px)` }}
            >
              {answer.rows[item.index]!.map((value, at) => (
                <div key={at} role="cell" className={numeric[at] ? "num" : "cut"}>
                  <Cell value={value} column={answer.columns[at]?.name ?? ""} numeric={numeric[at] ?? false} />
                </div>
              ))}
            </div>
          ))}
        </div>
      </div>
    </section>
  );
}

function Cell({ value, column, numeric }: { value: unknown; column: string; numeric: boolean }) {
  if (value === null || value === undefined) return <span className="faint">null</span>;
  if (numeric && typeof value === "number") return <>{cellNumber(value)}</>;
  const text = inline(value);
  if (column === "trace_id" && /^[0-9a-f]{32}$/.test(text)) {
    return (
      <Link to="/runs/$traceId" params={{ traceId: text }} className={classes.link}>
        {text}
      </Link>
    );
  }
  if (column === "session_id") {
    return (
      <Link to="/sessions/session" search={{ id: text }} className={classes.link}>
        {text}
      </Link>
    );
  }
  return <span title={text.length > 24 ? text : undefined}>{text}</span>;
}
