/** Findings over time: one by one as far as a list holds them, and before that by their counter. Pure. */
import { type Buckets, byKey, type Row, type Series } from "./series";

/** What detectors saw, by what a list tells of each. */
interface Listed {
  at: string;
  detector: string;
}

/** A series of the counter over time, as PromQL answers. */
interface Counted {
  metric: Record<string, string>;
  values?: [number, string][];
}

/** Seconds back in which the counter is looked for: it is sampled more often, but a server rests at times. */
const LEAST_LOOKBACK_S = 300;

/** The counter of a project's findings in PromQL, at the ends of buckets. */
export function countedQuery(project: string, agent: string | undefined, stepMs: number): string {
  const of = [`project=${JSON.stringify(project)}`, ...(agent ? [`agent_id=${JSON.stringify(agent)}`] : [])];
  return `last_over_time(agent_findings_total{${of.join(",")}}[${Math.max(LEAST_LOOKBACK_S, stepMs / 1000)}s])`;
}

/** The end of the bucket up to which a list that was cut tells too little; undefined where it has all. */
export function untold(listed: readonly Listed[], cut: boolean, first: number, stepMs: number): number | undefined {
  const oldest = cut ? listed.at(-1) : undefined;
  return oldest && placed(Date.parse(oldest.at), first, stepMs) + stepMs;
}

/** The beginning of the bucket a moment lies in. */
const placed = (at: number, first: number, stepMs: number) => first + Math.floor((at - first) / stepMs) * stepMs;

const row = (at: number, detector: string, value: number): Row => ({
  time: new Date(at).toISOString(),
  by: [detector],
  count: value,
  value,
  quantiles: [],
});

/** By how much the counter rose in each bucket that ends where it was asked for, by detector. */
export function rises(counted: readonly Counted[], stepMs: number): Row[] {
  const begun = counted.reduce(
    (least, { values = [] }) => Math.min(least, values[0]?.[0] ?? least),
    Number.POSITIVE_INFINITY,
  );
  return counted.flatMap(({ metric, values = [] }) => {
    let before: number | undefined;
    return values.flatMap(([seconds, text]) => {
      const value = Number(text);
      // One that is not there at first begins at nothing; what there was before all of them is not known.
      const base = before ?? (seconds === begun ? value : 0);
      before = value;
      const rise = value < base ? value : value - base;
      return rise > 0 ? [row(Math.round(seconds * 1000) - stepMs, metric.detector ?? "", rise)] : [];
    });
  });
}

/**
 * Series by detector. The list tells when each was; where it was cut, what it leaves out is told by the counter. `shiftMs` draws
 * findings of an earlier time over this one.
 */
export function overTime(listed: readonly Listed[], counted: readonly Counted[], time: Buckets, shiftMs = 0): Series[] {
  const { starts, stepMs } = time;
  const first = (starts[0] ?? 0) - shiftMs;
  const rows = listed.map(({ at, detector }) => row(placed(Date.parse(at), first, stepMs), detector, 1));
  const key = ({ time, by }: Row) => `${time}\n${by[0]}`;
  const known = new Map<string, number>();
  for (const each of rows) known.set(key(each), (known.get(key(each)) ?? 0) + 1);
  const end = untold(listed, true, first, stepMs) ?? Number.POSITIVE_INFINITY;
  const sums = new Map<string, Row>();
  for (const each of rises(counted, stepMs)) {
    if (Date.parse(each.time!) >= end) continue;
    const sum = sums.get(key(each));
    sums.set(key(each), sum ? row(Date.parse(sum.time!), sum.by[0] ?? "", sum.value! + each.value!) : each);
  }
  const rest = [...sums.values()].flatMap((each) => {
    const more = each.value! - (known.get(key(each)) ?? 0);
    return more > 0 ? [{ ...each, count: more, value: more }] : [];
  });
  return byKey([...rows, ...rest], time, { shiftMs });
}
