/** The server's limits in words: what each bounds. Pure. */
import { bytes, count } from "./format";

const WORDS: Record<string, string> = {
  max_body_bytes: "One request, unpacked",
  inflight_bytes: "Requests being received or decoded",
  intake_bytes: "Requests being read in and kept at once; further ones wait",
  connections: "Connections on all ports; further ones wait",
  open_files: "Files and connections the system allows; new connections wait",
  stalled: "Silence of a client in the middle of a request",
  requests_per_second: "Requests of one key or user",
  login_tries: "Tries to sign in by one name",
  watch_runs: "Changed runs waiting to be judged; others are found again later",
  watch_content_spans: "Spans of one run judged with what they said; further ones without",
  live_runs: "Changed runs told to open pages at once; others show at the next look",
  hot_bytes_max: "Rows in memory, not in a file yet",
  queue_bytes_max: "Requests waiting for the log",
  known_bodies_bytes_max: "Texts known to be kept already; the oldest are forgotten",
  cache_bytes: "A bucket's files kept here; others are read from it again",
  backups_max: "Backups and checks at once",
  query_bytes: "Memory of all running queries",
  run_content_bytes: "What was said in runs that are answered whole",
  full_steps_max: "Steps of a run answered with content",
  list_time: "One list, page or summary",
  search_time: "One search; what it found until then is answered",
  sql_time: "One query in SQL",
  sql_queries_max: "Queries in SQL at once",
  sql_bytes: "The text of a query in SQL",
  sql_words: "Names and operators of a query in SQL",
  aggregate_rows: "Rows of a summary",
  cost_rows_max: "Rows of an answer about cost",
  promql_time: "One query in PromQL",
  promql_samples_max: "Samples a query in PromQL reads",
  promql_series_max: "Series one selector finds",
  promql_points_max: "Points a query in PromQL computes",
  promql_steps_max: "Points of one series of an answer",
  promql_subquery_steps_max: "Steps of a query inside a query",
  promql_queries_max: "Queries in PromQL at once; further ones wait",
  series_max: "Series of one project that are written to",
  loki_scanned_max: "Log records a question of Loki's looks through",
  tempo_related_spans_max: "Spans a question of Tempo's relates",
  tempo_related_found_max: "Related spans a question of Tempo's finds",
  tempo_metrics_rows_max: "Points of an answer of Tempo's",
  alerts_max: "Alerts known at once",
  rule_alerts_max: "Alerts of one rule",
  alert_bytes_max: "Labels and annotations of an alert sent by another system",
  silences_max: "Silences that are not over",
  evidence_alerts_max: "Alerts of one evaluation that evidence is gathered for; others go without",
  evidence_time: "How long gathering evidence holds up a message; it goes with what was found",
  evidence_late_time: "How long evidence is looked for after the message; then it is left out",
  evidence_late_max: "Evaluations whose evidence is looked for late at once; others go without",
  backtest_time: "One backtest",
  backtests_max: "Backtests at once",
  backtest_samples_max: "Samples that recording rules of a backtest make",
  backtest_bytes_max: "The rules of a backtest",
  brakes_max: "Brakes in force",
  holds_max: "Holds in force",
  dashboards_max: "Dashboards of one project",
  dashboard_bytes_max: "One dashboard",
  dashboard_panels_max: "Panels of one dashboard",
  label_sets: "Sets of labels of one metric; further ones count under other",
};

/** What a limit bounds; of one that is not known here, its name as words. */
export const limitWords = (name: string): string => {
  const words = WORDS[name] ?? name.replace(/_max$/, "").replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
};

/** Plurals that lose more, or less, than an s. */
const ONE: Record<string, string> = { queries: "query", tries: "try", series: "series" };

/** How much there may be, as words. */
export function limitValue(value: number, unit: string): string {
  if (unit === "bytes") return bytes(value);
  return `${count(value)} ${value === 1 ? unit.replace(/^\w+/, (word) => ONE[word] ?? word.replace(/s$/, "")) : unit}`;
}
