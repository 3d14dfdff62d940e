/** What detectors saw over time, by detector. */
import { useNavigate } from "@tanstack/react-router";
import { useCallback } from "react";
import { compact } from "@/lib/format";
import { runsSearch } from "@/lib/overview";
import type { Series } from "@/lib/series";
import { TimeChart } from "@/ui/chart/TimeChart";
import { type Ask, useMarks } from "./ask";
import { Legend } from "./Legend";
import classes from "./OverviewPage.module.css";
import { PanelHead } from "./Panel";

interface Props {
  ask: Ask;
  series: Series[];
  /** All of an earlier time together, drawn below. */
  before: Series[] | undefined;
  /** There are more than those counted. */
  more: boolean;
  onStretch: (from: number, to: number) => void;
}

export function Findings({ ask, series, before, more, onStretch }: Props) {
  const navigate = useNavigate();
  const marks = useMarks(ask);
  const open = useCallback(
    (from: number, to: number) => void navigate({ to: "/runs", search: runsSearch(ask.scope, from, to) }),
    [navigate, ask.scope],
  );
  return (
    <section className={classes.panel} aria-label="Findings">
      <PanelHead
        title="Findings"
        about={`What detectors saw in runs, by detector.${more ? " The newest 500 of this time are counted." : ""}`}
      />
      {series.length === 0 ? (
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
        </>
      )}
    </section>
  );
}
