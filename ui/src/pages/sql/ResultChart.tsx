/** The rows of an answer as a chart; what lies along the axis can be chosen. */
import { Select, useComputedColorScheme } from "@mantine/core";
import { useMemo } from "react";
import type { SqlAnswer } from "@/api/types";
import { figure } from "@/lib/alerts";
import { count } from "@/lib/format";
import { axes, drawing } from "@/lib/sqlchart";
import { day, night } from "@/theme/tokens";
import { wheel } from "@/ui/chart/option";
import { PlainChart } from "@/ui/chart/PlainChart";
import { Empty } from "@/ui/States";
import classes from "./SqlPage.module.css";

interface Props {
  answer: SqlAnswer;
  /** The column that is asked to lie along the axis. */
  x: string | undefined;
  onX: (x: string | undefined) => void;
}

export function ResultChart({ answer, x, onX }: Props) {
  const found = useMemo(() => drawing(answer, x), [answer, x]);
  const panels = useMemo(
    () => found?.panels.map((places) => ({ places, series: places.map((at) => found.series[at]!) })) ?? [],
    [found],
  );
  const colours = wheel(useComputedColorScheme("dark") === "dark" ? night : day);
  if (!found)
    return (
      <Empty title="Nothing to draw">
        A chart needs a column of numbers beside the one along its axis, for example count(*) beside agent.
      </Empty>
    );
  return (
    <div className={classes.chart}>
      <div className={classes.axis}>
        <Select
          size="xs"
          aria-label="Along the axis"
          data={axes(answer)}
          value={found.x}
          allowDeselect={false}
          onChange={(column) => onX(column ?? undefined)}
        />
        <ul className={classes.legend}>
          {found.series.map((each, at) => (
            <li key={each.name} className="cut">
              <i style={{ background: colours[at % colours.length] }} aria-hidden />
              {each.name}
            </li>
          ))}
        </ul>
      </div>
      {panels.map(({ places, series }) => (
        <section key={places[0]}>
          {panels.length > 1 && <h3>{series.map((each) => each.name).join(", ")}</h3>}
          <PlainChart
            label="The answer"
            labels={found.labels}
            series={series}
            places={places}
            kind={found.kind}
            format={figure}
            height={Math.max(180, 380 / panels.length)}
          />
        </section>
      ))}
      {found.left > 0 && (
        <p className="muted">
          The first {count(found.labels.length)} values of {found.x}; {count(found.left)} are left out. Order the rows
          so that those that matter come first.
        </p>
      )}
    </div>
  );
}
