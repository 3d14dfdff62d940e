/** What is odd about a step: its failure, and what the tree alone does not say. */
import { IconAlertTriangleFilled, IconFlag3Filled } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import type { Finding, Run, Step } from "@/api/types";
import { displayName } from "@/lib/step";
import { Said } from "@/ui/Said";
import classes from "./Notices.module.css";
import { StepLink } from "./StepLink";

interface Props {
  run: Run;
  step: Step;
  steps: Step[];
  select: (spanId: string) => void;
  /** What detectors saw in it. */
  findings: Finding[];
}

/** The steps that have to do with one, of what may be a hundred thousand. */
function around(step: Step, steps: Step[]) {
  const find = (id: string | null) => (id ? steps.find((each) => each.span_id === id) : undefined);
  return {
    repeats: find(step.retry_of),
    repeatedBy: steps.find((each) => each.retry_of === step.span_id),
    asker: find(step.called_by),
    asked: step.kind === "llm" ? steps.filter((each) => each.called_by === step.span_id) : [],
  };
}

export function Notices({ step, steps, select, findings }: Props) {
  const { repeats, repeatedBy, asker, asked } = useMemo(() => around(step, steps), [step, steps]);
  return (
    <>
      {step.status === "error" && (
        <div className={classes.error} role="note">
          <IconAlertTriangleFilled size={14} aria-hidden />
          <div>
            {step.error?.type && <strong>{step.error.type}</strong>}
            <span>{step.error?.message ?? "It failed without saying why."}</span>
          </div>
        </div>
      )}
      {findings.map((finding) => (
        <div key={finding.id} className={classes.finding} data-severity={finding.severity} role="note">
          <IconFlag3Filled size={13} aria-hidden />
          <div>
            <strong>{finding.detector.replaceAll("_", " ")}</strong> <Said text={finding.message} />{" "}
            <Link to="/issues" search={{ issue: finding.fingerprint }}>
              Issue
            </Link>
          </div>
        </div>
      ))}
      <ul className={classes.notes}>
        {asker && (
          <li>
            Asked for by <StepLink step={asker} select={select} />
          </li>
        )}
        {asked.length > 0 && (
          <li>
            Asked for{" "}
            {asked.slice(0, 6).map((each, at) => (
              <span key={each.span_id}>
                {at > 0 && ", "}
                <StepLink step={each} select={select} />
              </span>
            ))}
            {asked.length > 6 && ` and ${asked.length - 6} more`}
          </li>
        )}
        {repeats && (
          <li>
            Repeats the failed <StepLink step={repeats} select={select} />
          </li>
        )}
        {repeatedBy && (
          <li>
            Tried again by <StepLink step={repeatedBy} select={select} label={`a later ${displayName(repeatedBy)}`} />
          </li>
        )}
        {step.orphan && (
          <li>
            Its parent <span className="mono">{step.parent_span_id}</span> never arrived, so it stands at the top.
          </li>
        )}
        {step.told_by === "log" && <li>Told by log records; no span was sent.</li>}
        {step.told_by === "both" && <li>Log records added to what its span says.</li>}
        {!step.counted && step.not_counted_because && <li>Not part of the totals: {step.not_counted_because}.</li>}
      </ul>
    </>
  );
}
