/** The charts of the overview, as data: what is asked, how it is drawn, where a point leads. */

import { QUANTILES as OF_RUNS, type Question } from "@/api/numbers";
import type { RunsSearch } from "@/lib/filter";
import { compact, duration, usd } from "@/lib/format";
import { fixed } from "@/lib/locale";
import { type Buckets, byKey, byQuantile, type Row, type Series, share, TOOLS_SHOWN } from "@/lib/series";
import type { Palette } from "@/theme/tokens";

export interface PanelSpec {
  title: string;
  /** What the numbers are, for the one who wonders. */
  about: string;
  /** Parameters of `/api/v1/aggregate`. */
  question: Question;
  series: (rows: Row[], time: Buckets, shiftMs?: number) => Series[];
  kind: "bars" | "lines";
  format: (value: number | null) => string;
  colour?: (series: Series, palette: Palette) => string | undefined;
  threshold?: { value: number; name: string };
  most?: number;
  logarithmic?: boolean;
  /** The runs behind a point of a series, or of all series at a time. */
  runs: (series?: Series) => RunsSearch;
}

const QUANTILES = ["p50", "p95", "p99"];
const quantiles = (rows: Row[], time: Buckets, shiftMs?: number) => byQuantile(rows, time, QUANTILES, shiftMs);
const keyed = (rows: Row[], time: Buckets, shiftMs?: number) => byKey(rows, time, { shiftMs });
/** There are more tools than agents or models, and each of them tells something. */
const byTool = (rows: Row[], time: Buckets, shiftMs?: number) => byKey(rows, time, { shiftMs, most: TOOLS_SHOWN });
const byName = (words: Record<string, (palette: Palette) => string>) => (series: Series, palette: Palette) =>
  words[series.name]?.(palette);

const STATUS = byName({
  ok: (palette) => palette.okFill,
  error: (palette) => palette.errorFill,
  running: (palette) => palette.runningFill,
  abandoned: (palette) => palette.faint,
});
const LINES = byName({
  p50: (palette) => palette.fills.llm,
  p95: (palette) => palette.fills.agent,
  p99: (palette) => palette.fills.handoff,
});
const number = (value: number | null) => compact(value);
const percent = (value: number | null) =>
  value === null
    ? "–"
    : `${value >= 99.95 || value < 0.05 || Number.isInteger(value) ? fixed(value, 0) : fixed(value, 1)} %`;
const only = (field: "agent" | "model" | "tool" | "status") => (series?: Series) =>
  series?.key ? { [field]: [series.key] } : {};

/** Runs with a failed step; where its kind is known, those that name it anywhere: runs can be searched by it, not filtered. */
export const ofError = (series?: Series): RunsSearch => ({
  errors: true,
  ...(series?.key ? { q: series.key, in: "content" } : {}),
});

/** Of every hundred runs that ended, this many should end well. */
export const SUCCESS_PERCENT = 98;
/** Nobody should wait longer than this for 95 of 100 runs. */
export const SLOW_MS = 60_000;

export const PANELS: PanelSpec[] = [
  {
    title: "Runs that ended well",
    about: "Share of runs with status ok among those that ended.",
    question: { by: "status" },
    series: (rows, time, shiftMs) => {
      const ended = byKey(rows, time, { shiftMs }).filter((series) => series.name !== "running");
      return [{ name: "success", values: share(ended, (name) => name === "ok") }];
    },
    kind: "lines",
    format: percent,
    colour: (_, palette) => palette.okFill,
    threshold: { value: SUCCESS_PERCENT, name: `${SUCCESS_PERCENT} %` },
    most: 100,
    runs: () => ({ status: ["error", "abandoned"] }),
  },
  {
    title: "Latency of runs",
    about: "How long runs that ended took, from start to end, on a logarithmic scale.",
    question: { measure: "duration_ms", ...OF_RUNS },
    series: quantiles,
    kind: "lines",
    format: duration,
    colour: LINES,
    threshold: { value: SLOW_MS, name: `p95 ${duration(SLOW_MS)}` },
    logarithmic: true,
    runs: () => ({ sort: "-duration_ms" }),
  },
  {
    title: "Runs by outcome",
    about: "Runs by how they ended.",
    question: { by: "status" },
    series: keyed,
    kind: "bars",
    format: number,
    colour: STATUS,
    runs: only("status"),
  },
  {
    title: "Cost by agent",
    about: "What the model calls of runs cost, by their top agent.",
    question: { measure: "cost_usd", by: "agent" },
    series: keyed,
    kind: "bars",
    format: usd,
    runs: (series) => ({ ...only("agent")(series), sort: "-cost_usd" }),
  },
  {
    title: "Cost by model",
    about: "What model calls cost, by the model that answered.",
    question: { of: "steps", measure: "cost_usd", by: "model" },
    series: keyed,
    kind: "bars",
    format: usd,
    runs: (series) => ({ ...only("model")(series), sort: "-cost_usd" }),
  },
  {
    title: "Tokens per run",
    about: "Input and output tokens of a run that ended together.",
    question: { measure: "tokens", ...OF_RUNS },
    series: quantiles,
    kind: "lines",
    format: number,
    colour: LINES,
    runs: () => ({ sort: "-total_tokens" }),
  },
  {
    title: "Tool calls",
    about: "Calls of tools, by tool. A mix that changes while nothing fails is the first sign of a silent failure.",
    question: { of: "steps", by: "tool" },
    series: (rows, time, shiftMs) =>
      byTool(
        rows.filter((row) => row.by[0] !== null),
        time,
        shiftMs,
      ),
    kind: "bars",
    format: number,
    runs: only("tool"),
  },
  {
    title: "Failed tool calls",
    about: "Calls of tools that ended with an error, by tool.",
    question: { of: "steps", measure: "errors", by: "tool" },
    series: (rows, time, shiftMs) =>
      byTool(
        rows.filter((row) => row.by[0] !== null && row.value !== 0),
        time,
        shiftMs,
      ),
    kind: "bars",
    format: number,
    runs: (series) => ({ ...only("tool")(series), errors: true }),
  },
  {
    title: "Time to first token",
    about: "Of model calls that were streamed.",
    question: { of: "steps", measure: "ttft_ms", quantiles: "0.5,0.95,0.99" },
    series: quantiles,
    kind: "lines",
    format: duration,
    colour: LINES,
    runs: () => ({ sort: "-duration_ms" }),
  },
  {
    title: "Errors by kind",
    about: "Failed steps, by the type of their error.",
    question: { of: "steps", measure: "errors", by: "error" },
    series: (rows, time, shiftMs) =>
      keyed(
        rows.filter((row) => row.value !== 0),
        time,
        shiftMs,
      ),
    kind: "bars",
    format: number,
    runs: ofError,
  },
];
