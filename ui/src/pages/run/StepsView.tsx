/** Tree and timeline on the left, the selected step on the right; the step as a sheet where there is little room. */
import { Drawer } from "@mantine/core";
import { useLocalStorage } from "@mantine/hooks";
import { type PointerEvent, useRef } from "react";
import type { LogRecord, Run, Step } from "@/api/types";
import type { RunSearch } from "@/lib/search";
import { Empty } from "@/ui/States";
import type { Pinned } from "./RunFindings";
import { StepDetail } from "./StepDetail";
import { StepsPanel } from "./StepsPanel";
import classes from "./StepsView.module.css";

interface Props {
  run: Run;
  steps: Step[];
  selected: Step | undefined;
  search: RunSearch;
  set: (change: Partial<RunSearch>, replace?: boolean) => void;
  narrow: boolean;
  logs: LogRecord[];
  pinned: Pinned;
  /** Fetches steps below one that is folded. */
  onOpen: (spanId: string) => void;
}

const LEAST = 30;
const MOST = 75;
const clamp = (value: number) => Math.min(MOST, Math.max(LEAST, value));

export function StepsView({ run, steps, selected, search, set, narrow, logs, pinned, onOpen }: Props) {
  const [share, setShare] = useLocalStorage({
    key: "tawny.run.split",
    defaultValue: 54,
    getInitialValueInEffect: false,
  });
  const frame = useRef<HTMLDivElement>(null);
  const select = (step: string) => set({ step });
  const panel = (
    <StepsPanel run={run} steps={steps} selected={selected} search={search} set={set} pinned={pinned} onOpen={onOpen} />
  );
  const detail = selected && (
    <StepDetail
      run={run}
      steps={steps}
      step={selected}
      search={search}
      set={set}
      select={select}
      logs={logs}
      pinned={pinned}
    />
  );

  if (narrow) {
    return (
      <div className={classes.stack}>
        {panel}
        <Drawer
          opened={!!selected}
          onClose={() => set({ step: undefined })}
          position="bottom"
          size="88%"
          title="Step"
          padding={0}
          classNames={{ header: classes.sheetHead, body: classes.sheetBody, content: classes.sheet }}
          closeButtonProps={{ "aria-label": "Close the step" }}
        >
          {detail}
        </Drawer>
      </div>
    );
  }
  const drag = (event: PointerEvent<HTMLDivElement>) => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId) || !frame.current) return;
    const box = frame.current.getBoundingClientRect();
    setShare(clamp(((event.clientX - box.left) / box.width) * 100));
  };
  return (
    <div
      ref={frame}
      className={classes.split}
      style={{ gridTemplateColumns: `minmax(0, ${share}fr) 1px minmax(0, ${100 - share}fr)` }}
    >
      {panel}
      <div
        className={classes.divider}
        role="separator"
        aria-label="Width of the steps"
        aria-orientation="vertical"
        aria-valuenow={Math.round(share)}
        aria-valuemin={LEAST}
        aria-valuemax={MOST}
        tabIndex={0}
        onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
        onPointerMove={drag}
        onDoubleClick={() => setShare(54)}
        onKeyDown={(event) => {
          const by = event.key === "ArrowLeft" ? -2 : event.key === "ArrowRight" ? 2 : 0;
          if (!by) return;
          event.preventDefault();
          event.stopPropagation();
          setShare(clamp(share + by));
        }}
      />
      <section className={classes.detail} aria-label="Selected step">
        {detail ?? <Empty title="No step" />}
      </section>
    </div>
  );
}
