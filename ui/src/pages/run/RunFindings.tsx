/** What detectors saw in the run, each a click away from the step that proves it. */

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { LIVE_MS } from "@/api/pace";
import { FINDINGS_SHOWN, findingsQuery } from "@/api/queries";
import type { Finding } from "@/api/types";
import { Said } from "@/ui/Said";
import classes from "./RunFindings.module.css";

/** Findings by the steps that prove them. */
export type Pinned = ReadonlyMap<string, Finding[]>;

/** `version` changes when the run does: a settled run is judged once more. Nothing is asked before the run is known. */
export function useRunFindings(traceId: string, version: string | undefined) {
  const { data, isError } = useQuery({
    ...findingsQuery({ trace_id: traceId }),
    enabled: version !== undefined,
    queryKey: ["findings", { trace_id: traceId }, version ?? ""],
    placeholderData: (before) => before,
    // A run is judged a moment after it settles.
    refetchInterval: (query) => (query.state.data?.findings.length ? false : LIVE_MS),
  });
  const pinned = useMemo(() => {
    const out = new Map<string, Finding[]>();
    for (const finding of data?.findings ?? [])
      for (const id of finding.span_ids) out.set(id, [...(out.get(id) ?? []), finding]);
    return out;
  }, [data]);
  return { findings: data?.findings ?? [], more: !!data?.next, pinned, unknown: isError && !data };
}

interface Props {
  findings: Finding[];
  /** There are further ones. */
  more: boolean;
  /** Whether there are any could not be asked. */
  unknown: boolean;
  select: (spanId: string) => void;
}

export function RunFindings({ findings, more, unknown, select }: Props) {
  if (unknown)
    return (
      <p className={classes.unknown} role="alert">
        The server did not say what detectors saw in this run.
      </p>
    );
  if (findings.length === 0) return null;
  return (
    <ul className={classes.findings} aria-label="Findings of the run">
      {findings.map((finding) => (
        <li key={finding.id} data-severity={finding.severity}>
          <button
            type="button"
            disabled={!finding.span_ids[0]}
            onClick={() => finding.span_ids[0] && select(finding.span_ids[0])}
          >
            <strong>{finding.detector.replaceAll("_", " ")}</strong>
            <span>
              <Said text={finding.message} />
            </span>
          </button>
          <Link to="/issues" search={{ issue: finding.fingerprint }}>
            Issue
          </Link>
        </li>
      ))}
      {more && <li className="faint">Only the newest {FINDINGS_SHOWN} are shown.</li>}
    </ul>
  );
}
