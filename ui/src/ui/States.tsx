/** What a page shows when it has nothing to show: loading, nothing there, or something went wrong. */
import { Button, Loader } from "@mantine/core";
import { IconAlertTriangle, IconLock, IconMoonStars } from "@tabler/icons-react";
import type { ErrorComponentProps } from "@tanstack/react-router";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { ApiError, UnreachableError } from "@/api/client";
import { sentence } from "@/lib/format";
import { Said } from "./Said";
import classes from "./States.module.css";

interface StateProps {
  title: string;
  children?: ReactNode;
  action?: ReactNode;
  icon?: ReactNode;
  /** It is the whole page: the title is the page's. */
  page?: boolean;
}

export function Empty({ title, children, action, icon, page }: StateProps) {
  const Heading = page ? "h1" : "h2";
  return (
    <div className={classes.state}>
      <div className={classes.icon}>{icon ?? <IconMoonStars size={26} stroke={1.4} aria-hidden />}</div>
      <Heading>{title}</Heading>
      {children && <div className={classes.words}>{children}</div>}
      {action && <div className={classes.action}>{action}</div>}
    </div>
  );
}

interface ErrorProps {
  error: unknown;
  /** What could not be shown: "the runs". */
  what: string;
  onRetry?: () => void;
  /** Another way on. */
  action?: ReactNode;
  page?: boolean;
}

/** An error in words, with what to do about it. */
export function ErrorState({ error, what, onRetry, action, page }: ErrorProps) {
  const Heading = page ? "h1" : "h2";
  const { title, detail } = explain(error, what);
  // What somebody may not see is no fault, and asking again changes nothing.
  const closed = error instanceof ApiError && error.status === 403;
  const again = closed ? undefined : onRetry;
  return (
    <div className={classes.state} role="alert">
      <div className={classes.icon} data-error={!closed || undefined}>
        {closed ? (
          <IconLock size={26} stroke={1.4} aria-hidden />
        ) : (
          <IconAlertTriangle size={26} stroke={1.5} aria-hidden />
        )}
      </div>
      <Heading>{title}</Heading>
      <div className={classes.words}>
        <Said text={sentence(detail)} />
      </div>
      {(again || action) && (
        <div className={classes.action}>
          {again && (
            <Button variant="default" onClick={again}>
              Try again
            </Button>
          )}
          {action}
        </div>
      )}
    </div>
  );
}

/** Title and detail of a failure: the server's own words where it gave some. */
export function explain(error: unknown, what: string): { title: string; detail: string } {
  if (error instanceof ApiError) return { title: error.title, detail: error.message };
  if (error instanceof UnreachableError) {
    return { title: `Cannot load ${what}`, detail: "The server does not answer. It is asked again by itself." };
  }
  return { title: `Cannot load ${what}`, detail: error instanceof Error ? error.message : String(error) };
}

/** Grey lines in the shape of rows, so that nothing jumps when the rows come. */
export function SkeletonRows({ rows = 12, height = 34 }: { rows?: number; height?: number }) {
  return (
    <div className={classes.skeleton} role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, at) => (
        <div key={at} style={{ height }}>
          <span style={{ width: `${18 + ((at * 37) % 23)}%` }} />
          <span style={{ width: `${22 + ((at * 53) % 40)}%` }} />
        </div>
      ))}
    </div>
  );
}

export const PagePending = () => (
  <div className={classes.pending} role="status" aria-label="Loading">
    <Loader size={22} type="dots" />
  </div>
);

export const NotFound = () => (
  <Empty page title="There is no such page" action={<Link to="/runs">Go to the runs</Link>}>
    The address may be mistyped, or from another version of Tawny.
  </Empty>
);

export function PageError({ error, reset }: ErrorComponentProps) {
  // After an update of the server, a page's old code is gone: loading the page anew brings the new one.
  const stale = /dynamically imported module|Importing a module script/i.test(String(error));
  return (
    <ErrorState
      page
      error={stale ? new Error("Tawny was updated or does not answer. Load the page again.") : error}
      what="this page"
      onRetry={stale ? () => window.location.reload() : reset}
    />
  );
}
