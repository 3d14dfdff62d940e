/** What pages of numbers are made of: the page itself, panels, a row of figures, tables that can be sorted. */
import { Tooltip } from "@mantine/core";
import { IconInfoCircle } from "@tabler/icons-react";
import type { CSSProperties, ReactNode } from "react";
import { PageHeader } from "@/layout/PageHeader";
import classes from "./Board.module.css";

export { classes as board };

interface PageProps {
  title: ReactNode;
  note?: ReactNode;
  /** Controls at the right of the title. */
  tools?: ReactNode;
  /** Below the title and above what scrolls. */
  tabs?: ReactNode;
  children: ReactNode;
}

export function BoardPage({ title, note, tools, tabs, children }: PageProps) {
  return (
    <div className={classes.page}>
      <PageHeader title={title} note={note}>
        {tools}
      </PageHeader>
      {tabs}
      <div className={classes.body}>{children}</div>
    </div>
  );
}

export const Grid = ({ children }: { children: ReactNode }) => <div className={classes.grid}>{children}</div>;

interface PanelProps {
  title: string;
  /** What it shows, for the one who wonders. */
  about?: string;
  /** Of twelve columns. */
  span?: number;
  tools?: ReactNode;
  children: ReactNode;
}

export function BoardPanel({ title, about, span = 12, tools, children }: PanelProps) {
  return (
    <section className={classes.panel} style={{ "--span": span } as CSSProperties} aria-label={title}>
      <header className={classes.head}>
        <h2>{title}</h2>
        {about && <About title={title} about={about} />}
        {tools && <div className={classes.headTools}>{tools}</div>}
      </header>
      {children}
    </section>
  );
}

export const About = ({ title, about }: { title: string; about: string }) => (
  <Tooltip label={about} events={{ hover: true, focus: true, touch: true }} multiline maw={340}>
    <button type="button" className={classes.about} aria-label={`About ${title}: ${about}`}>
      <IconInfoCircle size={14} stroke={1.7} aria-hidden />
    </button>
  </Tooltip>
);

export const Nothing = ({ children }: { children: ReactNode }) => <div className={classes.nothing}>{children}</div>;

export const Figures = ({ children, label }: { children: ReactNode; label: string }) => (
  <dl className={classes.figures} aria-label={label}>
    {children}
  </dl>
);

export type Tone = "good" | "warn" | "bad";

interface FigureProps {
  name: string;
  value: ReactNode;
  note?: ReactNode;
  tone?: Tone;
}

export const Figure = ({ name, value, note, tone }: FigureProps) => (
  <div className={classes.figure}>
    <dt>{name}</dt>
    <dd>
      <div className={classes.value} data-tone={tone}>
        {value}
      </div>
      <div className={classes.note}>{note}</div>
    </dd>
  </div>
);

/** How much of something is used. */
export const Meter = ({ percent, label, tone }: { percent: number; label: string; tone?: Tone }) => (
  <span className={classes.meter} data-tone={tone} role="img" aria-label={label}>
    <span style={{ width: `${Math.max(0, Math.min(100, percent))}%` }} />
  </span>
);

export const Chips = ({ of }: { of: string[] }) => (
  <span className={classes.chips}>
    {of.map((each) => (
      <span key={each} className={`${classes.chip} cut`} title={each}>
        {each}
      </span>
    ))}
  </span>
);

export interface Column<T> {
  key: string;
  name: string;
  /** The name is only read aloud, not shown: the cells speak for themselves. */
  silent?: boolean;
  cell: (row: T) => ReactNode;
  /** What it is sorted by; a column without it cannot be. Unknown values come last. */
  sort?: (row: T) => number | string | null | undefined;
  left?: boolean;
  /** Takes the space that is left, and cuts what does not fit. */
  wide?: boolean;
  tone?: (row: T) => Tone | undefined;
  /** Left out where there is no room for all: what it says is the least. */
  roomy?: boolean;
}

interface TableProps<T> {
  label: string;
  columns: Column<T>[];
  rows: T[];
  rowKey: (row: T) => string;
  /** A column's key, with `-` in front for the largest first. */
  sort?: string;
  onSort?: (sort: string) => void;
  selected?: (row: T) => boolean;
  empty?: ReactNode;
}

/** Rows in the order that `sort` says. */
export function sorted<T>(rows: T[], columns: Column<T>[], sort: string | undefined): T[] {
  const by = columns.find((column) => column.key === sort?.replace(/^-/, ""))?.sort;
  if (!by) return rows;
  const sign = sort?.startsWith("-") ? -1 : 1;
  return [...rows].sort((one, other) => {
    const [a, b] = [by(one), by(other)];
    if (a == null || b == null) return a == null ? (b == null ? 0 : 1) : -1;
    return sign * (typeof a === "string" ? a.localeCompare(String(b)) : a - Number(b));
  });
}

export function Table<T>({ label, columns, rows, rowKey, sort, onSort, selected, empty }: TableProps<T>) {
  if (rows.length === 0) return <Nothing>{empty ?? "Nothing of this in the time range."}</Nothing>;
  const order = (column: Column<T>) =>
    sort === column.key ? "ascending" : sort === `-${column.key}` ? "descending" : "none";
  return (
    // A group rather than a landmark: the panel around it is one, often of the same name.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
    <div className={classes.scroll} role="group" aria-label={label} tabIndex={0}>
      <table className={classes.table}>
        <caption className="sr">{label}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th
                key={column.key}
                scope="col"
                data-left={column.left || undefined}
                data-wide={column.wide || undefined}
                data-roomy={column.roomy || undefined}
                aria-sort={column.sort && onSort ? order(column) : undefined}
              >
                {column.sort && onSort ? (
                  <button
                    type="button"
                    className={classes.sort}
                    onClick={() => onSort(sort === `-${column.key}` ? column.key : `-${column.key}`)}
                  >
                    {column.name}
                    <span aria-hidden>
                      {order(column) === "descending" ? " ↓" : order(column) === "ascending" ? " ↑" : ""}
                    </span>
                  </button>
                ) : column.silent ? (
                  <span className="sr">{column.name}</span>
                ) : (
                  column.name
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted(rows, columns, sort).map((row) => (
            <tr key={rowKey(row)} data-selected={selected?.(row) || undefined}>
              {columns.map((column, at) => {
                const look = {
                  "data-left": column.left || undefined,
                  "data-wide": column.wide || undefined,
                  "data-roomy": column.roomy || undefined,
                  "data-tone": column.tone?.(row),
                };
                return at === 0 ? (
                  <th key={column.key} scope="row" {...look} className={column.wide ? "cut" : undefined}>
                    {column.cell(row)}
                  </th>
                ) : (
                  <td key={column.key} {...look} className={column.wide ? "cut" : undefined}>
                    {column.cell(row)}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
