/** Every address of the interface. A page's code is loaded when it is first opened. */
import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
  retainSearchParams,
} from "@tanstack/react-router";
import { askFirst } from "./api/numbers";
import { queryClient, runQuery, runsQuery } from "./api/queries";
import { Shell } from "./layout/Shell";
import { readAlertSearch, readAlertsSearch } from "./lib/alerts";
import { readCompareSearch } from "./lib/compare";
import { readCostsSearch } from "./lib/costs";
import { readDashboardSearch } from "./lib/dashboard";
import { readExploreSearch, readGraphSearch } from "./lib/explore";
import { parseSearch, readProject, readSearch, stringifySearch } from "./lib/filter";
import { readAgentSearch, readFleetSearch } from "./lib/fleet";
import { readFindingsSearch, readIssuesSearch } from "./lib/issues";
import { readLogsSearch } from "./lib/logs";
import { readOverviewSearch } from "./lib/overview";
import {
  readConnectSearch,
  readDoctorSearch,
  readIncidentSearch,
  readRunSearch,
  readSessionSearch,
  readSqlSearch,
} from "./lib/search";
import { readSessionsSearch } from "./lib/sessions";
import { readSettingsSearch } from "./lib/settings";
import { readToolsSearch } from "./lib/tools";
import { NotFound, PageError, PagePending } from "./ui/States";

const root = createRootRoute({
  component: Shell,
  notFoundComponent: NotFound,
  // The project of somebody who has several goes along from page to page.
  validateSearch: readProject,
  search: { middlewares: [retainSearchParams(["project"])] },
});

/**
 * What a page shows first is asked for as soon as its address is known, while its code is still on the way. Not of a link that is
 * merely pointed at: what the server is asked to show it writes down, and who moves over a list means none of it.
 */
function opened(cause: "preload" | "enter" | "stay", ask: () => void) {
  if (cause === "enter") ask();
}

const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/overview", replace: true });
  },
});

const overview = createRoute({
  getParentRoute: () => root,
  path: "/overview",
  validateSearch: readOverviewSearch,
  beforeLoad: ({ search, cause }) => opened(cause, () => askFirst(search)),
  component: lazyRouteComponent(() => import("./pages/overview/OverviewPage"), "OverviewPage"),
});

const runs = createRoute({
  getParentRoute: () => root,
  path: "/runs",
  validateSearch: readSearch,
  beforeLoad: ({ search, cause }) => opened(cause, () => void queryClient.prefetchInfiniteQuery(runsQuery(search))),
  component: lazyRouteComponent(() => import("./pages/runs/RunsPage"), "RunsPage"),
});

const run = createRoute({
  getParentRoute: () => root,
  path: "/runs/$traceId",
  validateSearch: readRunSearch,
  beforeLoad: ({ params, search, cause }) =>
    opened(cause, () => void queryClient.prefetchQuery(runQuery(params.traceId, search.step))),
  component: lazyRouteComponent(() => import("./pages/run/RunPage"), "RunPage"),
});

const sessions = createRoute({
  getParentRoute: () => root,
  path: "/sessions",
  validateSearch: readSessionsSearch,
  component: lazyRouteComponent(() => import("./pages/sessions/SessionsPage"), "SessionsPage"),
});

const session = createRoute({
  getParentRoute: () => root,
  // A session id may hold slashes and dots, which a path would not carry safely.
  path: "/sessions/session",
  validateSearch: readSessionSearch,
  component: lazyRouteComponent(() => import("./pages/sessions/SessionPage"), "SessionPage"),
});

const issues = createRoute({
  getParentRoute: () => root,
  path: "/issues",
  validateSearch: readIssuesSearch,
  component: lazyRouteComponent(() => import("./pages/issues/IssuesPage"), "IssuesPage"),
});

const findings = createRoute({
  getParentRoute: () => root,
  path: "/findings",
  validateSearch: readFindingsSearch,
  component: lazyRouteComponent(() => import("./pages/issues/FindingsPage"), "FindingsPage"),
});

const alerts = createRoute({
  getParentRoute: () => root,
  path: "/alerts",
  validateSearch: readAlertsSearch,
  component: lazyRouteComponent(() => import("./pages/alerts/AlertsPage"), "AlertsPage"),
});

const alert = createRoute({
  getParentRoute: () => root,
  path: "/alerts/$fingerprint",
  validateSearch: readAlertSearch,
  component: lazyRouteComponent(() => import("./pages/alerts/AlertPage"), "AlertPage"),
});

const incident = createRoute({
  getParentRoute: () => root,
  path: "/incidents/$fingerprint",
  validateSearch: readIncidentSearch,
  component: lazyRouteComponent(() => import("./pages/incident/IncidentPage"), "IncidentPage"),
});

