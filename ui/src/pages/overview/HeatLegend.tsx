/** What the lines and colours of a heatmap mean. */
import { useComputedColorScheme } from "@mantine/core";
import { day, night } from "@/theme/tokens";
import { between } from "@/ui/chart/option";
import { DASHES, scale } from "./heatOption";
import classes from "./OverviewPage.module.css";

/** `lines` are the names of the quantiles, the lowest first. */
export function HeatLegend({ lines }: { lines: string[] }) {
  const palette = useComputedColorScheme("dark") === "dark" ? night : day;
  const [few, many] = scale(palette);
  const middle = between(few, many);
  return (
    <ul className={classes.legend} aria-label="Lines and colours">
      {lines.map((name, which) => (
        <li key={name}>
          <svg width={20} height={8} aria-hidden>
            <line
              x1={0}
              x2={20}
              y1={4}
              y2={4}
              stroke={palette.text}
              strokeWidth={1.6}
              strokeDasharray={DASHES[which] === "solid" ? undefined : String(DASHES[which])}
            />
          </svg>
          {name}
        </li>
      ))}
      <li className={classes.scale}>
        few runs
        {[few, between(few, middle), middle, between(middle, many), many].map((colour) => (
          <i key={colour} style={{ background: colour }} />
        ))}
        many
      </li>
    </ul>
  );
}
