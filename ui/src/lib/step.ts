/** Small readings of a step that several places share. Pure. */
import type { Step } from "@/api/types";
import { parse } from "./format";
import type { StepTab } from "./search";

/** The name to show beside the kind's icon: what the icon already says is left out. The name as sent stays on hover. */
export function displayName(step: Pick<Step, "kind" | "name" | "tool" | "agent" | "model" | "request_model">): string {
  switch (step.kind) {
    case "tool":
      return step.tool?.name || rest(step.name, /^execute_tool\s+/);
    case "agent":
      return rest(step.name, /^(invoke|create)_agent\s+/);
    case "llm": {
      for (const model of [step.request_model, step.model]) {
        if (model && step.name.endsWith(` ${model}`)) return step.name.slice(0, -model.length - 1);
      }
      return step.name;
    }
    case "chain":
      return rest(step.name, /^invoke_workflow\s+/);
    default:
      return step.name;
  }
}

/** A run's name without what every agent's name begins with. */
export const runName = (name: string) => rest(name, /^(invoke|create)_agent\s+/);

const rest = (name: string, prefix: RegExp) => name.replace(prefix, "") || name;

/**
 * The step to open first: where a run failed, the last failed step that nothing below it explains and no later attempt made
 * good; else the root. Steps come in pre-order.
 */
export function firstToShow(steps: readonly Step[], failed: boolean): Step | undefined {
  if (!failed) return steps[0];
  const triedAgain = new Set(steps.map((step) => step.retry_of));
  const causes = steps.filter((step, at) => step.status === "error" && !failsBelow(steps, at));
  const final = causes.filter((step) => !triedAgain.has(step.span_id));
  const latest = (some: readonly Step[]) =>
    some.reduce<Step | undefined>(
      (best, step) => (!best || (parse(step.started_at) ?? 0) >= (parse(best.started_at) ?? 0) ? step : best),
      undefined,
    );
  return latest(final) ?? latest(causes) ?? steps[0];
}

/** Whether a step below the one at `at` failed. */
function failsBelow(steps: readonly Step[], at: number): boolean {
  for (let next = at + 1; next < steps.length && steps[next]!.depth > steps[at]!.depth; next += 1) {
    if (steps[next]!.status === "error") return true;
  }
  return false;
}

/** Whether a step says anything as conversation, input or output. */
export const speaks = (step: Step) =>
  step.messages.input.length > 0 || step.messages.output.length > 0 || step.input != null || step.output != null;

/** The tabs a step has something for, in their order. */
export function tabsOf(step: Step, logs: number): StepTab[] {
  const out: StepTab[] = [];
  if (step.kind === "tool" || step.tool?.arguments != null || step.tool?.result != null) out.push("tool");
  if (step.retrieval && step.kind !== "tool") out.push("retrieval");
  if (speaks(step) || step.kind === "llm") out.push("messages");
  if (step.retrieval && step.kind === "tool") out.push("retrieval");
  out.push("attributes");
  if (step.events.length > 0 || step.links.length > 0) out.push("events");
  if (logs > 0) out.push("logs");
  out.push("raw");
  return out;
}

/** Whether text is found in what is known of a step without its content. Lower case expected. */
export function mentions(step: Step, needle: string): boolean {
  return [
    step.name,
    step.kind,
    step.agent,
    step.model,
    step.tool?.name,
    step.error?.type,
    step.error?.message,
    step.input_preview,
    step.output_preview,
    step.span_id,
    step.status === "error" ? "error" : null,
  ].some((text) => text?.toLowerCase().includes(needle));
}
