/** The runs as a dense table of which only the rows in sight exist; as cards where there is little room. */
import { useMediaQuery } from "@mantine/hooks";
import { IconArrowDown, IconArrowUp, IconLayoutBottombarExpand } from "@tabler/icons-react";
import { Link, useNavigate } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type CSSProperties, type RefObject, startTransition, useEffect, useMemo, useState } from "react";
import type { Run } from "@/api/types";
import { DEFAULT_SORT, directionOf, nextSort, type RunsSearch } from "@/lib/filter";
import { compact, duration, plural, usd } from "@/lib/format";
import { fullBar } from "@/lib/live";
import { runName } from "@/lib/step";
import { StatusMark } from "@/ui/StatusMark";
import { Ago } from "@/ui/Time";
import { stepKeys, useKeys } from "@/ui/useKeys";
import { useWidth } from "@/ui/useWidth";
import { type Column, fitting, GAP } from "./columns";
import classes from "./RunsTable.module.css";

const ROW = 34;
const CARD = 82;
/** Rows out of sight that are drawn too, so that scrolling shows no gaps; on the way in none, which lets those in sight come sooner. */
const OVERSCAN = 12;
/** Rows before the end at which the next page is fetched. */
const AHEAD = 25;
/** Pixels of the boxes by which runs are marked, with the gap beside them. */
const PICK = 16 + GAP;

interface Props {
  rows: Run[];
  search: RunsSearch;
  arrived: ReadonlySet<string>;
  hasMore: boolean;
  loadingMore: boolean;
  onMore: () => void;
  scroller: RefObject<HTMLDivElement | null>;
  /** Runs that were chosen, for what is done with several. */
  marked: ReadonlySet<string>;
  onMark: (traceId: string) => void;
}

