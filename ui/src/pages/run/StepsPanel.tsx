/** The steps as a tree with their place in time: one list, and what is done with it. */
import { ActionIcon, CloseButton, TextInput, Tooltip } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import {
  IconAlertTriangle,
  IconFold,
  IconPlayerPlay,
  IconRouteAltLeft,
  IconSearch,
  IconArrowsMaximize as IconUnfold,
} from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { stepQuery } from "@/api/queries";
import type { Run, Step } from "@/api/types";
import { parse } from "@/lib/format";
import type { RunSearch } from "@/lib/search";
import { mentions } from "@/lib/step";
import { extent, needs, tickLabel, ticks } from "@/lib/timeline";
import { bend, buildTree, foldedSteps, hiding, visibleRows } from "@/lib/tree";
import { Empty } from "@/ui/States";
import { stepKeys, useKeys } from "@/ui/useKeys";
import { useNow } from "@/ui/useNow";
import { useWidth } from "@/ui/useWidth";
import { Playback } from "./Playback";
import type { Pinned } from "./RunFindings";
import type { RowActions } from "./StepRow";
import { type RowsHandle, StepRows } from "./StepRows";
import classes from "./StepsPanel.module.css";

const NONE: readonly string[] = [];

/** Milliseconds for which the pointer rests on a step before its content is asked for. */
const REST_MS = 60;

interface Props {
  run: Run;
  steps: Step[];
  selected: Step | undefined;
  search: RunSearch;
  set: (change: Partial<RunSearch>, replace?: boolean) => void;
  pinned: Pinned;
  /** Fetches steps below one that is folded. */
  onOpen: (spanId: string) => void;
}

