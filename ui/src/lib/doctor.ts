/** What the doctor found, in words. Pure. */
import type { DoctorFinding, DoctorOrigin } from "@/api/types";
import { count } from "./format";

const SEVERITIES: [string, string][] = [
  ["error", "Numbers are wrong or missing"],
  ["warning", "Something cannot be seen"],
  ["info", "Worth knowing"],
];

/** Findings by severity, the worst first; severities without findings are left out. */
export function bySeverity(findings: DoctorFinding[]): [string, string, DoctorFinding[]][] {
  return SEVERITIES.map(([severity, words]): [string, string, DoctorFinding[]] => [
    severity,
    words,
    findings.filter((finding) => finding.severity === severity),
  ]).filter(([, , group]) => group.length > 0);
}

/** The library that sent it, else its dialect. */
export function library(origin: DoctorOrigin): string {
  if (!origin.scope) return origin.dialect;
  return origin.version ? `${origin.scope} ${origin.version}` : origin.scope;
}

/** "12 of 40 model calls, 30 %" */
export function quantity(finding: Pick<DoctorFinding, "count" | "of" | "noun" | "share">): string {
  if (finding.count >= finding.of) return `${count(finding.count)} ${finding.noun}`;
  const percent = finding.share < 0.01 ? "below 1 %" : `${Math.round(finding.share * 100)} %`;
  return `${count(finding.count)} of ${count(finding.of)} ${finding.noun}, ${percent}`;
}
