/** What was said in a step: of a model call what is new since the call before it; input and output where it is no conversation. */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { stepQuery } from "@/api/queries";
import type { Run, Step } from "@/api/types";
import { conversation } from "@/lib/conversation";
import { plural } from "@/lib/format";
import { roundBefore, sinceRound } from "@/lib/rounds";
import { AnyValue } from "@/ui/TextBlock";
import { StepLink } from "../StepLink";
import { TurnBlock } from "../Turn";
import { useLook } from "../useLook";
import { Fold, Section } from "./Section";
import classes from "./tabs.module.css";

/** Input turns shown at the end of a long conversation that no earlier call knew. */
const NEAR = 4;

interface Props {
  run: Run;
  steps: Step[];
  step: Step;
  select: (spanId: string) => void;
}

export function MessagesTab({ run, steps, step, select }: Props) {
  const before = useMemo(() => roundBefore(steps, step), [steps, step]);
  const earlier = useQuery({ ...stepQuery(run.trace_id, before?.span_id ?? ""), enabled: !!before });
  const since = useMemo(() => {
    const known = earlier.data?.step.messages;
    return known && known.input.length > 0 ? sinceRound(known, step.messages.input) : undefined;
  }, [earlier.data, step]);
  const turns = useMemo(() => conversation(step.messages.input, step.messages.output), [step]);
  const [{ all = false }, set] = useLook();
  const asked = turns.filter((turn) => !turn.output);
  const answered = turns.filter((turn) => turn.output);
  const isNew = (turn: (typeof turns)[number]) => since?.fresh.has(step.messages.input.indexOf(turn.message)) ?? false;
  // A tool's answer is shown with its call, which the call before may have known already.
  const answeredNow = new Set(
    [...(since?.fresh ?? [])].flatMap((at) =>
      (step.messages.input[at]?.parts ?? []).flatMap((part) =>
        part.type === "tool_result" && part.id ? [part.id] : [],
      ),
    ),
  );
  const wanted = (turn: (typeof turns)[number]) =>
    isNew(turn) ||
    turn.parts.some((part) => part.type === "exchange" && !!part.call?.id && answeredNow.has(part.call.id));
  // The instructions stay; what lies between them and the latest exchange is one click away.
  const head = asked[0]?.message.role === "system" && !(since && isNew(asked[0])) ? 1 : 0;
  const middle = asked.slice(head);
  const shown = all ? middle : since ? middle.filter(wanted) : middle.slice(-NEAR);
  const hidden = middle.length - shown.length;
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
        <button type="button" className={classes.earlier} onClick={() => set({ all: true })}>
          {since ? `${plural(hidden, "message")} as in the call before` : plural(hidden, "earlier message")}
        </button>
      )}
      {since && before && (
        <p className={classes.since}>
          {since.fresh.size > 0 ? `${plural(since.fresh.size, "message")} new` : "Nothing new"} since{" "}
          <StepLink step={before} select={select} label="the call before" />
          {since.gone.length > 0 && `, ${plural(since.gone.length, "message")} taken out`}
        </p>
      )}
      {since && since.gone.length > 0 && (
        <Fold title={`${plural(since.gone.length, "message")} taken out since the call before`}>
          {since.gone.map((message, at) => (
            <TurnBlock key={at} turn={conversation([message], [])[0]!} clamp />
          ))}
        </Fold>
      )}
      {shown.map((turn) => (
        <div key={turns.indexOf(turn)} className={since && wanted(turn) ? classes.fresh : undefined}>
          <TurnBlock turn={turn} />
        </div>
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