export function RunsTable({ rows, search, arrived, hasMore, loadingMore, onMore, scroller, marked, onMark }: Props) {
  const cards = useMediaQuery("(max-width: 760px)", undefined, { getInitialValueInEffect: false }) ?? false;
  const navigate = useNavigate();
  const [active, setActive] = useState(search.peek);
  const [sized, width] = useWidth();
  const { columns, template, least } = useMemo(() => fitting(width - PICK, search.columns), [width, search.columns]);
  const grid = `${PICK - GAP}px ${template}`;
  const [overscan, setOverscan] = useState(0);
  useEffect(() => {
    // Begun after the frame that shows the first rows.
    const frame = requestAnimationFrame(() => startTransition(() => setOverscan(OVERSCAN)));
    return () => cancelAnimationFrame(frame);
  }, []);
  const full = useMemo(() => fullBar(rows.map((run) => run.duration_ms)), [rows]);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => (cards ? CARD : ROW),
    getItemKey: (at) => rows[at]!.trace_id,
    overscan,
    scrollPaddingStart: cards ? 0 : 32,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the height of rows follows the layout
  useEffect(() => virtual.measure(), [cards]);

  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && !loadingMore && last >= rows.length - AHEAD) onMore();
  }, [hasMore, loadingMore, last, rows.length, onMore]);

  const move = (by: number) => {
    const from = rows.findIndex((run) => run.trace_id === active);
    const to = Math.min(rows.length - 1, Math.max(0, from < 0 ? (by > 0 ? 0 : rows.length - 1) : from + by));
    const run = rows[to];
    if (!run) return;
    setActive(run.trace_id);
    virtual.scrollToIndex(to);
    if (search.peek) peek(run.trace_id);
  };
  const peek = (traceId: string | undefined) =>
    void navigate({ to: "/runs", search: (before) => ({ ...before, peek: traceId }), replace: true });
  useKeys({
    ...stepKeys(move),
    " ": () => {
      if (!active) return false;
      peek(search.peek === active ? undefined : active);
    },
    x: () => active && onMark(active),
    Enter: () => {
      if (!active || !rows.some((run) => run.trace_id === active)) return false;
      void navigate({ to: "/runs/$traceId", params: { traceId: active } });
    },
  });

  if (cards) {
    return (
      <ul className={classes.cards} style={{ height: virtual.getTotalSize() }} aria-label="Runs">
        {items.map((item) => {
          const run = rows[item.index]!;
          return (
            <li key={item.key} style={{ height: CARD, transform: `translateY(${item.start}px)` }}>
              <Link to="/runs/$traceId" params={{ traceId: run.trace_id }} className={classes.card}>
                <span className={classes.cardTop}>
                  <StatusMark status={run.status} />
                  <span className="cut">{runName(run.name)}</span>
                  <Ago at={run.started_at} className="faint tnum" />
                </span>
                {run.status === "error" && run.error?.message ? (
                  <span className={classes.failure}>{run.error.message}</span>
                ) : (
                  <span className="cut muted">{run.input_preview ?? "No input"}</span>
                )}
                <span className={classes.cardNumbers}>
                  <span>{duration(run.duration_ms)}</span>
                  <span>{plural(run.steps, "step")}</span>
                  <span>{compact(run.usage.total_tokens)} tokens</span>
                  {run.cost_usd != null && <span>{usd(run.cost_usd)}</span>}
                </span>
              </Link>
              <button
                type="button"
                className={classes.look}
                aria-label={`Look at ${runName(run.name)} here`}
                onClick={() => peek(run.trace_id)}
              >
                <IconLayoutBottombarExpand size={18} stroke={1.6} aria-hidden />
              </button>
            </li>
          );
        })}
      </ul>
    );
  }

  return (
    <div
      ref={sized}
      className={classes.table}
      style={
        {
          "--columns": grid,
          "--gap": `${GAP}px`,
          "--row": `${ROW}px`,
          ...(search.columns && { minWidth: least + PICK }),
        } as CSSProperties
      }
      role="table"
      aria-label="Runs"
      aria-rowcount={hasMore ? -1 : rows.length + 1}
    >
      <div role="rowgroup" className={classes.headGroup}>
        <div role="row" className={classes.head}>
          <div role="columnheader">
            <span className="sr">Chosen</span>
          </div>
          {columns.map((column) => (
            <HeadCell key={column.id} column={column} search={search} />
          ))}
        </div>
      </div>
      <div
        role="rowgroup"
        className={classes.bodyGroup}
        data-sliding={arrived.size > 0 || undefined}
        style={{ height: virtual.getTotalSize() }}
      >
        {items.map((item) => {
          const run = rows[item.index]!;
          return (
            <div
              key={item.key}
              role="row"
              aria-rowindex={item.index + 2}
              className={classes.row}
              data-active={run.trace_id === active || run.trace_id === search.peek || undefined}
              data-marked={marked.has(run.trace_id) || undefined}
              data-new={arrived.has(run.trace_id) || undefined}
              style={{ transform: `translateY(${item.start}px)` }}
            >
              <div role="cell" className={classes.pick}>
                <input
                  type="checkbox"
                  aria-label={`Choose ${runName(run.name)}`}
                  checked={marked.has(run.trace_id)}
                  onChange={() => onMark(run.trace_id)}
                />
                <button
                  type="button"
                  aria-label={`Look at ${runName(run.name)} here`}
                  title="Look at it here (Space)"
                  onClick={() => {
                    setActive(run.trace_id);
                    peek(search.peek === run.trace_id ? undefined : run.trace_id);
                  }}
                />
              </div>
              {columns.map((column) => (
                <div key={column.id} role="cell" className={column.numeric ? classes.numCell : classes.cell}>
                  {column.id === "name" ? (
                    <Link
                      to="/runs/$traceId"
                      params={{ traceId: run.trace_id }}
                      className={classes.link}
                      onFocus={() => setActive(run.trace_id)}
                    >
                      {column.cell(run, { fullBar: full })}
                    </Link>
                  ) : (
                    column.cell(run, { fullBar: full })
                  )}
                </div>
              ))}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function HeadCell({ column, search }: { column: Column; search: RunsSearch }) {
  const direction = directionOf(search.sort ?? DEFAULT_SORT, column.sort);
  const className = column.numeric ? classes.numHead : classes.headCell;
  if (!column.sort) {
    return (
      <div role="columnheader" className={className} title={column.hint}>
        {column.title || <span className="sr">Status</span>}
      </div>
    );
  }
  return (
    <div role="columnheader" className={className} aria-sort={direction ?? "none"} title={column.hint}>
      <Link to="/runs" search={nextSort(search, column.sort)} replace data-sorted={direction}>
        {direction === "descending" && <IconArrowDown size={12} stroke={2.2} aria-hidden />}
        {direction === "ascending" && <IconArrowUp size={12} stroke={2.2} aria-hidden />}
        {column.title}
      </Link>
    </div>
  );
}
