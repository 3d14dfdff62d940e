/** Alerts: what fires, how far every rule is from it, what happened, what is silenced, and what the week says of the rules. */
import { Button } from "@mantine/core";
import { IconBellOff } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import { alertsQuery } from "@/api/alerting";
import { PageHeader } from "@/layout/PageHeader";
import { ALERT_VIEWS, type AlertsSearch, type AlertView } from "@/lib/alerts";
import { SkeletonRows } from "@/ui/States";
import { useTitle } from "@/ui/useTitle";
import { ViewTabs } from "@/ui/ViewTabs";
import classes from "./Alerts.module.css";
import { Now } from "./Now";
import { SilenceForm } from "./SilenceForm";

const route = getRouteApi("/alerts");

const Rules = lazy(() => import("./Rules").then((it) => ({ default: it.Rules })));
const History = lazy(() => import("./History").then((it) => ({ default: it.History })));
const Silences = lazy(() => import("./Silences").then((it) => ({ default: it.Silences })));
const Review = lazy(() => import("./Review").then((it) => ({ default: it.Review })));
const Backtest = lazy(() => import("./Backtest").then((it) => ({ default: it.Backtest })));

export interface ViewProps {
  search: AlertsSearch;
  set: (change: Partial<AlertsSearch>) => void;
}

const VIEWS: Record<AlertView, (props: ViewProps) => React.ReactNode> = {
  now: (props) => <Now {...props} />,
  rules: (props) => <Rules {...props} />,
  history: (props) => <History {...props} />,
  silences: (props) => <Silences {...props} />,
  review: (props) => <Review {...props} />,
  backtest: (props) => <Backtest {...props} />,
};

export function AlertsPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const view = search.view ?? "now";
  const alerts = useQuery(alertsQuery).data?.alerts;
  const firing = alerts?.filter((alert) => alert.state === "firing" || alert.state === "no_data").length;
  useTitle(firing ? `Alerts (${firing})` : "Alerts");
  const set = (change: Partial<AlertsSearch>) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true, resetScroll: false });
  return (
    <div className={classes.page}>
      <PageHeader title="Alerts">
        <Button
          variant="default"
          leftSection={<IconBellOff size={14} stroke={1.8} />}
          onClick={() => set({ silence: "" })}
        >
          Silence…
        </Button>
      </PageHeader>
      <ViewTabs
        label="Views of alerts"
        tabs={ALERT_VIEWS.map(([value, name]) => ({
          name,
          active: value === view,
          link: { to: "/alerts", search: value === "now" ? {} : { view: value } },
          ...(value === "now" ? { count: firing, tone: "bad" as const } : {}),
        }))}
      />
      <Suspense fallback={<SkeletonRows rows={8} />}>{VIEWS[view]({ search, set })}</Suspense>
      <SilenceForm matchers={search.silence} onClose={() => set({ silence: undefined })} />
    </div>
  );
}
