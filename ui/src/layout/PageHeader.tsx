/** A page's title line: what it is on the left, its controls on the right. */
import type { ReactNode } from "react";
import classes from "./PageHeader.module.css";

export function PageHeader({ title, children, note }: { title: ReactNode; note?: ReactNode; children?: ReactNode }) {
  return (
    <header className={classes.header}>
      <div className={classes.title}>
        <h1>{title}</h1>
        {note && <span className={classes.note}>{note}</span>}
      </div>
      {children && <div className={classes.tools}>{children}</div>}
    </header>
  );
}
