/** Log records by time, each with its attributes one click away. */
import { TextInput } from "@mantine/core";
import { IconArrowRight, IconChevronRight, IconSearch } from "@tabler/icons-react";
import { useState } from "react";
import type { LogRecord } from "@/api/types";
import { clock, compact, duration, parse } from "@/lib/format";
import { inline, isBlank } from "@/lib/json";
import { JsonView } from "@/ui/JsonView";
import { Empty, ErrorState, SkeletonRows } from "@/ui/States";
import { AnyValue } from "@/ui/TextBlock";
import classes from "./LogsView.module.css";

/** Records shown before asking for more. */
const CHUNK = 500;
/** Below this many a search field would be noise. */
const MANY = 8;

interface Props {
  logs: LogRecord[] | undefined;
  error?: unknown;
  onRetry?: () => void;
  /** Times are shown from here. */
  start: string;
  onStep?: (spanId: string) => void;
}

export function LogsView({ logs, error, onRetry, start, onStep }: Props) {
  const [find, setFind] = useState("");
  const [limit, setLimit] = useState(CHUNK);
  if (!logs) return error ? <ErrorState error={error} what="the logs" onRetry={onRetry} /> : <SkeletonRows rows={8} />;
  if (logs.length === 0) {
    return (
      <Empty title="No logs">
        Log records that carry this run's trace id appear here. OpenTelemetry's logging handlers add it by themselves.
      </Empty>
    );
  }
  const needle = find.trim().toLowerCase();
  const shown = needle ? logs.filter((log) => matches(log, needle)) : logs;
  return (
    <div className={classes.view}>
      {logs.length > MANY && (
        <div className={classes.tools}>
          <TextInput
            aria-label="Search logs"
            placeholder="Search logs"
            leftSection={<IconSearch size={14} stroke={1.8} />}
            value={find}
            onChange={(event) => setFind(event.currentTarget.value)}
          />
        </div>
      )}
      <ul className={classes.list}>
        {shown.slice(0, limit).map((log, at) => (
          <Row key={at} log={log} start={start} onStep={onStep} />
        ))}
      </ul>
      {shown.length === 0 && <Empty title="No log matches" />}
      {shown.length > limit && (
        <button type="button" className={classes.more} onClick={() => setLimit(limit + CHUNK)}>
          {compact(shown.length - limit)} more
        </button>
      )}
    </div>
  );
}

const matches = (log: LogRecord, needle: string) =>
  `${log.severity_text} ${log.event_name ?? ""} ${log.service ?? ""} ${inline(log.body)} ${inline(log.attributes)}`
    .toLowerCase()
    .includes(needle);

/** OTLP severity numbers by their names. */
function level(severity: number): "trace" | "debug" | "info" | "warn" | "error" {
  if (severity >= 17) return "error";
  if (severity >= 13) return "warn";
  if (severity >= 9 || severity === 0) return "info";
  return severity >= 5 ? "debug" : "trace";
}

function Row({ log, start, onStep }: { log: LogRecord; start: string; onStep?: (spanId: string) => void }) {
  const [open, setOpen] = useState(false);
  const offset = (parse(log.time) ?? 0) - (parse(start) ?? 0);
  const text = isBlank(log.body) ? "" : inline(log.body);
  return (
    <li className={classes.row} data-level={level(log.severity)}>
      <div className={classes.line}>
        <button type="button" className={classes.open} aria-expanded={open} onClick={() => setOpen(!open)}>
          <IconChevronRight size={12} stroke={2.2} aria-hidden data-open={open || undefined} />
          <span className="faint tnum" title={clock(log.time)}>
            {offset >= 0 ? `+${duration(offset)}` : clock(log.time)}
          </span>
          <span className={classes.level}>{log.severity_text || "unset"}</span>
          <span className="cut">
            {log.event_name && <span className={classes.event}>{log.event_name}</span>} {text}
          </span>
        </button>
        {onStep && log.span_id && (
          <button
            type="button"
            className={classes.step}
            aria-label="Open the step"
            title="Open the step"
            onClick={() => onStep(log.span_id!)}
          >
            <IconArrowRight size={14} stroke={1.8} />
          </button>
        )}
      </div>
      {open && (
        <div className={classes.detail}>
          {!isBlank(log.body) && <AnyValue value={log.body} />}
          <JsonView value={{ service: log.service, time: log.time, span_id: log.span_id, ...log.attributes }} />
        </div>
      )}
    </li>
  );
}
