/** What was said in a step: the conversation, or input and output where it is none. */
import { useMemo, useState } from "react";
import type { Step } from "@/api/types";
import { conversation } from "@/lib/conversation";
import { plural } from "@/lib/format";
import { AnyValue } from "@/ui/TextBlock";
import { TurnBlock } from "../Turn";
import { Fold, Section } from "./Section";
import classes from "./tabs.module.css";

/** Input turns shown at the end of a long conversation, next to the answer. */
const NEAR = 4;

export function MessagesTab({ step }: { step: Step }) {
  const turns = useMemo(() => conversation(step.messages.input, step.messages.output), [step]);
  const [all, setAll] = useState(false);
  const asked = turns.filter((turn) => !turn.output);
  const answered = turns.filter((turn) => turn.output);
  // The instructions stay; what lies between them and the latest exchange is one click away.
  const head = asked[0]?.message.role === "system" ? 1 : 0;
  const hidden = all ? 0 : Math.max(0, asked.length - head - NEAR);
  if (turns.length === 0 && step.input == null && step.output == null) {
    return (
      <p className={classes.none}>
        {step.input_preview || step.output_preview
          ? "The sender gave no messages."
          : "What was said was not sent. Many libraries only send content when a setting allows it, such as OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true."}
      </p>
    );
  }
  return (
    <div className={classes.tab}>
      {step.tool_definitions.length > 0 && (
        <Fold
          title={`${plural(step.tool_definitions.length, "tool")} offered`}
          note={step.tool_definitions.map((tool) => tool.name).join(", ")}
        >
          <AnyValue value={step.tool_definitions} />
        </Fold>
      )}
      {asked.slice(0, head).map((turn, at) => (
        <TurnBlock key={at} turn={turn} clamp />
      ))}
      {hidden > 0 && (
        <button type="button" className={classes.earlier} onClick={() => setAll(true)}>
          {plural(hidden, "earlier message")}
        </button>
      )}
      {asked.slice(head + hidden).map((turn, at) => (
        <TurnBlock key={`in ${at + hidden}`} turn={turn} />
      ))}
      {turns.length === 0 && step.input != null && (
        <Section title="Input">
          <AnyValue value={step.input} />
        </Section>
      )}
      {answered.length > 0 && asked.length > 0 && <div className={classes.divider}>Answer</div>}
      {answered.map((turn, at) => (
        <TurnBlock key={`out ${at}`} turn={turn} />
      ))}
      {turns.length === 0 && step.output != null && (
        <Section title="Output">
          <AnyValue value={step.output} />
        </Section>
      )}
    </div>
  );
}
