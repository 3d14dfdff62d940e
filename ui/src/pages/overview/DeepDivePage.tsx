/** Everything that is watched, for whoever wants to know why: the checklist, distributions, load, tools and their drift, findings. */
import { useSearch } from "@tanstack/react-router";
import type { Ask } from "./ask";
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
  return (
    <>
      <Checklist />
      <div className={classes.grid}>
        <Heatmap ask={ask} spec={HEATS.durations} onStretch={stretch} />
        <Heatmap ask={ask} spec={HEATS.tokens} onStretch={stretch} />
        <Heatmap ask={ask} spec={HEATS.steps} onStretch={stretch} />
        <Load ask={ask} onStretch={stretch} />
        <Panel panel={TOOLS} ask={ask} onStretch={stretch} />
        <Findings ask={ask} onStretch={stretch} />
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
