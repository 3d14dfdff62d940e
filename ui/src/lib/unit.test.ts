import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readsAs, readsTogether, unitOf } from "./unit";

const P95 = "histogram_quantile(0.95, sum by (agent_id, le) (rate(agent_request_duration_seconds_bucket[5m])))";

describe("what values of an expression are", () => {
  test.each([
    [P95, { of: "seconds" }],
    [`${P95} > 5 and sum(increase(agent_request_duration_seconds_count[5m])) >= 20`, { of: "seconds" }],
    ["sum(increase(agent_llm_cost_usd_total[1h]))", { of: "dollars" }],
    ["sum(rate(agent_llm_cost_usd_total[1h])) * 3600", { of: "dollars", per: "h" }],
    ['sum(rate(a_total{status="failure", x=~"a}b"}[5m])) / sum by (x) (rate(a_total[5m]))', { of: "ratio" }],
    ["100 * sum(rate(a_total[5m])) / sum(rate(a_total[5m]))", { of: "percent" }],
    ["sum(rate(a_total[5m])) / sum(rate(a_total[5m])) * 100", { of: "percent" }],
    ["increase(run_cost_usd_sum[10m]) / increase(run_cost_usd_count[10m])", { of: "dollars" }],
    ['rate(run_duration_seconds_bucket{le="5"}[1h]) / rate(run_duration_seconds_count[1h])', { of: "ratio" }],
    ["time() - min by (workflow_name) (agent_workflow_last_step_timestamp) > 600", { of: "seconds" }],
    ["sum by (agent_id) (rate(agent_tokens_total[30m]))", { of: "tokens", per: "s" }],
    ["agent:cost_share:1h > 2 * agent:cost_share:mean7d", { of: "ratio" }],
    ["workflow:sla_broken:ratio5m", { of: "ratio" }],
    ["agent:input_tokens_per_run:avg_5m", { of: "tokens" }],
    ["count(agent_run_cost_usd_sum)", { of: "count" }],
    ["max_over_time(process_resident_memory_bytes[1h]) offset 1d", { of: "bytes" }],
    ["sum without (le) (x_seconds_sum) @ end() > 1", { of: "seconds" }],
    ["topk(3, queue_seconds)", { of: "seconds" }],
    ["up == bool 1", { of: "count" }],
  ])("%s", (query, unit) => expect(unitOf(query)).toEqual(unit));

  test("nothing is said of what cannot be read", () => {
    expect(unitOf("sum(")).toBeUndefined();
    expect(unitOf("a_seconds b")).toBeUndefined();
    expect(unitOf("a_seconds * b_seconds")).toBeUndefined();
  });
});

describe("how values read", () => {
  test.each([
    [P95, 5, 7.25, "7.25 s"],
    ["sum(rate(a_total[5m])) / sum(rate(b_total[5m]))", 0.05, 0.0312, "3.12 %"],
    // A ratio compared with more than the whole is how many times.
    ["p99_seconds / p99_seconds offset 1h", 3, 4.2, "4.2×"],
    ["sum(increase(agent_llm_cost_usd_total[1h]))", 10, 12.5, "$12.50"],
    ["sum(increase(agent_tokens_total[1h]))", 1e6, 1_250_000, "1.25M tokens"],
    ["sum(rate(agent_tokens_total[1h]))", 1e6, 90, "90 tokens/s"],
    ["sum(agent_active_workflows)", 1000, 3, "3"],
  ])("%s", (query, threshold, value, text) => expect(readsAs(query, threshold)(value)).toBe(text));

  test("what is not there stays a dash", () => expect(readsAs(P95)(null)).toBe("–"));
});

/** Rules of the packs say in their own words what their value is. */
const SAYS = [
  [/\{\{ \$value \| humanizePercentage \}\}/, ["ratio"]],
  [/\{\{ \$value \| humanizeDuration \}\}/, ["seconds"]],
  [/\$\{\{ \$value/, ["dollars"]],
  [/\{\{ \$value \| humanize \}\} (?:\w+ )?tokens/, ["tokens"]],
] as const;

describe("the rules that come with the program", () => {
  const folder = join(import.meta.dirname, "../../../rules");
  const rules = ["watch", "checklist"].flatMap((pack) =>
    readdirSync(join(folder, pack)).flatMap((file) =>
      readFileSync(join(folder, pack, file), "utf8")
        .split(/^ +- (?=alert:|record:)/m)
        .filter((rule) => rule.startsWith("alert:"))
        .map((rule) => ({
          name: /^alert: (\S+)/.exec(rule)![1]!,
          query: /expr: (?:[|>]-?\n)?([\s\S]*?)\n +(?:for|labels|annotations|keep_firing_for):/.exec(rule)![1]!,
          description: /description: (.*)/.exec(rule)?.[1] ?? "",
        })),
    ),
  );

  test("are all understood", () => {
    expect(rules.length).toBeGreaterThan(40);
    expect(rules.filter(({ query }) => unitOf(query) === undefined).map(({ name }) => name)).toEqual([]);
  });

  test("read in the unit of their own words", () => {
    const told = rules.flatMap(({ name, query, description }) => {
      const found = SAYS.find(([words]) => words.test(description));
      return found ? [[name, unitOf(query)?.of, found[1][0]]] : [];
    });
    expect(told.length).toBeGreaterThan(25);
    expect(told.filter(([, unit, words]) => unit !== words)).toEqual([]);
  });
});

test("several expressions have a unit where it is the same", () => {
  const [runs, tokens] = ["rate(agent_requests_total[5m])", "rate(agent_tokens_total[5m])"];
  expect(readsTogether([runs!, `sum(${runs})`])(1.5)).toBe("1.5/s");
  expect(readsTogether([runs!, tokens!])(1.5)).toBe("1.5");
});