export function StepsPanel({ run, steps, selected, search, set, pinned, onOpen }: Props) {
  const list = useRef<RowsHandle>(null);
  const field = useRef<HTMLInputElement>(null);
  const [axisRef, axisWidth] = useWidth();
  const client = useQueryClient();
  const [playing, setPlaying] = useState(false);
  /** Where playback stands, in milliseconds since 1970. */
  const [moment, setMoment] = useState<number>();
  const running = useMemo(() => steps.some((step) => step.duration_ms == null), [steps]);
  // Only a running run moves with the clock; else each second would draw everything anew.
  const now = useNow(running);
  const axis = useMemo(() => extent(steps, now), [steps, now]);
  const nodes = useMemo(() => buildTree(steps), [steps]);
  const bent = search.bent ?? NONE;
  const collapsed = useMemo(() => foldedSteps(nodes, search.fold, bent), [nodes, search.fold, bent]);
  const turn = (ids: readonly string[]) => {
    const next = bend(bent, ids);
    set({ bent: next.length > 0 ? next : undefined });
  };
  const needle = search.find?.trim().toLowerCase();
  const rows = useMemo(
    () => visibleRows(nodes, collapsed, needle ? (step) => mentions(step, needle) : undefined),
    [nodes, collapsed, needle],
  );
  const whole = axis.end - axis.start;
  const marks = useMemo(() => ticks(whole, Math.max(2, Math.round((axisWidth || 400) / 66))), [whole, axisWidth]);

  const selectedId = selected?.span_id;
  const at = useMemo(() => rows.findIndex((row) => row.step.span_id === selectedId), [rows, selectedId]);
  // What an address says is folded stays so; whoever goes on to another step sees it.
  const shownFirst = useRef(selectedId);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only another selection moves the list
  useEffect(() => {
    const above = selectedId && selectedId !== shownFirst.current ? hiding(nodes, collapsed, selectedId) : NONE;
    shownFirst.current = undefined;
    if (above.length > 0) turn(above);
    if (at >= 0) list.current?.show(at);
  }, [selectedId]);

  const select = (index: number) => {
    const row = rows[index];
    if (row) set({ step: row.step.span_id });
  };
  const fold = (spanId: string, folded: boolean) => {
    if (collapsed.has(spanId) !== folded) turn([spanId]);
  };
  // Of the step on which the pointer rests: rows that pass below it while somebody scrolls are asked for by nobody.
  const ahead = useDebouncedCallback(
    (spanId: string) => void client.prefetchQuery(stepQuery(run.trace_id, spanId)),
    REST_MS,
  );
  const latest = useRef({ set, onOpen, fold });
  useEffect(() => {
    latest.current = { set, onOpen, fold };
  });
  const actions = useMemo(
    (): RowActions => ({
      select: (step) => latest.current.set({ step }),
      hover: ahead,
      fold: (spanId, folded) => latest.current.fold(spanId, folded),
      open: (spanId) => latest.current.onOpen(spanId),
    }),
    [ahead],
  );
  // Of a hundred thousand rows these take milliseconds, and scrolling draws anew with each frame.
  const failed = useMemo(() => rows.flatMap((row, index) => (row.step.status === "error" ? [index] : [])), [rows]);
  const played = playing || search.at !== undefined;
  const begins = useMemo(() => (played ? rows.map((row) => parse(row.step.started_at) ?? 0) : []), [rows, played]);
  const nextFailed = () => {
    const next = failed.find((index) => index > at) ?? failed[0];
    if (next !== undefined) select(next);
  };
  useKeys({
    ...stepKeys((by) => select(at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + by)))),
    ArrowRight: () => {
      const row = rows[at];
      if (!row) return;
      if (row.descendants === 0) {
        if (row.step.folded > 0) onOpen(row.step.span_id);
      } else if (row.collapsed) fold(row.step.span_id, false);
      else select(at + 1);
    },
    ArrowLeft: () => {
      const row = rows[at];
      if (!row) return;
      if (row.descendants > 0 && !row.collapsed && !needle) fold(row.step.span_id, true);
      else if (row.up) select(rows.indexOf(row.up));
    },
    // Some of the steps below may be shown already: going in is not asking for the others.
    Enter: () => {
      const step = rows[at]?.step;
      if (!step || step.folded === 0) return false;
      onOpen(step.span_id);
    },
    Home: () => select(0),
    End: () => select(rows.length - 1),
    e: nextFailed,
    c: () => set({ path: search.path ? undefined : true }),
    p: () => setPlaying(!playing),
    "/": () => field.current?.select(),
  });

  // While a run is played, the list follows what began last.
  const follow = (offset: number | undefined) => {
    setMoment(offset === undefined ? undefined : axis.start + offset);
    if (offset === undefined) return;
    let last = -1;
    for (const [index, began] of begins.entries())
      if (began <= axis.start + offset && (last < 0 || began >= begins[last]!)) last = index;
    if (last >= 0) list.current?.show(last);
  };
  return (
    <section className={classes.panel} aria-label="Steps" data-path={search.path || undefined}>
      <div className={classes.tools}>
        <TextInput
          ref={field}
          className={classes.find}
          aria-label="Find a step"
          placeholder="Find a step"
          leftSection={<IconSearch size={14} stroke={1.8} />}
          rightSection={
            search.find ? (
              <CloseButton size="sm" aria-label="Clear" onClick={() => set({ find: undefined })} />
            ) : undefined
          }
          value={search.find ?? ""}
          onChange={(event) => set({ find: event.currentTarget.value || undefined })}
          onKeyDown={(event) => {
            if (event.key === "Escape" || event.key === "Enter") field.current?.blur();
          }}
        />
        {failed.length > 0 && (
          <Tooltip label="Next failed step (e)">
            <button type="button" className={classes.failed} onClick={nextFailed}>
              <IconAlertTriangle size={14} stroke={1.9} aria-hidden />
              {failed.length} failed
            </button>
          </Tooltip>
        )}
        <Tooltip label="Critical path: what the run waited for (c)">
          <ActionIcon
            aria-label="Critical path"
            aria-pressed={!!search.path}
            onClick={() => set({ path: search.path ? undefined : true })}
          >
            <IconRouteAltLeft size={16} stroke={1.7} />
          </ActionIcon>
        </Tooltip>
        <Tooltip label="Play the run (p)">
          <ActionIcon aria-label="Play the run" aria-pressed={playing} onClick={() => setPlaying(!playing)}>
            <IconPlayerPlay size={15} stroke={1.7} />
          </ActionIcon>
        </Tooltip>
        <Tooltip label="Fold everything">
          <ActionIcon aria-label="Fold everything" onClick={() => set({ fold: "all", bent: undefined })}>
            <IconFold size={16} stroke={1.7} />
          </ActionIcon>
        </Tooltip>
        <Tooltip label="Unfold everything">
          <ActionIcon aria-label="Unfold everything" onClick={() => set({ fold: undefined, bent: undefined })}>
            <IconUnfold size={15} stroke={1.7} />
          </ActionIcon>
        </Tooltip>
      </div>
      {played && (
        <Playback
          whole={whole}
          at={search.at}
          playing={playing}
          onPlaying={setPlaying}
          onAt={(offset) => set({ at: offset })}
          onMoment={follow}
        />
      )}
      <div className={classes.axis} aria-hidden>
        <span>
          {run.steps === 1 ? "Step" : "Steps"}
          <span className={classes.amounts}>
            <i>tokens</i>
            <i>cost</i>
          </span>
        </span>
        <div ref={axisRef} className={classes.ticks}>
          {marks
            .map((offset) => ({ offset, label: tickLabel(offset, marks[1] ?? whole) }))
            .filter(({ offset, label }) => axisWidth * (1 - offset / whole) > needs(label))
            .map(({ offset, label }) => (
              <span key={offset} style={{ left: `${(offset / whole) * 100}%` }}>
                {label}
              </span>
            ))}
        </div>
      </div>
      <StepRows
        ref={list}
        rows={rows}
        at={at}
        axis={axis}
        axisWidth={axisWidth}
        now={now}
        marks={marks}
        path={!!search.path}
        moment={moment}
        pinned={pinned}
        actions={actions}
      >
        {rows.length === 0 && (
          <Empty title={needle ? "No step matches" : "No steps yet"}>
            {needle ? "Names, kinds, models, errors and previews are searched." : "They appear here as they arrive."}
          </Empty>
        )}
      </StepRows>
    </section>
  );
}
