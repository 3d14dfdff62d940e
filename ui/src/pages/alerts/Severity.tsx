/** How grave an alert is, in the word of the one who wrote its rule. */
import { gravity } from "@/lib/alerts";
import classes from "./Alerts.module.css";

export function Severity({ severity }: { severity: string | null | undefined }) {
  if (!severity) return null;
  return (
    <span className={classes.severity} data-gravity={gravity(severity)}>
      {severity}
    </span>
  );
}
