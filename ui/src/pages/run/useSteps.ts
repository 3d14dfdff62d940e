/** The steps of a run as far as they were fetched: the upper ones of a large run first, the others when they are asked for. */
import { useQueries, useQuery } from "@tanstack/react-query";
import { useDeferredValue, useEffect, useMemo, useRef, useState } from "react";
import { runFindQuery, runPartQuery, runQuery } from "@/api/queries";
import type { Step } from "@/api/types";
import { stepsBelow, unfold } from "@/lib/fold";

export function useSteps(traceId: string, wanted: string | undefined, find: string | undefined) {
  const query = useQuery(runQuery(traceId, wanted));
  // How often the steps below one were asked for; each time gives more of them.
  const [opened, setOpened] = useState<ReadonlyMap<string, number>>(new Map());
  // biome-ignore lint/correctness/useExhaustiveDependencies: another run starts folded
  useEffect(() => setOpened(new Map()), [traceId]);
  const parts = useQueries({
    queries: [...opened].map(([under, times]) => runPartQuery(traceId, under, stepsBelow(times))),
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
    /** Fetches steps below one, and more of them each time. */
    open: (spanId: string) => setOpened((before) => new Map(before).set(spanId, (before.get(spanId) ?? 0) + 1)),
  };
}
