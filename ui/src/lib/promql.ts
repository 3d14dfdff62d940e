/** PromQL's answers as series for charts and rows for tables. Pure. */
import type { PromAnswer, PromSample, PromSeries } from "@/api/promql";
import type { Buckets, Series } from "./series";

/** A series as PromQL writes it: `name{label="value"}`. */
export function metricName(metric: Record<string, string>): string {
  const { __name__: name = "", ...labels } = metric;
  const inside = Object.entries(labels)
    .map(([label, value]) => `${label}=${JSON.stringify(value)}`)
    .join(", ");
  return inside ? `${name}{${inside}}` : name || "{}";
}

/** Labels in which series differ, with the name where that differs; the whole name where one is alone. */
export function shortNames(metrics: Record<string, string>[]): string[] {
  if (metrics.length < 2) return metrics.map(metricName);
  const labels = [...new Set(metrics.flatMap((metric) => Object.keys(metric)))];
  const telling = labels.filter((label) => new Set(metrics.map((metric) => metric[label])).size > 1);
  return metrics.map((metric) => {
    const parts = telling.filter((label) => label !== "__name__" && metric[label]).map((label) => metric[label]);
    const name = telling.includes("__name__") ? metric.__name__ : undefined;
    return [name, ...parts].filter(Boolean).join(" · ") || metricName(metric);
  });
}

/** A number of an answer; `null` where there is none to draw. */
const number = (text: string | undefined): number | null => {
  const value = Number(text);
  return text !== undefined && Number.isFinite(value) ? value : null;
};

/** Series of a range on buckets, those with the highest last values first; those beyond `most` are left out. */
export function matrixSeries(found: PromSeries[], { starts, stepMs }: Buckets, most: number): Series[] {
  const first = starts[0] ?? 0;
  const names = shortNames(found.map((each) => each.metric));
  return found
    .map(({ values = [] }, at) => {
      const row: (number | null)[] = starts.map(() => null);
      for (const [seconds, text] of values) {
        const place = Math.round((seconds * 1000 - first) / stepMs);
        if (place >= 0 && place < row.length) row[place] = number(text);
      }
      const highest = row.reduce<number>((top, value) => (value !== null && value > top ? value : top), -Infinity);
      return { name: names[at]!, values: row, highest };
    })
    .filter((series) => series.values.some((value) => value !== null))
    .sort((one, other) => other.highest - one.highest)
    .slice(0, most)
    .map(({ highest: _, ...series }) => series);
}

/** A range with what holds now in place of its last values, which are those of up to a step ago; `last` in milliseconds. */
export function withNow(range: PromSeries[], now: PromSample[], last: number): PromSeries[] {
  const key = (metric: Record<string, string>) =>
    JSON.stringify(Object.entries(metric).sort(([one], [other]) => (one < other ? -1 : 1)));
  const values = new Map(now.map((sample) => [key(sample.metric), sample]));
  const seconds = last / 1000;
  const at = (sample: PromSample): [number, string][] => (sample.value ? [[seconds, sample.value[1]]] : []);
  const known = range.map((series) => {
    const sample = values.get(key(series.metric));
    if (!sample) return series;
    values.delete(key(series.metric));
    const before = (series.values ?? []).filter(([moment]) => moment < seconds);
    return { ...series, values: [...before, ...at(sample)] };
  });
  return [...known, ...[...values.values()].map((sample) => ({ metric: sample.metric, values: at(sample) }))];
}

/** A shorter step needs no {@link withNow}: series have a point no more often. */
const SAMPLED_MS = 15_000;

/** Whether what holds now says more than the last value of a range that ends now. */
export const asksNow = (live: boolean, stepMs: number): boolean => live && stepMs > SAMPLED_MS;

/** A range on buckets with what holds now, once that has been answered, in its last bucket. */
export const endingNow = (range: PromSeries[], now: PromAnswer | undefined, { starts }: Buckets): PromSeries[] =>
  now?.resultType === "vector" ? withNow(range, now.result, starts.at(-1) ?? 0) : range;

/** One row of a table of values. */
export interface ValueRow {
  metric: Record<string, string>;
  value: number | null;
  text: string;
}

/** An answer at one moment as rows, highest value first. */
export function valueRows(answer: PromAnswer): ValueRow[] {
  if (answer.resultType !== "vector" && answer.resultType !== "matrix")
    return [{ metric: {}, value: number(answer.result[1]), text: answer.result[1] }];
  const rows = answer.result.map((each): ValueRow => {
    const text = "value" in each ? each.value?.[1] : "values" in each ? each.values?.at(-1)?.[1] : undefined;
    return { metric: each.metric, value: number(text), text: text ?? "histogram" };
  });
  return rows.sort((one, other) => (other.value ?? -Infinity) - (one.value ?? -Infinity));
}

/** Last, mean and highest of a line's values. */
export function spread(values: (number | null)[]): {
  last: number | null;
  mean: number | null;
  highest: number | null;
} {
  const known = values.filter((value): value is number => value !== null);
  if (known.length === 0) return { last: null, mean: null, highest: null };
  return {
    last: known.at(-1)!,
    mean: known.reduce((sum, value) => sum + value, 0) / known.length,
    highest: known.reduce((top, value) => Math.max(top, value)),
  };
}
