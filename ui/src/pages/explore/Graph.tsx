/** Queries over time in one chart, with a legend that tells last, mean and highest of each line. */
import { useComputedColorScheme } from "@mantine/core";
import { useQueries } from "@tanstack/react-query";
import { useMemo } from "react";
import { instantQuery, rangeQuery } from "@/api/promql";
import { letter } from "@/lib/explore";
import { count, plural } from "@/lib/format";
import { asksNow, endingNow, matrixSeries, spread } from "@/lib/promql";
import type { Buckets, Series } from "@/lib/series";
import { readsTogether } from "@/lib/unit";
import { day, night } from "@/theme/tokens";
import { wheel } from "@/ui/chart/option";
import { TimeChart } from "@/ui/chart/TimeChart";
import { Empty, SkeletonRows } from "@/ui/States";
import classes from "./Explore.module.css";
import { Failure, Remarks } from "./Failure";

/** Lines of one query that are drawn; the highest. */
const LINES = 40;
/** How often a graph that ends now is asked for again. */
const REFRESH_MS = 15_000;

interface Props {
  queries: string[];
  time: Buckets;
  kind: "lines" | "bars";
  live: boolean;
  onStretch: (from: number, to: number) => void;
  /** The line that is shown alone. */
  alone: string | undefined;
  onAlone: (name: string | undefined) => void;
}

export function Graph({ queries, time, kind, live, onStretch, alone, onAlone }: Props) {
  const start = time.starts[0] ?? 0;
  const end = time.starts.at(-1) ?? 0;
  const answers = useQueries({
    queries: queries.map((query) => ({
      ...rangeQuery(query, start, end, time.stepMs / 1000),
      refetchInterval: live ? REFRESH_MS : (false as const),
    })),
  });
  const found = answers.map((answer) => answer.data?.data);
  // A step can be minutes long: what holds now takes the place of its beginning.
  const again = asksNow(live, time.stepMs);
  const nows = useQueries({
    queries: queries.map((query) => ({
      ...instantQuery(query, undefined),
      enabled: again,
      refetchInterval: REFRESH_MS,
    })),
  });
  // While the answer to another query is still shown, it is not of these series.
  const atEnd = nows.map((answer) => (again && !answer.isPlaceholderData ? answer.data?.data : undefined));
  // biome-ignore lint/correctness/useExhaustiveDependencies: the list of answers is new each time, its answers are not
  const lines = useMemo(
    () =>
      found.flatMap((data, at) => {
        const all =
          data?.resultType === "matrix" ? matrixSeries(endingNow(data.result, atEnd[at], time), time, LINES) : [];
        return queries.length > 1 ? all.map((each) => ({ ...each, name: `${letter(at)} ${each.name}` })) : all;
      }),
    [...found, ...atEnd, time, queries.length],
  );
  const total = found.reduce((sum, data) => sum + (data?.resultType === "matrix" ? data.result.length : 0), 0);
  const shown =
    alone && lines.some((each) => each.name === alone) ? lines.filter((each) => each.name === alone) : lines;
  const failed = answers.flatMap((answer, at) => (answer.isError ? [{ at, error: answer.error }] : []));
  const pending = answers.every((answer) => answer.isPending);
  const palette = useComputedColorScheme("dark") === "dark" ? night : day;
  const colours = useMemo(() => {
    const turn = wheel(palette);
    return new Map(lines.map((each, at) => [each.name, turn[at % turn.length]!]));
  }, [lines, palette]);
  const reads = useMemo(() => readsTogether(queries), [queries]);
  const colour = useMemo(() => (series: Series) => colours.get(series.name), [colours]);

  return (
    <>
      {failed.map(({ at, error }) => (
        <Failure key={letter(at)} name={queries.length > 1 ? letter(at) : undefined} error={error} />
      ))}
      <Remarks all={answers.flatMap((answer) => answer.data?.warnings ?? [])} />
      {pending ? (
        <SkeletonRows rows={9} height={34} />
      ) : lines.length === 0 ? (
        failed.length === 0 && (
          <Empty title="No series">
            Nothing in this time has the labels that are asked for. A counter that nobody raised has no series yet; a
            longer range may find some.
          </Empty>
        )
      ) : (
        <section className={classes.graph} aria-label="Graph">
          <TimeChart
            label={queries.join("; ")}
            time={time}
            series={shown}
            kind={kind}
            format={reads}
            colour={colour}
            height={340}
            onStretch={onStretch}
          />
          <Legend lines={lines} reads={reads} colour={colour} alone={alone} onAlone={onAlone} />
          {total > lines.length && (
            <p className={classes.note}>
              The {count(lines.length)} highest of {plural(total, "series", "series")}. Aggregate with sum by (…) or
              topk to see what is meant.
            </p>
          )}
        </section>
      )}
    </>
  );
}

interface LegendProps {
  lines: Series[];
  reads: (value: number | null) => string;
  colour: (series: Series) => string | undefined;
  alone: string | undefined;
  onAlone: (name: string | undefined) => void;
}

/** A row for each line; a click shows it alone. */
function Legend({ lines, reads, colour, alone, onAlone }: LegendProps) {
  return (
    <div className={classes.tableBox}>
      <table className={classes.legend}>
        <thead>
          <tr>
            <th scope="col">Series</th>
            <th scope="col">Last</th>
            <th scope="col">Mean</th>
            <th scope="col">Highest</th>
          </tr>
        </thead>
        <tbody>
          {lines.map((line) => {
            const { last, mean, highest } = spread(line.values);
            return (
              <tr key={line.name} data-off={(alone !== undefined && alone !== line.name) || undefined}>
                <th scope="row">
                  <button
                    type="button"
                    aria-pressed={alone === line.name}
                    onClick={() => onAlone(alone === line.name ? undefined : line.name)}
                  >
                    <i style={{ background: colour(line) }} aria-hidden />
                    <span className="mono">{line.name}</span>
                  </button>
                </th>
                <td>{reads(last)}</td>
                <td>{reads(mean)}</td>
                <td>{reads(highest)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
