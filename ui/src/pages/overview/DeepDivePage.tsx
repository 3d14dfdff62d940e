/** Everything that is watched, for whoever wants to know why: the checklist, distributions, load, tools and their drift, findings. */
import { useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { seenQuery } from "@/api/queries";
import { type Buckets, byKey, together } from "@/lib/series";
import { type Ask, REFRESH_MS } from "./ask";
import { Breakdown } from "./Breakdown";
import { Checklist } from "./Checklist";
import { Findings } from "./Findings";
import { Frame } from "./Frame";
import { HEATS, Heatmap } from "./Heatmap";
import { Load } from "./Load";
import classes from "./OverviewPage.module.css";
import { Panel } from "./Panel";
import { PANELS } from "./panels";

const panel = (title: string) => PANELS.find((each) => each.title === title)!;
const TOOLS = panel("Tool calls");
const REST = PANELS.filter((each) => !["Tool calls", "Latency of runs", "Tokens per run"].includes(each.title));

export function DeepDivePage() {
  const search = useSearch({ from: "/deep-dive" });
  return (
    <Frame title="Deep dive" search={search}>
      {(ask, stretch) => <Body ask={ask} stretch={stretch} />}
    </Frame>
  );
}

function Body({ ask, stretch }: { ask: Ask; stretch: (from: number, to: number) => void }) {
  const start = ask.time.starts[0] ?? 0;
  const end = (ask.time.starts.at(-1) ?? 0) + ask.time.stepMs;
  const seenIn = (shift: number) =>
    seenQuery({
      from: new Date(start - shift).toISOString(),
      to: new Date(end - shift).toISOString(),
      ...(ask.scope.agent ? { agent: [ask.scope.agent] } : {}),
    });
  const { data } = useQuery({ ...seenIn(0), refetchInterval: ask.live ? REFRESH_MS : false });
  const { data: earlier } = useQuery({ ...seenIn(ask.shift ?? 0), enabled: ask.shift !== undefined });
  const findings = useMemo(() => data?.findings ?? [], [data]);
  const seen = useMemo(() => byDetector(findings, ask.time), [findings, ask.time]);
  const before = useMemo(
    () =>
      ask.shift === undefined || !earlier
        ? undefined
        : [together("all", byDetector(earlier.findings, ask.time, ask.shift))],
    [earlier, ask.time, ask.shift],
  );
  return (
    <>
      <Checklist />
      <div className={classes.grid}>
        <Heatmap ask={ask} spec={HEATS.durations} onStretch={stretch} />
        <Heatmap ask={ask} spec={HEATS.tokens} onStretch={stretch} />
        <Heatmap ask={ask} spec={HEATS.steps} onStretch={stretch} />
        <Load ask={ask} onStretch={stretch} />
        <Panel panel={TOOLS} ask={ask} onStretch={stretch} />
        <Findings ask={ask} series={seen} before={before} more={!!data?.next} onStretch={stretch} />
        {REST.map((each) => (
          <Panel key={each.title} panel={each} ask={ask} onStretch={stretch} />
        ))}
      </div>
      <div className={classes.tables}>
        <Breakdown ask={ask} by="agent" title="Agents" />
        <Breakdown ask={ask} by="model" title="Models" />
        <Breakdown ask={ask} by="tool" title="Tools" />
      </div>
    </>
  );
}

/** Findings counted by detector; `shiftMs` draws those of an earlier time over this one. */
const byDetector = (findings: { at: string; detector: string }[], time: Buckets, shiftMs = 0) =>
  byKey(
    findings.map(({ at, detector }) => ({
      time: new Date(Math.floor(Date.parse(at) / time.stepMs) * time.stepMs).toISOString(),
      by: [detector],
      count: 1,
      value: 1,
      quantiles: [],
    })),
    time,
    { shiftMs },
  );