const explore = createRoute({
  getParentRoute: () => root,
  path: "/explore",
  validateSearch: readExploreSearch,
  component: lazyRouteComponent(() => import("./pages/explore/ExplorePage"), "ExplorePage"),
});

/** Where alerts' messages lead for their expression: Prometheus' address of a graph. */
const graph = createRoute({
  getParentRoute: () => root,
  path: "/graph",
  beforeLoad: ({ location }) => {
    throw redirect({ to: "/explore", search: readGraphSearch(location.search), replace: true });
  },
});

const logs = createRoute({
  getParentRoute: () => root,
  path: "/logs",
  validateSearch: readLogsSearch,
  component: lazyRouteComponent(() => import("./pages/logs/LogsPage"), "LogsPage"),
});

const deepDive = createRoute({
  getParentRoute: () => root,
  path: "/deep-dive",
  validateSearch: readOverviewSearch,
  component: lazyRouteComponent(() => import("./pages/overview/DeepDivePage"), "DeepDivePage"),
});

const sql = createRoute({
  getParentRoute: () => root,
  path: "/sql",
  validateSearch: readSqlSearch,
  component: lazyRouteComponent(() => import("./pages/sql/SqlPage"), "SqlPage"),
});

const status = createRoute({
  getParentRoute: () => root,
  path: "/status",
  component: lazyRouteComponent(() => import("./pages/status/StatusPage"), "StatusPage"),
});

const doctor = createRoute({
  getParentRoute: () => root,
  path: "/doctor",
  validateSearch: readDoctorSearch,
  component: lazyRouteComponent(() => import("./pages/doctor/DoctorPage"), "DoctorPage"),
});

const connect = createRoute({
  getParentRoute: () => root,
  path: "/connect",
  validateSearch: readConnectSearch,
  component: lazyRouteComponent(() => import("./pages/connect/ConnectPage"), "ConnectPage"),
});

const agents = createRoute({
  getParentRoute: () => root,
  path: "/agents",
  validateSearch: readFleetSearch,
  component: lazyRouteComponent(() => import("./pages/agents/AgentsPage"), "AgentsPage"),
});

const agent = createRoute({
  getParentRoute: () => root,
  // An agent's name may hold slashes, as a session id may.
  path: "/agents/agent",
  validateSearch: readAgentSearch,
  component: lazyRouteComponent(() => import("./pages/agents/AgentPage"), "AgentPage"),
});

const tools = createRoute({
  getParentRoute: () => root,
  path: "/tools",
  validateSearch: readToolsSearch,
  component: lazyRouteComponent(() => import("./pages/tools/ToolsPage"), "ToolsPage"),
});

const costs = createRoute({
  getParentRoute: () => root,
  path: "/costs",
  validateSearch: readCostsSearch,
  component: lazyRouteComponent(() => import("./pages/costs/CostsPage"), "CostsPage"),
});

const compare = createRoute({
  getParentRoute: () => root,
  path: "/compare",
  validateSearch: readCompareSearch,
  component: lazyRouteComponent(() => import("./pages/compare/ComparePage"), "ComparePage"),
});

const settingsHome = createRoute({
  getParentRoute: () => root,
  path: "/settings",
  beforeLoad: () => {
    throw redirect({ to: "/settings/$section", params: { section: "keys" }, replace: true });
  },
});

const dashboards = createRoute({
  getParentRoute: () => root,
  path: "/dashboards",
  component: lazyRouteComponent(() => import("./pages/dashboards/DashboardsPage"), "DashboardsPage"),
});

const dashboard = createRoute({
  getParentRoute: () => root,
  path: "/dashboards/$id",
  validateSearch: readDashboardSearch,
  component: lazyRouteComponent(() => import("./pages/dashboards/DashboardPage"), "DashboardPage"),
});

const settings = createRoute({
  getParentRoute: () => root,
  path: "/settings/$section",
  validateSearch: readSettingsSearch,
  component: lazyRouteComponent(() => import("./pages/settings/SettingsPage"), "SettingsPage"),
});

export const router = createRouter({
  routeTree: root.addChildren([
    home,
    overview,
    deepDive,
    logs,
    runs,
    run,
    issues,
    findings,
    incident,
    alerts,
    alert,
    sessions,
    session,
    explore,
    graph,
    compare,
    agents,
    agent,
    tools,
    costs,
    sql,
    status,
    doctor,
    connect,
    dashboards,
    dashboard,
    settingsHome,
    settings,
  ]),
  parseSearch,
  stringifySearch,
  defaultPreload: "intent",
  defaultPendingMs: 300,
  defaultPendingComponent: PagePending,
  defaultErrorComponent: PageError,
  scrollRestoration: false,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
