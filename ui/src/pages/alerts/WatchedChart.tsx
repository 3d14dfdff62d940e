/** What a rule compares, over time, with the threshold drawn in. */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { RULES_PROJECT } from "@/api/project";
import { instantQuery, type PromAnswer, rangeQuery } from "@/api/promql";
import { endingNow, matrixSeries } from "@/lib/promql";
import { type Buckets, buckets, type Mark, rangeMs, type Series, stepFor } from "@/lib/series";
import { readsAs } from "@/lib/unit";
import { ChartPending } from "@/ui/chart/ChartPending";
import { TimeChart } from "@/ui/chart/TimeChart";
import { useNow } from "@/ui/useNow";
import classes from "./Alerts.module.css";

/** Lines of one chart; more say nothing. */
const LINES = 8;
/** Points of a line at most. */
const POINTS = 120;

interface Props {
  label: string;
  query: string;
  threshold: number | undefined;
  /** Where that is no number: what gives each series' own. */
  limits?: string | null | undefined;
  from: string;
  to?: string;
  marks?: Mark[];
  /** The project that is asked; the rules' where nothing is said. */
  project?: string;
  /** Only series that this accepts, where it accepts any. */
  only?: (metric: Record<string, string>) => boolean;
  onStretch?: (from: number, to: number) => void;
  onPoint?: (from: number, to: number) => void;
  height?: number;
}

export function WatchedChart(props: Props) {
  const {
    label,
    query,
    threshold,
    limits,
    from,
    to,
    marks,
    only,
    height = 170,
    project = RULES_PROJECT,
    ...on
  } = props;
  const now = useNow();
  const [start, end] = rangeMs(from, to, now);
  const [, stepMs] = stepFor(end - start, POINTS);
  const first = Math.floor(start / stepMs);
  const last = Math.ceil(end / stepMs);
  const time = useMemo(() => buckets(first * stepMs, last * stepMs, stepMs), [first, last, stepMs]);
  const answer = useQuery(rangeQuery(query, first * stepMs, (last - 1) * stepMs, stepMs / 1000, project));
  // A step can be minutes long: the last value is the one at the end of the chart, which may be now.
  const until = to === undefined ? undefined : end;
  const again = to === undefined && 15_000;
  const latest = useQuery({ ...instantQuery(query, until, project), refetchInterval: again });
  const atEnd = latest.data?.data;
  const series = useMemo(() => drawn(answer.data?.data, atEnd, time, only), [answer.data, atEnd, time, only]);
  const bounds = useQuery({
    ...rangeQuery(limits ?? "", first * stepMs, (last - 1) * stepMs, stepMs / 1000, project),
    enabled: !!limits,
  });
  const bound = useQuery({ ...instantQuery(limits ?? "", until, project), refetchInterval: again, enabled: !!limits });
  const lines = useMemo(() => {
    if (!limits) return undefined;
    const found = drawn(bounds.data?.data, bound.data?.data, time, only);
    return found.map((each) => ({ ...each, name: found.length > 1 ? `threshold of ${each.name}` : "threshold" }));
  }, [limits, bounds.data, bound.data, time, only]);
  const reads = useMemo(() => readsAs(query, threshold), [query, threshold]);
  const line = useMemo(
    () => (threshold === undefined ? undefined : { value: threshold, name: `fires past ${reads(threshold)}` }),
    [threshold, reads],
  );
  if (answer.isError)
    return (
      <p className={classes.noChart} style={{ height }} role="alert">
        {answer.error.message}
      </p>
    );
  if (answer.isPending) return <ChartPending height={height - 24} />;
  if (!latest.isLoading && series.length === 0)
    return (
      <p className={classes.noChart} style={{ height }}>
        Nothing of what the rule looks at was counted in this time.
      </p>
    );
  return (
    <TimeChart
      label={label}
      time={time}
      series={series}
      kind="lines"
      format={reads}
      threshold={line}
      limits={lines}
      marks={marks}
      height={height}
      {...on}
    />
  );
}

/** An answer as lines: of the series that are meant where there are any. */
function drawn(
  range: PromAnswer | undefined,
  now: PromAnswer | undefined,
  time: Buckets,
  only: Props["only"],
): Series[] {
  const before = range?.resultType === "matrix" ? range.result : [];
  const all = endingNow(before, now, time);
  const chosen = only ? all.filter((each) => only(each.metric)) : all;
  return matrixSeries(chosen.length > 0 ? chosen : all, time, LINES);
}
