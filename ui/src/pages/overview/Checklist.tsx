/** The production monitoring checklist: nineteen rows, each with its value, baseline, threshold and state now. */
import { Tooltip } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { checklistQuery } from "@/api/queries";
import { amount, runsOf, stateOf } from "@/lib/checklist";
import { ErrorState, SkeletonRows } from "@/ui/States";
import { REFRESH_MS } from "./ask";
import classes from "./Checklist.module.css";
import { PanelHead } from "./Panel";

export function Checklist() {
  const { data, error, refetch } = useQuery({ ...checklistQuery, refetchInterval: REFRESH_MS });
  const beyond = data?.rows.filter((row) => row.state === "beyond").length ?? 0;
  return (
    <section className={classes.panel} aria-label="Checklist">
      <PanelHead
        title={`Checklist${data ? `: ${beyond === 0 ? "nothing beyond its threshold" : `${beyond} beyond ${beyond === 1 ? "its threshold" : "their thresholds"}`}` : ""}`}
        about="What every production agent system should track, now. Each row shows the agent, model or tool that is closest to its threshold."
      />
      {!data ? (
        error ? (
          <ErrorState error={error} what="the checklist" onRetry={() => void refetch()} />
        ) : (
          <SkeletonRows rows={10} height={26} />
        )
      ) : (
        <div className={classes.columns}>
          {[data.rows.slice(0, 10), data.rows.slice(10)].map((rows) => (
            <table key={rows[0]?.metric} className={classes.table}>
              <thead>
                <tr>
                  <th scope="col">Metric</th>
                  <th scope="col">Of</th>
                  <th scope="col">Now</th>
                  <th scope="col">7 days</th>
                  <th scope="col">Threshold</th>
                  <th scope="col">State</th>
                </tr>
              </thead>
              <tbody>
                {rows.map((row) => {
                  const state = stateOf(row);
                  const named = Object.entries(row.labels).filter(([name]) => name !== "project");
                  const of = named.map(([, value]) => value).join(", ");
                  return (
                    <tr key={row.metric} data-state={row.state}>
                      <th scope="row">
                        <Tooltip label={row.why}>
                          <Link to="/runs" search={runsOf(row)}>
                            {row.metric}
                          </Link>
                        </Tooltip>
                        {of && <span className={`${classes.of} cut`}>{of}</span>}
                      </th>
                      <td title={of}>
                        <span className="cut">{of}</span>
                      </td>
                      <td>
                        {amount(row.value, row.unit)}
                        {row.baseline !== null && (
                          <span className={classes.baseline}>7 d {amount(row.baseline, row.unit)}</span>
                        )}
                      </td>
                      <td>{amount(row.baseline, row.unit)}</td>
                      <td>
                        {row.threshold === null ? "–" : `${row.above ? "> " : "< "}${amount(row.threshold, row.unit)}`}
                      </td>
                      <td>
                        {row.alert ? (
                          <a href={`/runbooks/${row.alert}`} title={`${state.hint} Runbook`} data-tone={state.tone}>
                            {state.label}
                          </a>
                        ) : (
                          <span title={state.hint} data-tone={state.tone}>
                            {state.label}
                          </span>
                        )}
                      </td>
                    </tr>
                  );
                })}
              </tbody>
            </table>
          ))}
        </div>
      )}
    </section>
  );
}
