/** How to send traces, for whoever comes back to it. */
import { getRouteApi } from "@tanstack/react-router";
import { PageHeader } from "@/layout/PageHeader";
import { useTitle } from "@/ui/useTitle";
import { FirstTrace } from "./FirstTrace";
import classes from "./FirstTrace.module.css";

const route = getRouteApi("/connect");

export function ConnectPage() {
  useTitle("Send traces");
  const { framework } = route.useSearch();
  const navigate = route.useNavigate();
  return (
    <div className={classes.page}>
      <PageHeader title="Send traces" />
      <FirstTrace
        named
        framework={framework}
        onFramework={(id) => void navigate({ search: { framework: id }, replace: true })}
      />
    </div>
  );
}
