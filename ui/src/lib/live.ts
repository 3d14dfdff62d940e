/** How a list of runs takes in what is new without losing its place. Pure. */

export interface HasTrace {
  trace_id: string;
}

export interface ListPage<R extends HasTrace> {
  runs: R[];
  next?: string | null;
}

/** Rows a live list holds before it starts over from the newest. */
export const LIVE_ROWS = 1000;

/** The runs of `head` (a fresh first page) that no page has yet. */
export function unseen<R extends HasTrace>(pages: readonly ListPage<R>[], head: ListPage<R>): R[] {
  const known = new Set(pages.flatMap((page) => page.runs.map((run) => run.trace_id)));
  return head.runs.filter((run) => !known.has(run.trace_id));
}

/** Known rows in their order, with the fresh ones of `head` where the server has them: a run that is heard of late did not begin last. */
function among<R extends HasTrace>(known: readonly R[], fresh: readonly R[], head: readonly R[]): R[] {
  const out = [...known];
  const isFresh = new Set(fresh.map((run) => run.trace_id));
  const listed = new Set(head.map((run) => run.trace_id));
  let at = out.findLastIndex((run) => listed.has(run.trace_id)) + 1;
  // From below: a fresh row goes before the known one that follows it.
  for (const run of head.toReversed()) {
    const here = out.findIndex((each) => each.trace_id === run.trace_id);
    if (isFresh.has(run.trace_id)) out.splice(at, 0, run);
    else if (here >= 0) at = here;
  }
  return out;
}

/**
 * Pages with what is new in `head`. Known runs are brought up to date where they stand. Where `head` no longer touches what was
 * known, or too many rows have gathered, the list starts over from `head`, so that there is no gap and no growth.
 */
export function mergeHead<R extends HasTrace, P extends ListPage<R>>(
  pages: readonly P[],
  head: P,
  most = LIVE_ROWS,
): P[] {
  const [first, ...rest] = pages;
  const fresh = unseen(pages, head);
  const rows = pages.reduce((sum, page) => sum + page.runs.length, 0);
  const detached = rows > 0 && fresh.length === head.runs.length && head.next != null;
  if (!first || detached || rows + fresh.length > most) return [head];
  return [{ ...first, runs: among(first.runs, fresh, head.runs) }, ...rest].map((page) => updated(page, head.runs));
}

/** A page with the given runs brought up to date; the same page where none of them is on it. */
export function updated<R extends HasTrace, P extends ListPage<R>>(page: P, changed: readonly R[]): P {
  const byId = new Map(changed.map((run) => [run.trace_id, run]));
  if (!page.runs.some((run) => byId.has(run.trace_id))) return page;
  return { ...page, runs: page.runs.map((run) => byId.get(run.trace_id) ?? run) };
}

/** Each run once: a cursor may cross a list that moved. */
export function flatten<R extends HasTrace>(pages: readonly ListPage<R>[]): R[] {
  const seen = new Set<string>();
  const out: R[] = [];
  for (const page of pages) {
    for (const run of page.runs) {
      if (seen.has(run.trace_id)) continue;
      seen.add(run.trace_id);
      out.push(run);
    }
  }
  return out;
}

/** A round number that at most a twentieth of the values exceed: what a full bar means. */
export function fullBar(values: readonly number[]): number {
  if (values.length === 0) return 1;
  const sorted = values.toSorted((a, b) => a - b);
  const high = Math.max(1, sorted[Math.floor((sorted.length - 1) * 0.95)]!);
  const power = 10 ** Math.floor(Math.log10(high));
  return ([1, 2, 5, 10].find((times) => times * power >= high) ?? 10) * power;
}
