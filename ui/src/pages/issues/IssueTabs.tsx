/** What detectors saw: together by failure, or one by one. */
import { ViewTabs } from "@/ui/ViewTabs";

export function IssueTabs({ active }: { active: "issues" | "findings" }) {
  return (
    <ViewTabs
      label="Issues and findings"
      tabs={[
        { name: "Issues", active: active === "issues", link: { to: "/issues" } },
        { name: "Findings", active: active === "findings", link: { to: "/findings" } },
      ]}
    />
  );
}
