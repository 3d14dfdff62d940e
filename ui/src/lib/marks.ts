/** What happened, as marks on charts over time. Pure. */
import { withMoments } from "./format";
import type { Mark } from "./series";

interface AlertEvent {
  at: string;
  kind: string;
  name: string;
  labels: Record<string, string>;
}

/** Marks of one name at most: a rule that flaps would paint the chart over. */
const SAME_MOST = 5;
/** Alerts of which the length is drawn, not only the beginning. */
const AREAS_MOST = 3;

/** Events of alerts that may concern an agent: of those that name one, only its own. */
export const ofAgent = <E extends { labels: Record<string, string> }>(
  events: readonly E[],
  agent: string | undefined,
): readonly E[] =>
  agent === undefined
    ? events
    : events.filter(({ labels }) => (labels.agent_id ?? labels.agent ?? labels.gen_ai_agent_name ?? agent) === agent);

/** Alerts from when they fired until they ended, out of their history; one that goes on lasts until `end`. */
export function alertMarks(events: readonly AlertEvent[], start: number, end: number): Mark[] {
  const open = new Map<string, Mark>();
  const marks: Mark[] = [];
  const counts = new Map<string, number>();
  for (const event of events.toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at))) {
    const at = Date.parse(event.at);
    const key = `${event.name} ${JSON.stringify(event.labels)}`;
    if (event.kind === "fired" && !open.has(key)) {
      const seen = counts.get(event.name) ?? 0;
      counts.set(event.name, seen + 1);
      if (seen >= SAME_MOST) continue;
      const mark: Mark = { at: Math.max(start, at), to: end, name: event.name, tone: "bad" };
      open.set(key, mark);
      marks.push(mark);
    } else if (event.kind === "resolved") {
      const mark = open.get(key);
      if (mark) mark.to = at;
      open.delete(key);
    }
  }
  const shown = marks.filter((mark) => mark.at < end && (mark.to ?? mark.at) >= start);
  // Where many fired only their beginnings are drawn: areas on areas would hide the chart.
  return shown.length <= AREAS_MOST ? shown : shown.map(({ to: _, ...mark }) => mark);
}

interface Changed {
  at: string;
  kind: string;
  agent: string | null;
  title: string;
}

/** Changes as moments: a deploy, another model or prompt. */
export const changeMarks = (changes: readonly Changed[]): Mark[] =>
  changes.map(({ at, kind, agent, title }) => ({
    at: Date.parse(at),
    name: `${kind.replaceAll("_", " ")}${agent ? ` of ${agent}` : ""}: ${title}`,
  }));

/** Where what agents do began to drift: a little before it was seen. */
export const driftMarks = (
  findings: readonly { at: string; message: string; evidence: Record<string, unknown> }[],
): Mark[] =>
  findings.map(({ at, message, evidence }) => {
    const onset = Date.parse(String(evidence.onset_at));
    return { at: Number.isNaN(onset) ? Date.parse(at) : onset, name: `Drift: ${withMoments(message)}`, tone: "bad" };
  });
