/** Which pages `shots.ts` takes pictures of: every route, in every view, of whatever the server under test has. */
import type { Page } from "playwright-core";
import type { Run, RunAnswer, RunsAnswer } from "@/api/types";
import { SECTIONS } from "@/lib/settings";
import { ask } from "./browser";

export interface Shot {
  name: string;
  path: string;
  /** What is done on the page before the picture. */
  act?: (page: Page) => Promise<unknown>;
  /** Taken of another server: one without data, one that asks who you are. */
  of?: "empty" | "locked";
  /** Answers of the server that are made to fail. */
  failing?: RegExp;
}

const most = <T>(rows: T[], score: (row: T) => number): T | undefined =>
  rows.reduce<T | undefined>((best, row) => (best && score(best) >= score(row) ? best : row), undefined);

/** An answer, or nothing: a server without (say) alerts still has pages. */
const asked = <T>(path: string): Promise<Partial<T>> => ask<T>(path).catch(() => ({}));

const SQL =
  "SELECT agent, count(*) AS runs, sum(input_tokens + output_tokens) AS tokens, avg(duration_ms) AS mean_ms FROM runs GROUP BY agent ORDER BY runs DESC";
const PROMQL = "sum by (agent_id) (rate(agent_requests_total[15m]))";

const q = encodeURIComponent;
const press = (keys: string) => (page: Page) => page.keyboard.press(keys);

