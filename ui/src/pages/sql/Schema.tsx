/** The views that can be asked, with their columns; a click writes the name. */
import { IconChevronRight, IconTable } from "@tabler/icons-react";
import type { SqlSchema } from "@/api/types";
import { explain, SkeletonRows } from "@/ui/States";
import classes from "./Schema.module.css";

interface Props {
  schema: SqlSchema | undefined;
  error: unknown;
  onPick: (word: string) => void;
}

export function Schema({ schema, error, onPick }: Props) {
  return (
    <aside className={classes.schema} aria-label="Views and columns">
      {schema?.views.map((view) => (
        <details key={view.name} open={view.name === "runs"}>
          <summary title={view.description}>
            <IconChevronRight size={13} stroke={2} aria-hidden className={classes.caret} />
            <IconTable size={14} stroke={1.7} aria-hidden />
            {view.name}
            <span className={classes.count}>{view.columns.length}</span>
          </summary>
          <p>{view.description}</p>
          <ul>
            {view.columns.map((column) => (
              <li key={column.name}>
                <button type="button" title={column.description} onClick={() => onPick(column.name)}>
                  <span className="cut">{column.name}</span>
                  <span className={classes.type}>{column.type}</span>
                </button>
              </li>
            ))}
          </ul>
        </details>
      ))}
      {!schema &&
        (error ? (
          <p className={classes.problem}>{explain(error, "the views").detail}</p>
        ) : (
          <SkeletonRows rows={8} height={26} />
        ))}
    </aside>
  );
}
