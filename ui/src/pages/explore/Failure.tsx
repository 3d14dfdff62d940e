/** What is wrong with a query, and what the evaluator remarks about one that works. */
import { explain } from "@/ui/States";
import classes from "./Explore.module.css";

export function Failure({ name, error }: { name: string | undefined; error: unknown }) {
  const { title, detail } = explain(error, "the answer");
  return (
    <div className={classes.failure} role="alert">
      <strong>{name ? `${name}: ${title}` : title}</strong>
      <pre>{detail}</pre>
    </div>
  );
}

export function Remarks({ all }: { all: string[] }) {
  const remarks = [...new Set(all)];
  if (remarks.length === 0) return null;
  return (
    <ul className={classes.remarks} role="status">
      {remarks.slice(0, 6).map((remark) => (
        <li key={remark}>{remark}</li>
      ))}
    </ul>
  );
}
