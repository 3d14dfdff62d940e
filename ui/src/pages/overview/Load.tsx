/** How busy it is: runs that are active, and those that wait. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { promRange } from "@/api/queries";
import { compact } from "@/lib/format";
import { runsSearch } from "@/lib/overview";
import type { Series } from "@/lib/series";
import type { Palette } from "@/theme/tokens";
import { TimeChart } from "@/ui/chart/TimeChart";
import { type Ask, REFRESH_MS, useMarks } from "./ask";
import { Legend } from "./Legend";
import classes from "./OverviewPage.module.css";
import { PanelHead } from "./Panel";

/** Names under which senders tell how many runs wait. Tawny sees runs once they began; a queue is told by who keeps it. */
const QUEUES = "workflow_queue_depth|agent_workflow_queue_depth|agent_queue_depth|queue_depth";

const colour = (series: Series, palette: Palette) =>
  series.name === "active" ? palette.runningFill : palette.fills.handoff;

export function Load({ ask, onStretch }: { ask: Ask; onStretch: (from: number, to: number) => void }) {
  const navigate = useNavigate();
  const marks = useMarks(ask);
  const { starts, stepMs } = ask.time;
  const [first, last] = [starts[0] ?? 0, starts.at(-1) ?? 0];
  const { agent, environment } = ask.scope;
  const labels = [
    agent && `agent_id=${JSON.stringify(agent)}`,
    environment && `environment=${JSON.stringify(environment)}`,
  ]
    .filter(Boolean)
    .join(",");
  const question = (shift: number) => ({
    queryKey: ["load", first - shift, last - shift, stepMs, labels],
    queryFn: async ({ signal }: { signal: AbortSignal }) => {
      const questions = [
        `sum(max_over_time(agent_active_workflows{${labels}}[${stepMs}ms]))`,
        `sum(max_over_time({__name__=~"${QUEUES}"}[${stepMs}ms]))`,
      ];
      // A bucket's value is the highest within it, so each is asked for at its end.
      return Promise.all(
        questions.map((question) => promRange(question, first + stepMs - shift, last + stepMs - shift, stepMs, signal)),
      );
    },
  });
  const answer = useQuery({
    ...question(0),
    refetchInterval: ask.live ? REFRESH_MS : false,
    placeholderData: (before) => before,
  });
  const earlier = useQuery({ ...question(ask.shift ?? 0), enabled: ask.shift !== undefined });
  const series = useMemo(() => drawn(answer.data, starts, stepMs), [answer.data, starts, stepMs]);
  const before = useMemo(
    () => (ask.shift === undefined ? undefined : drawn(earlier.data, starts, stepMs, ask.shift)),
    [earlier.data, starts, stepMs, ask.shift],
  );
  const open = useCallback(
    (from: number, to: number) => void navigate({ to: "/runs", search: runsSearch(ask.scope, from, to) }),
    [navigate, ask.scope],
  );
  return (
    <section className={classes.panel} aria-label="Active runs and queue">
      <PanelHead
        title="Active runs and queue"
        about="Most runs at work at once, and most waiting. Who keeps a queue tells its depth, as a gauge workflow_queue_depth."
      />
      {answer.isError ? (
        <p className={classes.nothing} role="alert">
          {answer.error.message}
        </p>
      ) : answer.isSuccess && series.length === 0 ? (
        <p className={classes.nothing}>Nothing of this in the time range.</p>
      ) : (
        <>
          <TimeChart
            label="Active runs and queue"
            time={ask.time}
            series={series}
            before={before}
            marks={marks}
            kind="lines"
            format={compact}
            colour={colour}
            onStretch={onStretch}
            onPoint={open}
          />
          <Legend series={series} colour={colour} />
          {answer.isSuccess && !series.some((each) => each.name === "waiting") && (
            <p className={classes.hint}>No queue depth is sent.</p>
          )}
        </>
      )}
    </section>
  );
}

type Answers = Awaited<ReturnType<typeof promRange>>[];

/** The two answers as lines over the buckets; those of an earlier time are drawn over this one. */
function drawn(answers: Answers | undefined, starts: readonly number[], stepMs: number, shift = 0): Series[] {
  return (answers ?? []).flatMap((result, which) => {
    const found = result[0];
    if (!found) return [];
    const at = new Map(found.values.map(([time, value]) => [Math.round(time * 1000) - stepMs + shift, Number(value)]));
    return [{ name: which === 0 ? "active" : "waiting", values: starts.map((start) => at.get(start) ?? null) }];
  });
}
