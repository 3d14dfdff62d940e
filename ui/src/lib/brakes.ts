/** Brakes in words, and which of them concern an agent. Pure. */
import type { Brake } from "@/api/types";

/** What holds, and how. */
export function brakeInWords(brake: Pick<Brake, "action" | "agent" | "tool" | "version">): string {
  const what = brake.tool ? `the tool ${brake.tool}` : (brake.agent ?? "every agent");
  switch (brake.action) {
    case "human":
      return `${what} is handed over to people`;
    case "previous":
      return `${what} works as ${brake.version ?? "the version before"}`;
    default:
      return `${what} is held`;
  }
}

/** Brakes that are in force, of an agent those that hold it or everybody; all of them where none is asked for. */
export const inForce = (brakes: Brake[], agent?: string): Brake[] =>
  brakes.filter((each) => each.in_force && (agent === undefined || each.agent === null || each.agent === agent));
