/** Names of the series below a chart, in their colours. */
import { useComputedColorScheme } from "@mantine/core";
import type { Series } from "@/lib/series";
import { day, night, type Palette } from "@/theme/tokens";
import { colourOf } from "@/ui/chart/option";
import classes from "./OverviewPage.module.css";

interface Props {
  series: Series[];
  colour?: (series: Series, palette: Palette) => string | undefined;
  /** Also of a single series: the title does not say what it is. */
  single?: boolean;
}

export function Legend({ series, colour, single }: Props) {
  const palette = useComputedColorScheme("dark") === "dark" ? night : day;
  if (series.length < (single ? 1 : 2)) return <div className={classes.legend} />;
  return (
    <ul className={classes.legend} aria-label="Series">
      {series.map((each, at) => (
        <li key={each.name} className="cut">
          <i style={{ background: colour?.(each, palette) ?? colourOf(each, at, palette) }} />
          {each.name}
        </li>
      ))}
    </ul>
  );
}
