/** What a tool was asked and what it answered. */
import type { Step } from "@/api/types";
import { AnyValue } from "@/ui/TextBlock";
import { StepLink } from "../StepLink";
import { Section } from "./Section";
import classes from "./tabs.module.css";

interface Props {
  step: Step;
  steps: Step[];
  select: (spanId: string) => void;
}

export function ToolTab({ step, steps, select }: Props) {
  const asker = step.called_by ? steps.find((each) => each.span_id === step.called_by) : undefined;
  const args = step.tool?.arguments ?? step.input;
  const result = step.tool?.result ?? step.output;
  return (
    <div className={classes.tab}>
      <Section title="Arguments" note={step.tool?.call_id && <span className="mono">{step.tool.call_id}</span>}>
        {args == null ? <p className={classes.none}>No arguments were sent.</p> : <AnyValue value={args} />}
      </Section>
      <Section title="Result">
        {result == null ? (
          <p className={classes.none}>{step.status === "running" ? "It still runs." : "No result was sent."}</p>
        ) : (
          <AnyValue value={result} />
        )}
      </Section>
      {asker && asker.kind !== "llm" && (
        <p className="muted">
          Called by <StepLink step={asker} select={select} />
        </p>
      )}
    </div>
  );
}