export async function shotPages(): Promise<Shot[]> {
  const { runs = [] } = await asked<RunsAnswer>("/api/v1/runs?limit=300&from=30d");
  const kinds = (run: Run) => Object.keys(run.steps_by_kind).length;
  const rich = most(runs, (run) => kinds(run) * 20 + Math.min(run.steps, 24) + run.agents.length * 5);
  const { runs: failures = [] } = await asked<RunsAnswer>("/api/v1/runs?status=error&limit=100&from=30d");
  const failed = most(failures, (run) => Math.min(run.steps, 20)) ?? rich;
  const twin = runs.find((run) => run.name === failed?.name && run.status === "ok" && run.trace_id !== failed.trace_id);
  const steps = rich ? ((await asked<RunAnswer>(`/api/v1/runs/${rich.trace_id}?content=none`)).steps ?? []) : [];
  const llm = steps.filter((step) => step.kind === "llm").at(-1)?.span_id;
  const tool = steps.find((step) => step.kind === "tool")?.span_id;
  const found = steps.find((step) => step.kind === "retriever")?.span_id;
  const { alerts = [] } = await asked<{ alerts: { fingerprint: string; state: string }[] }>("/api/v1/alerts");
  const alert = alerts.find((each) => each.state === "firing") ?? alerts[0];
  const { issues = [] } = await asked<{ issues: { fingerprint: string; runs: number; agent?: string | null }[] }>(
    "/api/v1/issues?limit=100",
  );
  const issue = most(issues, (each) => each.runs);
  const { dashboards = [] } = await asked<{ dashboards: { id: string }[] }>("/api/v1/dashboards");
  const { groups = [] } = await asked<{ groups: { rules: { name: string }[] }[] }>("/api/v1/rules");
  const rule = groups.flatMap((group) => group.rules)[0]?.name;
  const names = new Set(runs.flatMap((run) => run.agents.map((each) => each.agent)));
  const agent = most([...names], (name) => runs.filter((run) => run.agents.some((each) => each.agent === name)).length);
  const run = rich ? `/runs/${rich.trace_id}` : "/runs";
  const session = rich?.session_id ?? runs.find((each) => each.session_id)?.session_id;

  const shots: Shot[] = [
    { name: "overview", path: "/overview?from=3h" },
    { name: "deep-dive", path: "/deep-dive?from=3h" },
    { name: "deep-dive-versus", path: "/deep-dive?from=1h&vs=1d" },
    { name: "runs", path: "/runs" },
    { name: "runs-filtered", path: "/runs?status=error&from=24h" },
    { name: "runs-peek", path: rich ? `/runs?peek=${rich.trace_id}` : "/runs" },
    { name: "runs-none", path: "/runs?q=nothing-says-this" },
    { name: "run", path: llm ? `${run}?step=${llm}` : run },
    { name: "run-tool", path: tool ? `${run}?step=${tool}` : run },
    { name: "run-failed", path: failed ? `/runs/${failed.trace_id}` : "/runs" },
    { name: "run-path", path: `${run}?path=true` },
    { name: "run-playback", path: `${run}?at=${Math.round((rich?.duration_ms ?? 0) / 2)}` },
    { name: "run-retrieval", path: found ? `${run}?step=${found}` : run },
    { name: "run-attributes", path: llm ? `${run}?step=${llm}&tab=attributes` : run },
    { name: "run-step-raw", path: llm ? `${run}?step=${llm}&tab=raw` : run },
    { name: "run-transcript", path: `${run}?view=transcript` },
    { name: "run-agents", path: `${run}?view=agents` },
    { name: "run-logs", path: `${run}?view=logs` },
    { name: "run-raw", path: `${run}?view=raw` },
    { name: "run-unknown", path: "/runs/00000000000000000000000000000001" },
    { name: "compare", path: failed && twin ? `/compare?a=${twin.trace_id}&b=${failed.trace_id}` : "/compare" },
    { name: "compare-usual", path: failed ? `/compare?a=${failed.trace_id}` : "/compare" },
    { name: "compare-first", path: "/compare" },
    {
      name: "compare-many",
      path: `/compare?${runs
        .slice(0, 6)
        .map((each, at) => `${["a", "b"][at] ?? "more"}=${each.trace_id}`)
        .join("&")}`,
    },
    { name: "sessions", path: "/sessions" },
    { name: "session", path: session ? `/sessions/session?id=${q(session)}` : "/sessions" },
    { name: "agents", path: "/agents?from=3h" },
    { name: "agent", path: agent ? `/agents/agent?name=${q(agent)}&from=3h` : "/agents" },
    { name: "tools", path: "/tools?from=3h" },
    { name: "tool", path: "/tools?from=3h", act: (page) => page.locator("table a").first().click({ timeout: 4000 }) },
    { name: "costs", path: "/costs?from=24h" },
    { name: "issues", path: "/issues" },
    { name: "issue", path: issue ? `/issues?issue=${issue.fingerprint}` : "/issues" },
    { name: "findings", path: "/findings" },
    { name: "incident", path: issue ? `/incidents/${issue.fingerprint}` : "/issues" },
    { name: "alerts", path: "/alerts" },
    { name: "alerts-rules", path: "/alerts?view=rules" },
    { name: "alerts-rule", path: rule ? `/alerts?view=rules&rule=${q(rule)}` : "/alerts?view=rules" },
    { name: "alerts-history", path: "/alerts?view=history" },
    { name: "alerts-silences", path: "/alerts?view=silences" },
    { name: "alerts-silence", path: `/alerts?view=silences&silence=${q('alertname="E2eRunsFail"')}` },
    { name: "alerts-review", path: "/alerts?view=review" },
    { name: "alerts-backtest", path: rule ? `/alerts?view=backtest&rule=${q(rule)}` : "/alerts?view=backtest" },
    { name: "alert", path: alert ? `/alerts/${alert.fingerprint}` : "/alerts" },
    { name: "logs", path: "/logs?from=3h" },
    { name: "explore", path: `/explore?from=3h&expr=${q(PROMQL)}` },
    { name: "explore-table", path: `/explore?mode=table&expr=${q(PROMQL)}` },
    { name: "explore-first", path: "/explore" },
    { name: "sql", path: `/sql?q=${q(SQL)}` },
    { name: "sql-chart", path: `/sql?as=chart&q=${q(SQL)}` },
    { name: "sql-wrong", path: `/sql?q=${q("SELECT agnt FROM runs")}` },
    { name: "dashboards", path: "/dashboards" },
    { name: "dashboard", path: dashboards[0] ? `/dashboards/${dashboards[0].id}` : "/dashboards" },
    { name: "dashboard-edit", path: dashboards[0] ? `/dashboards/${dashboards[0].id}?edit=yes` : "/dashboards" },
    { name: "doctor", path: "/doctor?from=7d" },
    { name: "doctor-empty", path: "/doctor?of=nobody" },
    { name: "status", path: "/status" },
    {
      name: "status-store",
      path: "/status",
      act: (page) =>
        page.getByRole("heading", { name: "Store", exact: true }).evaluate((store) => store.scrollIntoView()),
    },
    ...SECTIONS.map(([section]) => ({ name: `settings-${section}`, path: `/settings/${section}` })),
    { name: "settings-audit-agents", path: "/settings/audit?of=agents" },
    { name: "connect", path: "/connect" },
    { name: "connect-framework", path: "/connect?framework=claude-code" },
    { name: "palette", path: "/overview?from=3h", act: press("Control+k") },
    { name: "help", path: "/overview?from=3h", act: press("?") },
    { name: "nowhere", path: "/nowhere" },
    { name: "error", path: "/runs", failing: /\/api\/v1\/runs/ },
    { name: "error-overview", path: "/overview", failing: /\/api\/v1\/(aggregate|summary|checklist)/ },
  ];
  const first = ["overview", "runs", "sessions", "agents", "tools", "costs", "dashboards", "alerts", "issues", "logs"];
  for (const page of [...first, "findings", "deep-dive", "sql", "explore", "connect"])
    shots.push({ name: `empty-${page}`, path: `/${page}`, of: "empty" });
  shots.push({ name: "sign-in", path: "/overview", of: "locked" });
  return shots;
}
