/** Numbers by agent, model or tool: calls, failures, latency, money, each row leading to its runs. */
import { Link } from "@tanstack/react-router";
import { compact, count, duration, sentence, usd } from "@/lib/format";
import { runsSearch } from "@/lib/overview";
import { type Ask, useAggregate } from "./ask";
import classes from "./OverviewPage.module.css";

/** Rows shown; the runs list has all. */
const ROWS = 12;

export function Breakdown({ ask, by, title }: { ask: Ask; by: "agent" | "model" | "tool"; title: string }) {
  const of = by === "agent" ? "runs" : "steps";
  const once = { overTime: false };
  const durations = useAggregate(ask, { of, by, measure: "duration_ms", quantiles: "0.5,0.95" }, once);
  const errors = useAggregate(ask, { of, by, measure: "errors" }, once);
  const costs = useAggregate(ask, { of, by, measure: "cost_usd" }, { ...once, enabled: by !== "tool" });
  const found = (rows: { by: (string | null)[]; value: number | null }[] | undefined, key: string) =>
    rows?.find((row) => row.by[0] === key)?.value;
  const rows = (durations.data?.rows ?? [])
    .flatMap((row) => (row.by[0] ? [{ ...row, key: row.by[0] }] : []))
    .sort((one, other) => other.count - one.count);
  const start = ask.time.starts[0] ?? 0;
  const search = runsSearch(ask.scope, start, start + ask.time.starts.length * ask.time.stepMs);

  return (
    <section className={classes.panel} aria-label={title}>
      <header className={classes.panelHead}>
        <h2>{title}</h2>
        {rows.length > ROWS && (
          <span className="faint">
            the busiest {ROWS} of {count(rows.length)}
          </span>
        )}
      </header>
      {durations.isError && rows.length === 0 ? (
        <p className={classes.nothing} role="alert">
          {sentence(durations.error.message)} It is asked again every few seconds.
        </p>
      ) : rows.length === 0 ? (
        <p className={classes.nothing}>{durations.isPending ? "…" : "Nothing of this in the time range."}</p>
      ) : (
        <div className={classes.tableBox}>
          {(errors.error ?? costs.error) && (
            <p className={classes.hint} role="alert">
              {errors.isError ? "Errors" : "Costs"} are not known: {(errors.error ?? costs.error)?.message}
            </p>
          )}
          <table className={classes.table}>
            <thead>
              <tr>
                <th scope="col">{title.slice(0, -1)}</th>
                <th scope="col">{by === "agent" ? "Runs" : "Calls"}</th>
                <th scope="col">Errors</th>
                <th scope="col">p50</th>
                <th scope="col">p95</th>
                {by !== "tool" && <th scope="col">Cost</th>}
              </tr>
            </thead>
            <tbody>
              {rows.slice(0, ROWS).map((row) => {
                // Who is not among the failed has none; where the question failed, nobody knows.
                const failed = errors.data && (found(errors.data.rows, row.key) ?? 0);
                return (
                  <tr key={row.key}>
                    <th scope="row">
                      <Link to="/runs" search={{ ...search, [by]: [row.key] }} className="cut">
                        {row.key}
                      </Link>
                    </th>
                    <td>{compact(row.count)}</td>
                    <td data-tone={failed ? "bad" : undefined}>{compact(failed)}</td>
                    <td>{duration(row.quantiles[0])}</td>
                    <td>{duration(row.quantiles[1])}</td>
                    {by !== "tool" && <td>{usd(found(costs.data?.rows, row.key))}</td>}
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
