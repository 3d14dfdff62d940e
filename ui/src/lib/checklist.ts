/** Rows of the production monitoring checklist as people read them. Pure. */

import type { ChecklistRow } from "@/api/types";
import { compact, duration, usd } from "./format";
import { fixed, upTo } from "./locale";

interface State {
  label: string;
  hint: string;
  tone?: "good" | "bad";
}

/** A number in the unit of its row. */
export function amount(value: number | null, unit: string): string {
  if (value === null) return "–";
  switch (unit) {
    case "seconds":
      return duration(value * 1000);
    case "usd":
      return usd(value);
    case "ratio":
      return `${percent(value * 100)} %`;
    case "count":
      return value < 10 ? upTo(value, 1) : compact(value);
    default:
      return compact(value);
  }
}

/** Two digits that say something: what lies just past a small threshold must not read like it. */
function percent(value: number): string {
  if (value <= 0 || value >= 9.95) return fixed(value);
  if (value < 0.001) return `<${fixed(0.001, 3)}`;
  return fixed(value, Math.min(3, Math.max(1, 1 - Math.floor(Math.log10(value)))));
}

/** How a row stands. One without a threshold is on neither side of it. */
export const stateOf = (row: Pick<ChecklistRow, "state" | "threshold">): State =>
  row.state === "ok" && row.threshold === null
    ? { label: "watched", hint: "It has no threshold: hold it against its 7 days." }
    : (STATES[row.state] ?? { label: row.state, hint: "" });

/** A state in words, with what to do about it. */
const STATES: Record<string, State> = {
  ok: { label: "ok", hint: "On the good side of its threshold.", tone: "good" },
  beyond: { label: "beyond", hint: "Beyond its threshold now.", tone: "bad" },
  no_data: { label: "no data", hint: "Nothing of this was seen, or nobody sends it." },
  no_threshold: { label: "no bound", hint: "Its threshold is a number you set: its runbook says which." },
  no_baseline: {
    label: "too new",
    hint: "There is too little of the days before to compare with.",
  },
  too_few: { label: "too few", hint: "It would be beyond, but there are not enough calls or runs to judge by." },
};

/** The runs behind a row: those of its agent, model or tool. */
export function runsOf(row: ChecklistRow): Record<string, string[] | string> {
  const { agent_id, model, tool_name } = row.labels;
  const sort: Record<string, string> = {
    Latency: "-duration_ms",
    Tokens: "-total_tokens",
    Cost: "-cost_usd",
    Errors: "-errors",
  };
  return {
    from: "1h",
    ...(agent_id ? { agent: [agent_id] } : {}),
    ...(model ? { model: [model] } : {}),
    ...(tool_name ? { tool: [tool_name] } : {}),
    ...(sort[row.category] ? { sort: sort[row.category]! } : {}),
  };
}
