/** One step in tree and timeline. */
import {
  IconAlertTriangleFilled,
  IconChevronRight,
  IconFlag3Filled,
  IconRefresh,
  IconUnlink,
} from "@tabler/icons-react";
import { memo } from "react";
import type { Finding, Step } from "@/api/types";
import { clock, compact, duration, parse, plural, usd, withMoments } from "@/lib/format";
import { displayName } from "@/lib/step";
import { type Extent, labelOf, place } from "@/lib/timeline";
import { guides, type Row } from "@/lib/tree";
import { KindTile, kindStyle } from "@/theme/kinds";
import classes from "./StepRow.module.css";

/** Levels that are indented; deeper ones stay where they are. */
const DEEPEST = 24;
const INDENT = 16;

/** What can be done to a row, the same functions for all of them. */
export interface RowActions {
  select: (spanId: string) => void;
  hover: (spanId: string) => void;
  fold: (spanId: string, folded: boolean) => void;
  /** Fetches steps below it that were left out. */
  open: (spanId: string) => void;
}

interface Props {
  row: Row<Step>;
  top: number;
  height: number;
  axis: Extent;
  /** Pixels of the axis. */
  axisWidth: number;
  now: number;
  /** Offsets of the ticks in milliseconds. */
  marks: number[];
  selected: boolean;
  actions: RowActions;
  /** Whether the run waited for it, where that is looked at. */
  onPath: boolean | undefined;
  /** Where playback stands, in milliseconds since 1970; absent without one. */
  moment: number | undefined;
  /** What detectors saw in it. */
  findings: Finding[] | undefined;
}

