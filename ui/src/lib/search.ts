/** What the URLs of the smaller pages say. */

export const RUN_VIEWS = ["steps", "transcript", "agents", "logs", "raw"] as const;
export type RunView = (typeof RUN_VIEWS)[number];

export const STEP_TABS = ["messages", "tool", "retrieval", "attributes", "events", "logs", "raw"] as const;
export type StepTab = (typeof STEP_TABS)[number];

export interface RunSearch {
  /** Selected step. */
  step?: string;
  /** Open tab of the step; absent means the one that says most. */
  tab?: StepTab;
  /** What is shown of the run; absent means its steps. */
  view?: RunView;
  /** Text the steps are filtered by. */
  find?: string;
  /** The critical path is drawn out. */
  path?: true;
  /** Playback stands at this many milliseconds after the start; absent means there is none. */
  at?: number;
  /** Text looked for among the logs or the attributes that are shown. */
  look?: string;
  /** The whole conversation of the step, not only what is new in it. */
  all?: true;
  /** Sub-agents of the transcript that are unfolded where they would be folded, or the other way round. */
  turned?: string[];
  /** Everything below the first step is folded; absent means nothing is. */
  fold?: "all";
  /** Steps of the tree that are folded where they would not be, or the other way round. */
  bent?: string[];
  /** Steps of a large run below which more was asked for, as often as it was. */
  opened?: string[];
}

/** Steps that an address names at most, for each of its lists. */
const STEPS_NAMED = 200;

/** A span's id, as URLs name it. */
const SPAN_ID = /^[0-9a-f]{16}$/;

/** Text that is not empty. */
export const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);
/** The word that a value is, if it is one of them. */
export const among = <T extends string>(words: readonly T[], value: unknown) => words.find((word) => word === value);
/** Without what is absent. */
export const compactObject = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as T;

export function readRunSearch(raw: Record<string, unknown>): RunSearch {
  const step = text(raw.step);
  const view = among(RUN_VIEWS, raw.view);
  const steps = (value: unknown) => {
    const ids = [value].flat().filter((id): id is string => typeof id === "string" && SPAN_ID.test(id));
    return ids.length > 0 ? ids.slice(0, STEPS_NAMED) : undefined;
  };
  return compactObject<RunSearch>({
    step: step && SPAN_ID.test(step) ? step : undefined,
    tab: among(STEP_TABS, raw.tab),
    view: view === "steps" ? undefined : view,
    find: text(raw.find),
    path: String(raw.path) === "true" || undefined,
    at: raw.at !== undefined && Number(raw.at) >= 0 ? Number(raw.at) : undefined,
    look: text(raw.look),
    all: String(raw.all) === "true" || undefined,
    turned: steps(raw.turned),
    fold: raw.fold === "all" ? "all" : undefined,
    bent: steps(raw.bent),
    opened: steps(raw.opened),
  });
}

export interface IncidentSearch {
  /** All changes, not only the nearest. */
  all?: true;
}

export const readIncidentSearch = (raw: Record<string, unknown>): IncidentSearch =>
  compactObject<IncidentSearch>({ all: String(raw.all) === "true" || undefined });

export interface DoctorSearch {
  /** Since when telemetry is looked at; absent means the last hour. */
  from?: string;
  /** Only this service. */
  of?: string;
}

export function readDoctorSearch(raw: Record<string, unknown>): DoctorSearch {
  const from = text(raw.from);
  return compactObject<DoctorSearch>({
    from: from && /^\d+[smhdw]$/.test(from) ? from : undefined,
    of: text(raw.of),
  });
}

export interface ConnectSearch {
  /** What sends; absent means the first. */
  framework?: string;
}

export const readConnectSearch = (raw: Record<string, unknown>): ConnectSearch =>
  compactObject<ConnectSearch>({ framework: text(raw.framework) });

export interface SessionSearch {
  /** The session. */
  id: string;
  /** The run whose whole conversation is unfolded. */
  open?: string;
}

export const readSessionSearch = (raw: Record<string, unknown>): SessionSearch =>
  compactObject<SessionSearch>({ id: text(raw.id) ?? "", open: text(raw.open) });

export interface SqlSearch {
  q?: string;
  /** Drawn instead of listed. */
  as?: "chart";
  /** The column along the axis of the chart. */
  x?: string;
}

export const readSqlSearch = (raw: Record<string, unknown>): SqlSearch =>
  compactObject<SqlSearch>({ q: text(raw.q), as: raw.as === "chart" ? "chart" : undefined, x: text(raw.x) });
