/** One chart about tools, of all or of one. */

import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";
import { LIVE_MS } from "@/api/pace";
import { aggregateQuery } from "@/api/queries";
import type { RunsSearch } from "@/lib/filter";
import { compact, duration } from "@/lib/format";
import { type Buckets, byKey, byQuantile, type Mark, type Row, type Series, settled, TOOLS_SHOWN } from "@/lib/series";
import { Legend } from "@/pages/overview/Legend";
import { ofError } from "@/pages/overview/panels";
import type { Palette } from "@/theme/tokens";
import { BoardPanel, Nothing } from "@/ui/Board";
import { ChartPending } from "@/ui/chart/ChartPending";
import { TimeChart } from "@/ui/chart/TimeChart";

const QUANTILES = ["p50", "p95", "p99"];
const LINES: Record<string, (palette: Palette) => string> = {
  p50: (palette) => palette.fills.llm,
  p95: (palette) => palette.fills.agent,
  p99: (palette) => palette.fills.handoff,
};

interface Spec {
  title: string;
  about: string;
  question: Record<string, string>;
  series: (rows: Row[], time: Buckets) => Series[];
  kind: "bars" | "lines";
  format: (value: number | null) => string;
  colour?: (series: Series, palette: Palette) => string | undefined;
  /** The runs behind a point of a series, or of all series at a time. */
  runs: (series?: Series) => RunsSearch;
}

/** Steps without a tool are no calls of tools. */
const named = (rows: Row[]) => rows.filter((row) => row.by[0] !== null && row.value !== 0);
const tool = (series?: Series): RunsSearch => (series?.key ? { tool: [series.key] } : {});

/** Charts over all tools. */
export const CALLS: Spec[] = [
  {
    title: "Calls",
    about: "Calls of tools, by tool.",
    question: { by: "tool" },
    series: (rows, time) => byKey(named(rows), time, { most: TOOLS_SHOWN }),
    kind: "bars",
    format: compact,
    runs: tool,
  },
  {
    title: "Failed calls",
    about: "Calls that ended with an error, by tool.",
    question: { by: "tool", measure: "errors" },
    series: (rows, time) => byKey(named(rows), time, { most: TOOLS_SHOWN }),
    kind: "bars",
    format: compact,
    runs: (series) => ({ ...tool(series), errors: true }),
  },
];

/** Charts of one tool. */
export const OF_ONE: Spec[] = [
  {
    title: "Latency",
    about: "How long its calls took, on a logarithmic scale.",
    question: { measure: "duration_ms", quantiles: "0.5,0.95,0.99" },
    series: (rows, time) => byQuantile(rows, time, QUANTILES),
    kind: "lines",
    format: duration,
    colour: (series, palette) => LINES[series.name]?.(palette),
    runs: () => ({ sort: "-duration_ms" }),
  },
  {
    title: "Calls by agent",
    about: "Who calls it.",
    question: { by: "agent" },
    series: (rows, time) => byKey(rows, time, { none: "agent not named" }),
    kind: "bars",
    format: compact,
    runs: (series) => (series?.key ? { agent: [series.key] } : {}),
  },
  {
    title: "Failures by error",
    about: "Calls that ended with an error, by its type.",
    question: { by: "error", measure: "errors" },
    series: (rows, time) =>
      byKey(
        rows.filter((row) => row.value !== 0),
        time,
        { none: "type not named" },
      ),
    kind: "bars",
    format: compact,
    runs: ofError,
  },
];

export interface ChartProps {
  time: Buckets;
  step: string;
  agent?: string;
  live: boolean;
  onStretch: (from: number, to: number) => void;
}

export function ToolChart({
  panel,
  time,
  step,
  agent,
  live,
  onStretch,
  span,
  of,
  marks,
}: ChartProps & { panel: Spec; span: number; of?: string; marks?: Mark[] }) {
  const navigate = useNavigate();
  const scope = { ...(agent ? { agent } : {}), ...(of ? { tool: of } : {}) };
  const answer = useQuery({
    ...aggregateQuery({
      of: "steps",
      ...panel.question,
      ...scope,
      step,
      from: new Date(time.starts[0] ?? 0).toISOString(),
      to: new Date((time.starts.at(-1) ?? 0) + time.stepMs).toISOString(),
    }),
    refetchInterval: live ? LIVE_MS : false,
  });
  const series = useMemo(() => {
    const all = panel.series(answer.data?.rows ?? [], time);
    return panel.question.quantiles ? settled(all, time, Date.now()) : all;
  }, [panel, answer.data, time]);
  const empty = answer.isSuccess && series.every((each) => each.values.every((value) => !value));
  return (
    <BoardPanel title={panel.title} about={panel.about} span={span}>
      {answer.isError ? (
        <div style={{ minHeight: 214, display: "grid" }} role="alert">
          <Nothing>{answer.error.message} It is asked again every few seconds.</Nothing>
        </div>
      ) : answer.isPending ? (
        <ChartPending />
      ) : empty ? (
        <div style={{ minHeight: 214, display: "grid" }}>
          <Nothing>Nothing of this in the time range.</Nothing>
        </div>
      ) : (
        <>
          <TimeChart
            label={panel.title}
            time={time}
            series={series}
            kind={panel.kind}
            format={panel.format}
            colour={panel.colour}
            marks={marks}
            logarithmic={panel.kind === "lines"}
            onStretch={onStretch}
            onPoint={(from, to, point) =>
              void navigate({
                to: "/runs",
                search: {
                  from: new Date(from).toISOString(),
                  to: new Date(to).toISOString(),
                  ...(agent ? { agent: [agent] } : {}),
                  ...(of ? { tool: [of] } : {}),
                  ...panel.runs(point),
                },
              })
            }
          />
          <Legend series={series} colour={panel.colour} single={panel.question.by !== undefined} />
        </>
      )}
    </BoardPanel>
  );
}
