/** Parts of a large run that were fetched one after the other, as one list of steps. Pure. */

export interface FoldStep {
  span_id: string;
  depth: number;
  /** Steps below it that are not in the list. */
  folded: number;
}

/** Steps a run is opened with; those further down are fetched when they are asked for. */
export const STEPS_AT_ONCE = 2000;

/** How many steps are asked for below a step, when it is opened for the `times`-th time. */
export const stepsBelow = (times: number) => STEPS_AT_ONCE * 8 ** (times - 1);

/** The list with what is known below the first step of `part` replaced by `part`; the same list where that step is not in it. */
export function unfold<S extends FoldStep>(steps: readonly S[], part: readonly S[]): readonly S[] {
  const at = steps.findIndex((step) => step.span_id === part[0]?.span_id);
  if (at < 0) return steps;
  let end = at + 1;
  while (end < steps.length && steps[end]!.depth > steps[at]!.depth) end += 1;
  return [...steps.slice(0, at), ...part, ...steps.slice(end)];
}
