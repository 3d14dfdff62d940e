/** The steps of a run as far as they were fetched: the upper ones of a large run first, the others when they are asked for. */
import { useQueries, useQuery } from "@tanstack/react-query";
import { useDeferredValue, useEffect, useMemo, useRef } from "react";
import { runFindQuery, runPartQuery, runQuery } from "@/api/queries";
import type { Step } from "@/api/types";
import { stepsBelow, unfold } from "@/lib/fold";

const NONE: readonly string[] = [];
/** By then steps are asked for by the million. */
const TIMES_MAX = 5;

/** `opened` names steps below which more was asked for, as often as it was: each time gives more of them. */
export function useSteps(
  traceId: string,
  wanted: string | undefined,
  find: string | undefined,
  opened: readonly string[] = NONE,
) {
  const query = useQuery(runQuery(traceId, wanted));
  const times = useMemo(() => {
    const out = new Map<string, number>();
    for (const id of opened) out.set(id, Math.min(TIMES_MAX, (out.get(id) ?? 0) + 1));
    return [...out];
  }, [opened]);
  const parts = useQueries({
    queries: times.map(([under, often]) => runPartQuery(traceId, under, stepsBelow(often))),
    combine: (answers) => answers.map((answer) => answer.data?.steps),
  });
  const base = query.data?.steps;
  const steps = useMemo(
    () => base && parts.reduce<readonly Step[]>((all, part) => (part ? unfold(all, part) : all), base),
    [base, parts],
  );
  const large = useMemo(() => base?.some((step) => step.folded > 0) ?? false, [base]);
  const needle = useDeferredValue(find?.trim());
  const found = useQuery({ ...runFindQuery(traceId, needle ?? ""), enabled: large && !!needle });

  // A step that is folded away is fetched with those above it, once.
  const { refetch } = query;
  const asked = useRef<string>(undefined);
  const missing = useMemo(() => !!wanted && !!steps && !steps.some((step) => step.span_id === wanted), [wanted, steps]);
  useEffect(() => {
    if (!missing || asked.current === wanted) return;
    asked.current = wanted;
    void refetch();
  }, [missing, wanted, refetch]);

  return {
    query,
    steps: ((large && needle && found.data?.steps) || steps || []) as Step[],
  };
}
