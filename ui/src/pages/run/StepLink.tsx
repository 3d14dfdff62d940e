/** The way to another step of the run. */
import type { Step } from "@/api/types";
import { displayName } from "@/lib/step";
import { KIND_LOOK, kindStyle } from "@/theme/kinds";
import classes from "./Notices.module.css";

export function StepLink({ step, select, label }: { step: Step; select: (spanId: string) => void; label?: string }) {
  const { icon: Glyph } = KIND_LOOK[step.kind];
  return (
    <button type="button" className={classes.link} style={kindStyle(step.kind)} onClick={() => select(step.span_id)}>
      <Glyph size={12} stroke={1.9} aria-hidden />
      {label ?? displayName(step)}
    </button>
  );
}
