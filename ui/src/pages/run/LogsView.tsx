/** Log records by time, each with its attributes one click away. */
import { TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useState } from "react";
import type { LogRecord } from "@/api/types";
import { clock, compact, duration, parse } from "@/lib/format";
import { inline } from "@/lib/json";
import { LogRow } from "@/ui/LogRow";
import { Empty, ErrorState, SkeletonRows } from "@/ui/States";
import classes from "./LogsView.module.css";
import { useLook } from "./useLook";

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
  const [{ look: find = "" }, set] = useLook();
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
            onChange={(event) => set({ look: event.currentTarget.value || undefined })}
          />
        </div>
      )}
      <ul className={classes.list}>
        {shown.slice(0, limit).map((log, at) => (
          <LogRow
            key={at}
            log={log}
            when={since(log, start)}
            onStep={onStep && log.span_id ? () => onStep(log.span_id!) : undefined}
          />
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

/** How long after the start of the run. */
function since(log: LogRecord, start: string): string {
  const offset = (parse(log.time) ?? 0) - (parse(start) ?? 0);
  return offset >= 0 ? `+${duration(offset)}` : clock(log.time);
}

const matches = (log: LogRecord, needle: string) =>
  `${log.severity_text} ${log.event_name ?? ""} ${log.service ?? ""} ${inline(log.body)} ${inline(log.attributes)}`
    .toLowerCase()
    .includes(needle);
