/** Small readings of a step that several places share. Pure. */
import type { Step } from "@/api/types";
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
    default:
      return step.name;
  }
}

/** A run's name without what every agent's name begins with. */
export const runName = (name: string) => rest(name, /^(invoke|create)_agent\s+/);

const rest = (name: string, prefix: RegExp) => name.replace(prefix, "") || name;

/**
 * The step to open first: where a run failed, the first failed step that no failed step below it explains; else the root.
 * Steps come in pre-order.
 */
export function firstToShow(steps: readonly Step[], failed: boolean): Step | undefined {
  if (failed) {
    let at = steps.findIndex((step) => step.status === "error");
    while (at >= 0) {
      const depth = steps[at]!.depth;
      let below = -1;
      for (let next = at + 1; next < steps.length && steps[next]!.depth > depth; next += 1) {
        if (steps[next]!.status === "error") {
          below = next;
          break;
        }
      }
      if (below < 0) return steps[at];
      at = below;
    }
  }
  return steps[0];
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
