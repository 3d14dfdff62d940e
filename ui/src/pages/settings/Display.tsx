/** How this browser shows things: its time zone, how numbers and dates are written, day or night. */
import { SegmentedControl } from "@mantine/core";
import { useScheme } from "@/layout/scheme";
import { Writing } from "@/layout/Writing";
import { BoardPanel, Grid } from "@/ui/Board";
import classes from "./Settings.module.css";

export function Display() {
  const { scheme, set } = useScheme();
  return (
    <Grid>
      <BoardPanel title="Display" about="Kept in this browser; another choice of zone or numbers loads the page anew.">
        <div className={classes.form}>
          <Writing />
          <div className={classes.named}>
            <span id="display-scheme">Colours</span>
            <SegmentedControl
              size="xs"
              aria-labelledby="display-scheme"
              value={scheme}
              onChange={(value) => set(value as typeof scheme)}
              data={[
                { value: "dark", label: "Night" },
                { value: "light", label: "Day" },
                { value: "auto", label: "As the system" },
              ]}
            />
          </div>
          <p className="muted">Rows of SQL and what was sent stay as they are, whatever is chosen here.</p>
        </div>
      </BoardPanel>
    </Grid>
  );
}
