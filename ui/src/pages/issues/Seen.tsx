/** One finding: when, what, the values behind it, and the way to the step that proves it. */
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Finding } from "@/api/types";
import { shortId } from "@/lib/format";
import { evidence } from "@/lib/issues";
import { Said } from "@/ui/Said";
import { Ago } from "@/ui/Time";
import classes from "./IssuesPage.module.css";

/** A value; ids of runs in it are short, and lead there. */
const Value = ({ text }: { text: string }) =>
  text.split(TRACE).map((part, at) =>
    at % 2 === 1 ? (
      <Link key={part} to="/runs/$traceId" params={{ traceId: part }} className="mono">
        {shortId(part)}
      </Link>
    ) : (
      part
    ),
  );
const TRACE = /\b([0-9a-f]{32})\b/;

export function Seen({ finding, children }: { finding: Finding; children?: ReactNode }) {
  const facts = evidence(finding.evidence, finding.message);
  return (
    <li>
      <Link
        to="/runs/$traceId"
        params={{ traceId: finding.trace_id }}
        search={finding.span_ids[0] ? { step: finding.span_ids[0] } : {}}
        className={classes.run}
      >
        <Ago at={finding.at} className="tnum" />
        <span className={classes.said}>
          <Said text={finding.message} />
        </span>
      </Link>
      {(facts.length > 0 || children) && (
        <dl className={classes.evidence}>
          {children}
          {facts.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>
                <Value text={value} />
              </dd>
            </div>
          ))}
        </dl>
      )}
    </li>
  );
}
