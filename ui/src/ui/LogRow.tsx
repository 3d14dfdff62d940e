/** One log record: when, how grave, what; its attributes one click away. */
import { IconArrowRight, IconChevronRight, IconFilter } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import type { LogRecord } from "@/api/types";
import { clock } from "@/lib/format";
import { inline, isBlank } from "@/lib/json";
import { JsonView } from "./JsonView";
import classes from "./LogRow.module.css";
import { AnyValue } from "./TextBlock";

/** OTLP severity numbers by their names. */
export function level(severity: number): "trace" | "debug" | "info" | "warn" | "error" {
  if (severity >= 17) return "error";
  if (severity >= 13) return "warn";
  if (severity >= 9 || severity === 0) return "info";
  return severity >= 5 ? "debug" : "trace";
}

interface Props {
  log: LogRecord;
  /** The time as the list shows it. */
  when: string;
  /** Goes to the step it belongs to. */
  onStep?: () => void;
  /** Behind the text: where it comes from. */
  aside?: ReactNode;
  /** Shows only records with this value of an attribute. */
  onOnly?: (key: string, value: unknown) => void;
}

export function LogRow({ log, when, onStep, aside, onOnly }: Props) {
  const [open, setOpen] = useState(false);
  const text = isBlank(log.body) ? "" : inline(log.body);
  return (
    <li className={classes.row} data-level={level(log.severity)}>
      <div className={classes.line}>
        <button type="button" className={classes.open} aria-expanded={open} onClick={() => setOpen(!open)}>
          <IconChevronRight size={12} stroke={2.2} aria-hidden data-open={open || undefined} />
          <span className="faint tnum" title={clock(log.time)}>
            {when}
          </span>
          <span className={classes.level}>{log.severity_text || "unset"}</span>
          <span className="cut">
            {log.event_name && <span className={classes.event}>{log.event_name}</span>} {text}
          </span>
        </button>
        {aside}
        {onStep && (
          <button
            type="button"
            className={classes.step}
            aria-label="Open the step"
            title="Open the step"
            onClick={onStep}
          >
            <IconArrowRight size={14} stroke={1.8} />
          </button>
        )}
      </div>
      {open && (
        <div className={classes.detail}>
          {!isBlank(log.body) && <AnyValue value={log.body} />}
          {onOnly && Object.keys(log.attributes).length > 0 && (
            <ul className={classes.fields} aria-label="Fields">
              {Object.entries(log.attributes).map(([key, value]) => (
                <li key={key}>
                  <button
                    type="button"
                    title={`Only records with this ${key}`}
                    aria-label={`Only records with this ${key}`}
                    onClick={() => onOnly(key, value)}
                  >
                    <IconFilter size={12} stroke={1.8} aria-hidden />
                  </button>
                  <span className="muted">{key}</span>
                  <span className="mono">{inline(value)}</span>
                </li>
              ))}
            </ul>
          )}
          <JsonView
            value={{ service: log.service, time: log.time, span_id: log.span_id, ...(onOnly ? {} : log.attributes) }}
          />
        </div>
      )}
    </li>
  );
}
