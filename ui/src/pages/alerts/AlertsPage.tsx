/** Alerts: what fires, how far every rule is from it, what happened, what is silenced, and what the week says of the rules. */
import { Button } from "@mantine/core";
import { IconBellOff } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import { alertsQuery } from "@/api/alerting";
import { PageHeader } from "@/layout/PageHeader";
import { ALERT_VIEWS, type AlertsSearch, type AlertView } from "@/lib/alerts";
import { Empty, SkeletonRows } from "@/ui/States";
import { useEverywhere, useEverywhereKnown } from "@/ui/useEverywhere";
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

/** What is of one's own projects; the others are about the whole server. */
const OF_A_PROJECT: AlertView[] = ["now", "history"];

export function AlertsPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const view = search.view ?? "now";
  const alerts = useQuery(alertsQuery).data?.alerts;
  const firing = alerts?.filter((alert) => alert.state === "firing" || alert.state === "no_data").length;
  const everywhere = useEverywhere();
  // What is the whole server's is not asked for before one knows whether it may be.
  const waits = !useEverywhereKnown() && !OF_A_PROJECT.includes(view);
  const may = (which: AlertView) => everywhere || OF_A_PROJECT.includes(which);
  useTitle(firing ? `Alerts (${firing})` : "Alerts");
  const set = (change: Partial<AlertsSearch>) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true, resetScroll: false });
  return (
    <div className={classes.page}>
      <PageHeader title="Alerts">
        {everywhere && (
          <Button
            variant="default"
            leftSection={<IconBellOff size={14} stroke={1.8} />}
            onClick={() => set({ silence: "" })}
          >
            Silence…
          </Button>
        )}
      </PageHeader>
      <ViewTabs
        label="Views of alerts"
        tabs={ALERT_VIEWS.filter(([value]) => may(value)).map(([value, name]) => ({
          name,
          active: value === view,
          link: { to: "/alerts", search: value === "now" ? {} : { view: value } },
          ...(value === "now" ? { count: firing, tone: "bad" as const } : {}),
        }))}
      />
      {may(view) ? (
        <Suspense fallback={<SkeletonRows rows={8} />}>
          {waits ? <SkeletonRows rows={8} /> : VIEWS[view]({ search, set })}
        </Suspense>
      ) : (
        <OfTheServer />
      )}
      {everywhere && <SilenceForm matchers={search.silence} onClose={() => set({ silence: undefined })} />}
    </div>
  );
}

/** A link to what only those may see who have rights in every project. */
const OfTheServer = () => (
  <Empty
    title="This is about the whole server"
    action={
      <Link to="/alerts" search={{}}>
        Alerts of your project
      </Link>
    }
  >
    Rules, silences and their review look at every project at once, so they are shown to people whose role holds in all
    of them. Your project’s alerts, what shows them and what happened to them are yours to see and to acknowledge.
  </Empty>
);
