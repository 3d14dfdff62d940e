/** What detectors saw over time, by detector. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { RULES_PROJECT } from "@/api/project";
import { rangeQuery } from "@/api/promql";
import { seenQuery } from "@/api/queries";
import { meQuery } from "@/api/settings";
import { countedQuery, overTime, untold } from "@/lib/findings";
import { compact, sentence } from "@/lib/format";
import { type Series, together } from "@/lib/series";
import { ChartPending } from "@/ui/chart/ChartPending";
import { TimeChart } from "@/ui/chart/TimeChart";
import { useEverywhere } from "@/ui/useEverywhere";
import { type Ask, REFRESH_MS, useMarks } from "./ask";
import { Legend } from "./Legend";
import classes from "./OverviewPage.module.css";
import { PanelHead } from "./Panel";

interface Props {
  ask: Ask;
  onStretch: (from: number, to: number) => void;
}

/** Findings of the page's time, or of one `shift` earlier. */
function useSeen(ask: Ask, shift: number, enabled = true) {
  const { time, scope } = ask;
  const { starts, stepMs } = time;
  const first = (starts[0] ?? 0) - shift;
  const end = (starts.at(-1) ?? 0) + stepMs - shift;
  const { agent } = scope;
  const list = useQuery({
    ...seenQuery({
      from: new Date(first).toISOString(),
      to: new Date(end).toISOString(),
      ...(agent ? { agent: [agent] } : {}),
    }),
    enabled,
    refetchInterval: ask.live && shift === 0 ? REFRESH_MS : false,
  });
  const listed = list.data?.findings;
  const until = listed && untold(listed, !!list.data?.next, first, stepMs);
  // What is counted of any project is kept with the first one; who has no rights there is shown its own part.
  const everywhere = useEverywhere();
  const me = useQuery(meQuery);
  const own = me.data?.project;
  const query = countedQuery(own ?? "", agent, stepMs);
  const counted = useQuery({
    ...rangeQuery(query, first, until ?? end, stepMs / 1000, everywhere ? RULES_PROJECT : undefined),
    enabled: enabled && until !== undefined && own !== undefined,
  });
  const answer = counted.data?.data;
  const rest = until === undefined || answer?.resultType !== "matrix" ? undefined : answer.result;
  const series = useMemo(() => listed && overTime(listed, rest ?? [], time, shift), [listed, rest, time, shift]);
  const missing =
    until === undefined
      ? undefined
      : (counted.error?.message ?? me.error?.message ?? (rest?.length === 0 && "Older ones were not counted."));
  return { series, error: list.error, missing };
}

export function Findings({ ask, onStretch }: Props) {
  const navigate = useNavigate();
  const marks = useMarks(ask);
  const { series, error, missing } = useSeen(ask, 0);
  const earlier = useSeen(ask, ask.shift ?? 0, ask.shift !== undefined);
  const before = useMemo(
    () => (ask.shift === undefined || !earlier.series ? undefined : [together("all", earlier.series)]),
    [earlier.series, ask.shift],
  );
  const { agent } = ask.scope;
  const open = useCallback(
    (from: number, to: number, point?: Series) =>
      void navigate({
        to: "/findings",
        search: {
          from: new Date(from).toISOString(),
          to: new Date(to).toISOString(),
          detector: point?.key || undefined,
          of: agent,
        },
      }),
    [navigate, agent],
  );
  return (
    <section className={classes.panel} aria-label="Findings">
      <PanelHead
        title="Findings"
        about="What detectors saw in runs, by detector. Of the newest 500 it is known when each was; what is older is counted when it was found. A click leads to them."
      />
      {error ? (
        <p className={classes.nothing} role="alert">
          {sentence(error.message)} It is asked again every few seconds.
        </p>
      ) : !series ? (
        <ChartPending />
      ) : series.length === 0 ? (
        <p className={classes.nothing}>Detectors saw nothing in this time range.</p>
      ) : (
        <>
          <TimeChart
            label="Findings"
            time={ask.time}
            series={series}
            before={before}
            marks={marks}
            kind="bars"
            format={compact}
            onStretch={onStretch}
            onPoint={open}
          />
          <Legend series={series} />
          {missing && (
            <p className={classes.hint} role="alert">
              Only the newest 500 are shown. {missing}
            </p>
          )}
        </>
      )}
    </section>
  );
}
