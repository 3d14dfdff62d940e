/** Why a run is as it is, in a line, and the step that shows it. Pure. */
import type { Investigation } from "@/api/types";

/** The step that proves it: a failed one that nothing made good, then what a detector points at, then where the run leaves its kind. */
export function firstProof({ failed, findings, departure }: Pick<Investigation, "failed" | "findings" | "departure">) {
  const lost = failed.find((step) => !step.recovered);
  return (
    lost?.span_id ??
    findings.find((finding) => finding.span_ids.length > 0)?.span_ids[0] ??
    failed[0]?.span_id ??
    departure?.span_id
  );
}

/** In words. */
export function reasonOf({ state, failed, findings, departure }: Investigation): string {
  const lost = failed.find((step) => !step.recovered);
  if (lost)
    return `${lost.step} failed${lost.attempts > 1 ? ` ${lost.attempts} times` : ""}${lost.error ? `: ${lost.error}` : ""}`;
  return findings[0]?.message ?? departure?.words ?? state.replace(/^.*? of [^:]*: /, "");
}
