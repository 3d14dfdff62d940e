/** What happened during a step, and what it refers to. */
import { Link } from "@tanstack/react-router";
import type { Step } from "@/api/types";
import { clock, duration, parse } from "@/lib/format";
import { isBlank } from "@/lib/json";
import { JsonView } from "@/ui/JsonView";
import { Section } from "./Section";
import classes from "./tabs.module.css";

export function EventsTab({ step }: { step: Step }) {
  const start = parse(step.started_at) ?? 0;
  return (
    <div className={classes.tab}>
      {step.events.map((event, at) => {
        const stack = event.attributes["exception.stacktrace"];
        const rest = Object.fromEntries(
          Object.entries(event.attributes).filter(([key]) => key !== "exception.stacktrace"),
        );
        return (
          <Section
            key={at}
            title={event.name}
            note={
              <span className="tnum" title={clock(event.time)}>
                +{duration(Math.max(0, (parse(event.time) ?? start) - start))}
              </span>
            }
          >
            {!isBlank(rest) && <JsonView value={rest} />}
            {typeof stack === "string" && <pre className={classes.stack}>{stack}</pre>}
          </Section>
        );
      })}
      {step.links.length > 0 && (
        <Section title="Links">
          <ul className={classes.links}>
            {step.links.map((link, at) => (
              <li key={at}>
                <Link
                  to="/runs/$traceId"
                  params={{ traceId: link.trace_id }}
                  search={{ step: link.span_id }}
                  className="mono"
                >
                  {link.trace_id.slice(0, 8)}… / {link.span_id}
                </Link>
                {!isBlank(link.attributes) && <JsonView value={link.attributes} />}
              </li>
            ))}
          </ul>
        </Section>
      )}
    </div>
  );
}
