/** Queries to begin with, over the series that are counted of runs. */
export const EXAMPLES: { title: string; queries: string[] }[] = [
  {
    title: "Runs a minute, by agent",
    queries: ["sum by (agent_id) (rate(agent_requests_total[5m])) * 60"],
  },
  {
    title: "Share of runs that fail, by agent",
    queries: [
      'sum by (agent_id) (rate(agent_requests_total{status="failure"}[5m])) / sum by (agent_id) (rate(agent_requests_total[5m]))',
    ],
  },
  {
    title: "How long runs take: p50, p95, p99",
    queries: ["0.5", "0.95", "0.99"].map(
      (quantile) => `histogram_quantile(${quantile}, sum by (le) (rate(agent_request_duration_seconds_bucket[5m])))`,
    ),
  },
  {
    title: "The slowest tools, p95 in seconds",
    queries: [
      "topk(5, histogram_quantile(0.95, sum by (le, tool_name) (rate(agent_tool_duration_seconds_bucket[15m]))))",
    ],
  },
  {
    title: "Dollars an hour, by agent",
    queries: ["sum by (agent_id) (rate(agent_llm_cost_usd_total[15m])) * 3600"],
  },
  {
    title: "Tokens a minute, by model",
    queries: ["sum by (model) (rate(agent_tokens_total[5m])) * 60"],
  },
  {
    title: "What detectors find",
    queries: ["sum by (detector) (increase(agent_findings_total[1h]))"],
  },
];
