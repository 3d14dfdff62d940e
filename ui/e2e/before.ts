/**
 * What is sent before all tests: what only shows once runs have settled, rules fired and detectors looked. That goes on while
 * other files are tested, so that nobody waits for it in turn.
 */
import type { TestProject } from "vitest/node";
import { type Drift, sendDrift } from "./drift";
import { LISTENS, listen } from "./receiver";
import { sendFleet, sendLoop } from "./settled";
import { sendTrouble, type Trouble } from "./trouble";

declare module "vitest" {
  export interface ProvidedContext {
    /** An agent in trouble for each file that needs one: the files change what they look at. */
    troubles: Record<"alerts" | "incident" | "oncall", Trouble>;
    drift: Drift;
    fleet: Awaited<ReturnType<typeof sendFleet>>;
    loop: Awaited<ReturnType<typeof sendLoop>>;
  }
}

export async function setup(project: TestProject) {
  const stop = LISTENS ? await listen() : undefined;
  // First what takes longest.
  project.provide("drift", await sendDrift());
  const troubles = { alerts: await sendTrouble(), incident: await sendTrouble(), oncall: await sendTrouble() };
  project.provide("troubles", troubles);
  project.provide("fleet", await sendFleet());
  project.provide("loop", await sendLoop());
  return stop;
}
