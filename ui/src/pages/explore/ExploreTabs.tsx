/** The two ways to ask: PromQL over series, SQL over rows. */
import { ViewTabs } from "@/ui/ViewTabs";

export function ExploreTabs({ active }: { active: "promql" | "sql" }) {
  return (
    <ViewTabs
      label="Ways to ask"
      tabs={[
        { name: "PromQL", active: active === "promql", link: { to: "/explore" } },
        { name: "SQL", active: active === "sql", link: { to: "/sql" } },
      ]}
    />
  );
}
