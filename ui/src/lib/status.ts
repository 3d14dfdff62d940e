/** The store's own figures as names and values. Pure. */
import { bytes, count } from "./format";

/** What the store's figures are, in the order in which they are shown; one that is not here is called as the server calls it. */
const NAMED: Record<string, string> = {
  hot_bytes: "In memory, not in a file yet",
  hot_bytes_max: "In memory at most",
  hot_limit_reached: "Refused because memory was full",
  queue_bytes: "Waiting for the log",
  queue_bytes_max: "Waiting for the log at most",
  queue_limit_reached: "Refused because too much waited",
  cache_limit_reached: "Read from the bucket again",
  log_files: "Log files",
  log_bytes: "Log",
  log_sequence: "Requests ever logged",
  log_flushed: "Of those requests, in files",
  log_failures: "Failed writes of the log",
  log_damaged: "Damaged parts of the log, put aside",
  log_torn_bytes: "Cut off the log at start",
  filter_bytes: "Filters in memory",
  commits: "Requests kept",
  syncs: "Syncs of the log",
  replayed: "Requests read back at start",
  duplicate_spans: "Spans sent again",
  duplicate_logs: "Log records sent again",
  duplicate_samples: "Samples sent again",
  flushes: "Files written",
  compactions: "Files put together",
  environments_folded: "Environments that share a directory",
  days_folded: "Rows that share a file with other days",
  missing_segments: "Files that are missing",
  unreadable_segments: "Files that cannot be read",
  set_aside: "Unknown files put aside at start",
  body_bytes_seen: "Content received",
  body_bytes_kept: "Content kept, each text once",
  known_bodies_bytes: "Memory for texts known to be kept",
  known_bodies_let_go: "Runs whose texts are no longer known",
};

/** What the figures of a table are. */
const COLUMNS: Record<string, string> = {
  bytes: "Size",
  hot_rows: "Rows in memory",
  sealed_rows: "Rows in files",
  replaced_rows: "Of those, replaced",
  segments: "Files",
};

/** Those that have a name in the order of the names, others behind them as they came. */
function inOrder(keys: string[], names: Record<string, string>): string[] {
  const named = Object.keys(names).filter((key) => keys.includes(key));
  return [...named, ...keys.filter((key) => !named.includes(key))];
}

/** Nested figures become "a, b"; names say their unit (`…_bytes`). */
export function facts(value: unknown, path: string[] = []): [string, string][] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  const figures = value as Record<string, unknown>;
  return inOrder(Object.keys(figures), path.length === 0 ? NAMED : {}).flatMap((key): [string, string][] => {
    const each = figures[key];
    const name = [...path, key];
    const said = (path.length === 0 && NAMED[key]) || title(name);
    if (typeof each === "number") return [[said, /bytes/.test(name.join("_")) ? bytes(each) : count(each)]];
    if (typeof each === "string") return [[said, each]];
    if (typeof each === "boolean") return [[said, each ? "yes" : "no"]];
    return facts(each, name);
  });
}

/** Figures of each table side by side: `{spans: {rows: 1, bytes: 2}}`. Tables may lack some. */
export function tableRows(tables: unknown): { columns: string[]; rows: [string, string[]][] } {
  if (typeof tables !== "object" || tables === null) return { columns: [], rows: [] };
  const entries = Object.entries(tables).filter(
    (entry): entry is [string, Record<string, unknown>] => typeof entry[1] === "object" && entry[1] !== null,
  );
  const keys = inOrder([...new Set(entries.flatMap(([, figures]) => Object.keys(figures)))].sort(), COLUMNS);
  const show = (key: string, value: unknown) =>
    typeof value === "number" ? (key.includes("bytes") ? bytes(value) : count(value)) : "–";
  return {
    columns: keys.map((key) => COLUMNS[key] ?? title([key])),
    rows: entries.map(([name, figures]) => [name, keys.map((key) => show(key, figures[key]))]),
  };
}

function title(path: string[]): string {
  const words = path
    .join(", ")
    .replaceAll("_", " ")
    .replace(/(?<=[a-z]) bytes$/, "");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
