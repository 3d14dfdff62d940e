import { expect, test } from "vitest";
import { waitingAlerts, waitingIssues } from "./waiting";

const firing = { state: "firing" };

test("what fires is counted, not what is muted; it alarms while nobody takes care of it", () => {
  expect(waitingAlerts([firing, { ...firing, silenced_by: "s1" }, { ...firing, inhibited_by: "f" }])).toEqual({
    shown: "1",
    says: "firing",
    tone: "bad",
  });
  const ack = { by: "jane", at: "", comment: "" } as never;
  expect(waitingAlerts([{ ...firing, ack }])?.tone).toBeUndefined();
  expect(waitingAlerts([{ state: "resolved" }])).toBeUndefined();
});

test("a critical issue alarms, and many are many", () => {
  expect(waitingIssues([{ severity: "info" }])).toEqual({ shown: "1", says: "open" });
  expect(waitingIssues(Array.from({ length: 100 }, () => ({ severity: "critical" })))).toMatchObject({
    shown: "99+",
    tone: "bad",
  });
  expect(waitingIssues([])).toBeUndefined();
});
