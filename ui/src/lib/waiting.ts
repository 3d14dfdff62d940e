/** The numbers beside pages of the navigation. Pure. */
import type { Alert, Issue } from "@/api/types";

export interface Waiting {
  shown: string;
  /** What they are. */
  says: string;
  tone?: "bad";
}

const atMost = (number: number) => (number > 99 ? "99+" : String(number));

/** Alerts that fire and are neither silenced nor muted by another; those of which somebody takes care alarm nobody. */
export function waitingAlerts(
  alerts: Pick<Alert, "state" | "ack" | "silenced_by" | "inhibited_by">[],
): Waiting | undefined {
  const firing = alerts.filter((each) => each.state === "firing" && !each.silenced_by && !each.inhibited_by);
  if (firing.length === 0) return undefined;
  const taken = firing.every((each) => each.ack);
  return {
    shown: atMost(firing.length),
    says: taken ? "firing, somebody takes care of each" : "firing",
    ...(taken ? {} : { tone: "bad" as const }),
  };
}

/** Issues that are open or came back; red where one is critical. */
export function waitingIssues(issues: Pick<Issue, "severity">[]): Waiting | undefined {
  if (issues.length === 0) return undefined;
  const critical = issues.some((each) => each.severity === "critical");
  return {
    shown: atMost(issues.length),
    says: critical ? "open, some critical" : "open",
    ...(critical ? { tone: "bad" as const } : {}),
  };
}