/** Drawn anew only when something of it changes: with each frame of scrolling a few rows come, and the others stay. */
export const StepRow = memo(function StepRow(props: Props) {
  const { row, top, height, axis, axisWidth, now, marks, selected, actions } = props;
  const { onPath, moment, findings } = props;
  const { step } = row;
  const bar = place(step, axis, now);
  const running = step.duration_ms == null;
  // Where it was waited for only in part, both are said.
  const partly = onPath && step.critical_ms && step.duration_ms && step.critical_ms < step.duration_ms * 0.99;
  const lengths = running
    ? ["running"]
    : partly
      ? [`${duration(step.critical_ms)} of ${duration(step.duration_ms)}`, duration(step.critical_ms)]
      : [duration(step.duration_ms)];
  const began = (parse(step.started_at) ?? 0) - (moment ?? 0);
  const { text, side } = labelOf(bar, lengths, axisWidth || 400);
  const lines = guides(row);
  const name = displayName(step);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keys of the tree are handled by the panel
    <div
      id={`step-${step.span_id}`}
      role="treeitem"
      aria-level={step.depth + 1}
      aria-selected={selected}
      aria-expanded={row.descendants > 0 ? !row.collapsed : step.folded > 0 ? false : undefined}
      className={classes.row}
      data-selected={selected || undefined}
      data-dim={!row.matches || undefined}
      data-error={step.status === "error" || undefined}
      data-parent={row.descendants > 0 || undefined}
      data-off={onPath === false || (moment !== undefined && began > 0) || undefined}
      data-now={
        (moment !== undefined && began <= 0 && -began <= (step.duration_ms ?? Number.POSITIVE_INFINITY)) || undefined
      }
      style={{ ...kindStyle(step.kind), height, transform: `translateY(${top}px)` }}
      onClick={() => actions.select(step.span_id)}
      onPointerEnter={() => actions.hover(step.span_id)}
    >
      <div className={classes.tree}>
        <span className={classes.guides} style={{ width: Math.min(lines.length, DEEPEST) * INDENT }} aria-hidden>
          {lines.slice(-DEEPEST).map((goesOn, level, shown) => (
            <span key={level} data-line={goesOn || undefined} data-own={level === shown.length - 1 || undefined} />
          ))}
        </span>
        {row.descendants > 0 || step.folded > 0 ? (
          <button
            type="button"
            className={classes.fold}
            tabIndex={-1}
            aria-hidden
            data-open={(row.descendants > 0 && !row.collapsed) || undefined}
            onClick={(event) => {
              event.stopPropagation();
              if (row.descendants > 0) actions.fold(step.span_id, !row.collapsed);
              else actions.open(step.span_id);
            }}
          >
            <IconChevronRight size={13} stroke={2.2} aria-hidden />
          </button>
        ) : (
          <span className={classes.leaf} />
        )}
        <KindTile kind={step.kind} />
        <span className={classes.name} title={step.name}>
          {name}
        </span>
        {row.collapsed && (
          <span className={classes.hidden} title={plural(row.descendants, "step")}>
            +{compact(row.descendants)}
          </span>
        )}
        {step.folded > 0 && !row.collapsed && (
          <button
            type="button"
            className={classes.hidden}
            tabIndex={-1}
            title={`${plural(step.folded, "step")} below it ${step.folded === 1 ? "is" : "are"} not shown: show more`}
            onClick={(event) => {
              event.stopPropagation();
              actions.open(step.span_id);
            }}
          >
            +{compact(step.folded)}
          </button>
        )}
        {step.kind === "llm" && step.model && <span className={classes.model}>{step.model}</span>}
        <span className={classes.marks}>
          {findings && (
            <span className={classes.finding} title={findings.map((each) => withMoments(each.message)).join("\n")}>
              <IconFlag3Filled size={13} aria-label={plural(findings.length, "finding")} />
            </span>
          )}
          {step.retry_of && (
            <IconRefresh size={13} stroke={2} className={classes.retry} aria-label="Repeats a failed step" />
          )}
          {step.orphan && (
            <IconUnlink size={13} stroke={1.8} className={classes.orphan} aria-label="Its parent never arrived" />
          )}
          {step.status === "error" && (
            <IconAlertTriangleFilled size={13} className={classes.error} aria-label="Failed" />
          )}
          {step.usage.total_tokens != null && step.kind !== "agent" && (
            <span className={classes.tokens} data-uncounted={!step.counted || undefined} title={tokensHint(step)}>
              {compact(step.usage.total_tokens)}
            </span>
          )}
          {step.kind !== "agent" && (
            <span className={classes.cost} data-uncounted={!step.counted || undefined}>
              {step.cost_usd != null ? usd(step.cost_usd) : ""}
            </span>
          )}
        </span>
      </div>
      <div className={classes.time} title={`${clock(step.started_at)}, ${lengths[0]}`}>
        {marks.map((offset) => (
          <i key={offset} style={{ left: `${(offset / (axis.end - axis.start)) * 100}%` }} />
        ))}
        {moment !== undefined && <b style={{ left: `${((moment - axis.start) / (axis.end - axis.start)) * 100}%` }} />}
        <span
          className={classes.bar}
          data-running={running || undefined}
          style={{ left: `${bar.left * 100}%`, width: `max(2px, ${bar.width * 100}%)` }}
        >
          {step.ttft_ms != null && step.duration_ms != null && step.ttft_ms < step.duration_ms && (
            <span className={classes.ttft} style={{ width: `${(step.ttft_ms / step.duration_ms) * 100}%` }} />
          )}
        </span>
        <span
          className={classes.length}
          data-side={side}
          style={
            side === "before"
              ? { right: `${(1 - bar.left) * 100}%` }
              : { left: side === "after" ? `${(bar.left + bar.width) * 100}%` : `${bar.left * 100}%` }
          }
        >
          {text}
        </span>
      </div>
    </div>
  );
});

function tokensHint(step: Step): string {
  const { usage } = step;
  const parts = [`${compact(usage.input_tokens)} tokens in`, `${compact(usage.output_tokens)} out`];
  if (usage.cache_read_tokens) parts.push(`${compact(usage.cache_read_tokens)} from cache`);
  if (!step.counted && step.not_counted_because) parts.push(`not counted: ${step.not_counted_because}`);
  return parts.join(", ");
}
