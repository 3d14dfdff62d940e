/** Why a run is as it is, in a line, and the step that shows it. Pure. */
import type { Investigation } from "@/api/types";

/** Steps around others: they fail because one of those failed, so where another failed too they explain nothing. */
const AROUND = /^(agent|chain|handoff) /;

/** The failed step that nothing made good; the cause before what is around it. */
function lostOf({ failed }: Pick<Investigation, "failed">) {
  const lost = failed.filter((step) => !step.recovered);
  return lost.find((step) => !AROUND.test(step.step)) ?? lost[0];
}

/** The step that proves it: a failed one that nothing made good, then what a detector points at, then where the run leaves its kind. */
export function firstProof(found: Pick<Investigation, "failed" | "findings" | "departure">) {
  const { failed, findings, departure } = found;
  return (
    lostOf(found)?.span_id ??
    findings.find((finding) => finding.span_ids.length > 0)?.span_ids[0] ??
    failed[0]?.span_id ??
    departure?.span_id
  );
}

/** A run's state without what its row says anyway: how it ended, how long it took, what it cost; nor failures that were not. */
const stateOf = (state: string) =>
  state
    .replace(/^.*? of [^:]*: /, "")
    .replace(/^\w+ after [\d.]+ s, /, "")
    .replace(", 0 failed steps", "")
    .replace(/, \$[\d.]+(?=$|;)/, "");

/** In words. */
export function reasonOf(found: Pick<Investigation, "state" | "failed" | "findings" | "departure">): string {
  const { state, findings, departure } = found;
  const lost = lostOf(found);
  if (lost)
    return `${lost.step} failed${lost.attempts > 1 ? `, tried ${lost.attempts} times` : ""}${lost.error ? `: ${lost.error}` : ""}`;
  return findings[0]?.message ?? departure?.words ?? stateOf(state);
}
