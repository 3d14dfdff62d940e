/** How it went: the agent's runs by outcome around the onset, with what was seen, what changed and when it began. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { aggregateQuery } from "@/api/queries";
import type { Incident } from "@/api/types";
import { compact } from "@/lib/format";
import { buckets, byKey, type Mark, type Series, stepFor } from "@/lib/series";
import { Legend } from "@/pages/overview/Legend";
import type { Palette } from "@/theme/tokens";
import { TimeChart } from "@/ui/chart/TimeChart";
import { ErrorState, SkeletonRows } from "@/ui/States";
import classes from "./Incident.module.css";

/** The chart begins so long before the onset, or a share of what came after it. */
const LEAD_MS = 3_600_000;
const BUCKETS = 60;

const COLOURS: Record<string, (palette: Palette) => string> = {
  ok: (palette) => palette.okFill,
  error: (palette) => palette.errorFill,
  abandoned: (palette) => palette.faint,
  running: (palette) => palette.runningFill,
};
const colour = (series: Series, palette: Palette) => COLOURS[series.name]?.(palette);

export function Course({ incident }: { incident: Incident }) {
  const { issue, onset, changes } = incident;
  const navigate = useNavigate();
  const began = Date.parse(onset);
  const ended = Date.parse(issue.last_seen);
  const lead = Math.max(LEAD_MS, (ended - began) / 3);
  const [step, stepMs] = stepFor(ended - began + 2 * lead, BUCKETS);
  const time = useMemo(
    () => buckets(began - lead, Math.min(ended + lead, Math.max(ended + stepMs, Date.now())), stepMs),
    [began, ended, lead, stepMs],
  );
  const start = time.starts[0] ?? 0;
  const end = (time.starts.at(-1) ?? 0) + stepMs;
  const scope = {
    ...(issue.agent ? { agent: issue.agent } : {}),
    ...(issue.environment ? { environment: issue.environment } : {}),
  };
  const answer = useQuery(
    aggregateQuery({
      ...scope,
      by: "status",
      from: new Date(start).toISOString(),
      to: new Date(end).toISOString(),
      step,
    }),
  );
  const series = useMemo(() => byKey(answer.data?.rows ?? [], time), [answer.data, time]);
  const marks = useMemo(
    (): Mark[] => [
      { at: began, to: ended, name: "the incident", tone: "bad" },
      ...changes.map((change) => ({
        at: Date.parse(change.at),
        name: `${change.kind.replaceAll("_", " ")}: ${change.title}`,
      })),
    ],
    [began, ended, changes],
  );
  const open = useCallback(
    (from: number, to: number) =>
      void navigate({
        to: "/runs",
        search: {
          ...(issue.agent ? { agent: [issue.agent] } : {}),
          ...(issue.environment ? { environment: [issue.environment] } : {}),
          from: new Date(from).toISOString(),
          to: new Date(to).toISOString(),
        },
      }),
    [navigate, issue.agent, issue.environment],
  );
  return (
    <section className={classes.panel} aria-label="How it went">
      <header className={classes.panelHead}>
        <h2>Runs of {issue.agent || "all agents"} by outcome</h2>
        <span className="faint">
          Shaded: from when it began to the last finding. Lines: what changed. A click opens runs.
        </span>
      </header>
      {answer.isPending ? (
        <SkeletonRows rows={5} />
      ) : !answer.data ? (
        <ErrorState error={answer.error} what="the runs of that time" onRetry={() => void answer.refetch()} />
      ) : (
        <>
          <TimeChart
            label="Runs by outcome around the incident"
            time={time}
            series={series}
            kind="bars"
            format={compact}
            colour={colour}
            marks={marks}
            height={170}
            onPoint={open}
          />
          <Legend series={series} colour={colour} />
        </>
      )}
    </section>
  );
}
