/** Titled parts of a tab, open or folded. */
import { IconChevronRight } from "@tabler/icons-react";
import type { ReactNode } from "react";
import classes from "./tabs.module.css";

export function Section({ title, note, children }: { title: ReactNode; note?: ReactNode; children: ReactNode }) {
  return (
    <section className={classes.section}>
      <h3>
        {title}
        {note && <span className="faint">{note}</span>}
      </h3>
      {children}
    </section>
  );
}

export function Fold({ title, note, children }: { title: ReactNode; note?: ReactNode; children: ReactNode }) {
  return (
    <details className={classes.fold}>
      <summary>
        <IconChevronRight size={13} stroke={2} aria-hidden />
        <span>{title}</span>
        {note && <span className="cut faint">{note}</span>}
      </summary>
      <div>{children}</div>
    </details>
  );
}
