/** Where a chart will be, while what it draws is asked for. */
import classes from "./ChartPending.module.css";

/** `height` is that of the drawing; a legend below it comes with the answer. */
export const ChartPending = ({ height = 190 }: { height?: number }) => (
  <div className={classes.pending} style={{ height: height + 24 }} role="status" aria-label="Loading">
    {BARS.map((bar, at) => (
      <i key={at} style={{ height: `${bar}%` }} />
    ))}
  </div>
);

/** Heights of its bars in percent. */
const BARS = [32, 45, 38, 60, 52, 70, 48, 56, 41, 64, 50, 36];
