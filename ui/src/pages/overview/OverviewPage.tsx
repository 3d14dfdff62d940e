/** Is it working, is it fast enough, is it affordable: the state of things, and how it came to be, on one page. */
import { useSearch } from "@tanstack/react-router";
import { type ReactNode, useDeferredValue } from "react";
import { Answers } from "./Answers";
import { Breakdown } from "./Breakdown";
import { Frame } from "./Frame";
import { Heatmap } from "./Heatmap";
import classes from "./OverviewPage.module.css";
import { Panel } from "./Panel";
import { PANELS } from "./panels";

export function OverviewPage() {
  const search = useSearch({ from: "/overview" });
  return (
    <Frame title="Overview" search={search}>
      {(ask, stretch) => (
        <>
          <Answers ask={ask} />
          <Later>
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

/** What is drawn, and asked for, once the answers above it are on the screen. */
function Later({ children }: { children: ReactNode }) {
  return useDeferredValue(true, false) && children;
}
