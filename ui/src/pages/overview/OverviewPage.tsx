/** Is it working, is it fast enough, is it affordable: the state of things, and how it came to be, on one page. */
import { useSearch } from "@tanstack/react-router";
import { lazy, type ReactNode, Suspense, useDeferredValue } from "react";
import { ANSWERS } from "@/api/numbers";
import { ChartPending } from "@/ui/chart/ChartPending";
import { Answers } from "./Answers";
import { type Ask, useAggregate } from "./ask";
import { Breakdown } from "./Breakdown";
import { Frame } from "./Frame";
import { Heatmap } from "./Heatmap";
import classes from "./OverviewPage.module.css";
import { Panel } from "./Panel";
import { PANELS } from "./panels";

/** Fetched after the answers: few pages have one in force. */
const BrakeStrip = lazy(() => import("@/pages/incident/BrakeStrip").then((file) => ({ default: file.BrakeStrip })));

export function OverviewPage() {
  const search = useSearch({ from: "/overview" });
  return (
    <Frame title="Overview" search={search}>
      {(ask, stretch) => (
        <>
          <Answers ask={ask} />
          <Later ask={ask}>
            <Suspense>
              <BrakeStrip />
            </Suspense>
            <div className={classes.grid}>
              {PANELS.slice(0, 2).map((panel) => (
                <Panel key={panel.title} panel={panel} ask={ask} onStretch={stretch} />
              ))}
              <Heatmap ask={ask} onStretch={stretch} />
              {PANELS.slice(2).map((panel) => (
                <Panel key={panel.title} panel={panel} ask={ask} onStretch={stretch} />
              ))}
            </div>
            <div className={classes.tables}>
              <Breakdown ask={ask} by="agent" title="Agents" />
              <Breakdown ask={ask} by="model" title="Models" />
              <Breakdown ask={ask} by="tool" title="Tools" />
            </div>
          </Later>
        </>
      )}
    </Frame>
  );
}

/** What is drawn, and asked for, once the first answer is there: until then it would take the processor from it, here and at the server. */
function Later({ ask, children }: { ask: Ask; children: ReactNode }) {
  const { isPending } = useAggregate(ask, ANSWERS.statuses);
  return useDeferredValue(!isPending, false) ? children : <Frames />;
}

/** Where the charts will be. */
const Frames = () => (
  <div className={classes.grid}>
    {Array.from({ length: PANELS.length + 1 }, (_, at) => (
      <div key={at} className={classes.panel}>
        <div className={classes.panelHead}>&nbsp;</div>
        <ChartPending />
      </div>
    ))}
  </div>
);
