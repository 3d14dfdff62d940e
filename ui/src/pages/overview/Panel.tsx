/** One chart with its title and legend. */
import { Tooltip } from "@mantine/core";
import { IconInfoCircle } from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { sentence } from "@/lib/format";
import { runsSearch } from "@/lib/overview";
import { type Series, settled, together } from "@/lib/series";
import { ChartPending } from "@/ui/chart/ChartPending";
import { TimeChart } from "@/ui/chart/TimeChart";
import { type Ask, useAggregate, useMarks } from "./ask";
import { Legend } from "./Legend";
import classes from "./OverviewPage.module.css";
import type { PanelSpec } from "./panels";

interface Props {
  panel: PanelSpec;
  ask: Ask;
  onStretch: (from: number, to: number) => void;
}

export function Panel({ panel, ask, onStretch }: Props) {
  const marks = useMarks(ask);
  const navigate = useNavigate();
  const answer = useAggregate(ask, panel.question);
  const earlier = useAggregate(ask, panel.question, { shift: ask.shift ?? 0, enabled: ask.shift !== undefined });
  const series = useMemo(() => {
    const all = panel.series(answer.data?.rows ?? [], ask.time);
    return panel.question.quantiles ? settled(all, ask.time, Date.now()) : all;
  }, [panel, answer.data, ask.time]);
  const before = useMemo(() => {
    if (ask.shift === undefined || !earlier.data) return undefined;
    const then = panel.series(earlier.data.rows, ask.time, ask.shift);
    // Bars of two times would hide each other: their sum is drawn as a line above them.
    return panel.kind === "lines" ? then : [together("all", then)];
  }, [panel, earlier.data, ask.time, ask.shift]);
  const open = useCallback(
    (from: number, to: number, point?: Series) =>
      void navigate({ to: "/runs", search: { ...runsSearch(ask.scope, from, to), ...panel.runs(point) } }),
    [navigate, ask.scope, panel],
  );
  const empty = answer.isSuccess && series.every((each) => each.values.every((value) => !value));

  return (
    <section className={classes.panel} aria-label={panel.title}>
      <PanelHead title={panel.title} about={panel.about} />
      {answer.isError ? (
        <p className={classes.nothing} role="alert">
          {sentence(answer.error.message)} It is asked again every few seconds.
        </p>
      ) : answer.isPending ? (
        <ChartPending />
      ) : empty ? (
        <p className={classes.nothing}>Nothing of this in the time range.</p>
      ) : (
        <>
          <TimeChart
            label={panel.title}
            time={ask.time}
            series={series}
            before={before}
            kind={panel.kind}
            format={panel.format}
            colour={panel.colour}
            threshold={panel.threshold}
            marks={marks}
            most={panel.most}
            logarithmic={panel.logarithmic}
            onStretch={onStretch}
            onPoint={open}
          />
          <Legend series={series} colour={panel.colour} />
        </>
      )}
    </section>
  );
}

export function PanelHead({ title, about }: { title: string; about: string }) {
  return (
    <header className={classes.panelHead}>
      <h2>{title}</h2>
      <Tooltip label={about} events={{ hover: true, focus: true, touch: true }}>
        <button type="button" className={classes.about} aria-label={`About ${title}: ${about}`}>
          <IconInfoCircle size={14} stroke={1.7} aria-hidden />
        </button>
      </Tooltip>
    </header>
  );
}
