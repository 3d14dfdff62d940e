/** Questions to begin with. Kept to the documented names of the views. */
export const EXAMPLES = [
  {
    title: "Runs, tokens and cost by agent",
    query: `SELECT agent,
       count(*) AS runs,
       sum(input_tokens + output_tokens) AS tokens,
       sum(cost_usd) AS cost_usd,
       avg(duration_ms) AS mean_ms
FROM runs
GROUP BY agent
ORDER BY runs DESC`,
  },
  {
    title: "Slowest tools",
    query: `SELECT tool_name,
       count(*) AS calls,
       approx_percentile_cont(duration_ms, 0.95) AS p95_ms,
       count(*) FILTER (WHERE status = 'error') AS failed
FROM spans
WHERE kind = 'tool'
GROUP BY tool_name
ORDER BY p95_ms DESC`,
  },
  {
    title: "Tokens by model",
    query: `SELECT model,
       count(*) AS calls,
       sum(input_tokens) AS input_tokens,
       sum(output_tokens) AS output_tokens
FROM spans
WHERE kind = 'llm'
GROUP BY model
ORDER BY output_tokens DESC`,
  },
  {
    title: "What fails most",
    query: `SELECT error_type, name, count(*) AS times
FROM spans
WHERE status = 'error'
GROUP BY error_type, name
ORDER BY times DESC
LIMIT 50`,
  },
];
