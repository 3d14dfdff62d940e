/** How to send traces, for whoever comes back to it. */
import { PageHeader } from "@/layout/PageHeader";
import { useTitle } from "@/ui/useTitle";
import { FirstTrace } from "./FirstTrace";
import classes from "./FirstTrace.module.css";

export function ConnectPage() {
  useTitle("Send traces");
  return (
    <div className={classes.page}>
      <PageHeader title="Send traces" />
      <FirstTrace />
    </div>
  );
}
