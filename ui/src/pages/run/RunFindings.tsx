/** What detectors saw in the run, each a click away from the step that proves it. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { FINDINGS_SHOWN, findingsQuery } from "@/api/queries";
import classes from "./RunFindings.module.css";

interface Props {
  traceId: string;
  /** Changes when the run does: a settled run is judged once more. */
  version: string;
  select: (spanId: string) => void;
}

export function RunFindings({ traceId, version, select }: Props) {
  const { data } = useQuery({
    ...findingsQuery({ trace_id: traceId }),
    queryKey: ["findings", { trace_id: traceId }, version],
    placeholderData: (before) => before,
    // A run is judged a moment after it settles.
    refetchInterval: (query) => (query.state.data?.findings.length ? false : 5000),
  });
  if (!data || data.findings.length === 0) return null;
  return (
    <ul className={classes.findings} aria-label="Findings of the run">
      {data.findings.map((finding) => (
        <li key={finding.id} data-severity={finding.severity}>
          <button
            type="button"
            disabled={!finding.span_ids[0]}
            onClick={() => finding.span_ids[0] && select(finding.span_ids[0])}
          >
            <strong>{finding.detector.replaceAll("_", " ")}</strong>
            <span>{finding.message}</span>
          </button>
          <Link to="/issues" search={{ issue: finding.fingerprint }}>
            Issue
          </Link>
        </li>
      ))}
      {data.next && <li className="faint">Only the newest {FINDINGS_SHOWN} are shown.</li>}
    </ul>
  );
}
