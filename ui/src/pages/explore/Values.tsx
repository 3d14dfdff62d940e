/** A query at one moment: a row for each series, its labels in columns. */

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { instantQuery } from "@/api/promql";
import { absolute, count, plural } from "@/lib/format";
import { csv } from "@/lib/json";
import { significant } from "@/lib/locale";
import { valueRows } from "@/lib/promql";
import { CopyButton } from "@/ui/CopyButton";
import { Empty, SkeletonRows } from "@/ui/States";
import classes from "./Explore.module.css";
import { Failure, Remarks } from "./Failure";

/** Rows shown. */
const ROWS = 500;

export function Values({ name, query, time }: { name: string | undefined; query: string; time: number | undefined }) {
  const answer = useQuery({ ...instantQuery(query, time), refetchInterval: time === undefined ? 15_000 : false });
  const rows = useMemo(() => (answer.data ? valueRows(answer.data.data) : []), [answer.data]);
  const labels = useMemo(() => [...new Set(rows.flatMap((row) => Object.keys(row.metric)))].sort(), [rows]);
  if (answer.isError) return <Failure name={name} error={answer.error} />;
  if (answer.isPending) return <SkeletonRows rows={6} height={28} />;
  const table = () =>
    csv(
      [...labels, "value"],
      rows.map((row) => [...labels.map((label) => row.metric[label] ?? ""), row.text]),
    );
  return (
    <section className={classes.graph} aria-label={name ? `Values of ${name}` : "Values"}>
      <Remarks all={answer.data.warnings} />
      {rows.length === 0 ? (
        <Empty title="No series">Nothing has the labels that are asked for at this moment.</Empty>
      ) : (
        <>
          <p className={classes.note}>
            {name && <strong>{name} </strong>}
            {plural(rows.length, "series", "series")}
            {rows.length > ROWS && `, the ${count(ROWS)} highest`}
            {time === undefined ? " now" : ` at ${absolute(new Date(time).toISOString(), "second")}`}
            <CopyButton text={table} label="Copy as CSV" />
          </p>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
          <div className={classes.tableBox} tabIndex={0}>
            <table className={classes.valuesTable}>
              <thead>
                <tr>
                  {labels.map((label) => (
                    <th key={label} scope="col">
                      {label === "__name__" ? "name" : label}
                    </th>
                  ))}
                  <th scope="col">Value</th>
                </tr>
              </thead>
              <tbody>
                {rows.slice(0, ROWS).map((row) => (
                  <tr key={JSON.stringify(row.metric)}>
                    {labels.map((label) => (
                      <td key={label}>{row.metric[label]}</td>
                    ))}
                    <td>{row.value === null ? row.text : significant(row.value, 8)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
    </section>
  );
}
