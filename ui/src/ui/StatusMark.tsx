/** How a run or step stands. Success is quiet; failure and running are not. */
import { IconAlertTriangleFilled, IconCheck, IconMoonStars } from "@tabler/icons-react";
import type { RunStatus } from "@/api/types";
import classes from "./StatusMark.module.css";

export const STATUS_LABEL: Record<RunStatus, string> = {
  ok: "Completed",
  error: "Failed",
  running: "Running",
  abandoned: "Abandoned",
};

export function StatusMark({ status, size = 15 }: { status: RunStatus; size?: number }) {
  return (
    <span className={classes.mark} data-status={status} title={STATUS_LABEL[status]}>
      <Glyph status={status} size={size} />
      <span className="sr">{STATUS_LABEL[status]}</span>
    </span>
  );
}

export function StatusBadge({ status }: { status: RunStatus }) {
  return (
    <span className={classes.badge} data-status={status}>
      <Glyph status={status} size={13} />
      {STATUS_LABEL[status]}
    </span>
  );
}

function Glyph({ status, size }: { status: RunStatus; size: number }) {
  switch (status) {
    case "ok":
      return <IconCheck size={size} stroke={2} aria-hidden />;
    case "error":
      return <IconAlertTriangleFilled size={size} aria-hidden />;
    case "running":
      return <span className={classes.pulse} aria-hidden />;
    case "abandoned":
      return <IconMoonStars size={size} stroke={1.8} aria-hidden />;
  }
}
