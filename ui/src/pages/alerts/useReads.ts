/** How values of alerts read: in the unit of what their rule compares. */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { rulesQuery } from "@/api/alerting";
import { figure } from "@/lib/alerts";
import { readsAs } from "@/lib/unit";
import { useEverywhere, useEverywhereKnown } from "@/ui/useEverywhere";

/** By the name of the rule. Alerts of others, and of rules that are gone, are plain numbers. */
export function useReads(): (rule: string, value: number | null | undefined) => string {
  // Rules are the whole server's: not asked for by whom they are not shown to.
  const everywhere = useEverywhere();
  const enabled = useEverywhereKnown() && everywhere;
  const groups = useQuery({ ...rulesQuery, enabled }).data?.groups;
  return useMemo(() => {
    const says = new Map<string, ReturnType<typeof readsAs>>();
    for (const rule of groups?.flatMap((group) => group.rules) ?? [])
      if (rule.kind === "alert") says.set(rule.name, readsAs(rule.query));
    return (rule, value) => (says.get(rule) ?? figure)(value);
  }, [groups]);
}
