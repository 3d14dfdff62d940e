/**
 * Every colour of the interface, for night and for day. Nothing else in the code names a colour.
 *
 * Values were chosen in OKLCH (equal lightness per theme, so that no step kind looks louder than another) and written as
 * sRGB. `tokens.test.ts` holds each text colour to WCAG AA (4.5:1) on every surface it is used on.
 */

/** The face of the page. Charts are told it by name: of an inherited one they cannot measure their words, and cut them off. */
export const FONT = "'Inter Variable', system-ui, -apple-system, 'Segoe UI', sans-serif";

export const STEP_KINDS = [
  "agent",
  "llm",
  "tool",
  "retriever",
  "embedding",
  "reranker",
  "guardrail",
  "handoff",
  "chain",
  "evaluator",
  "other",
] as const;

/** What kind of work a step is; the words of the server. */
export type StepKind = (typeof STEP_KINDS)[number];

/** One theme's colours. */
export interface Palette {
  /** Behind the navigation and behind code. */
  sunken: string;
  /** Page. */
  bg: string;
  /** Panels on the page. */
  panel: string;
  /** Menus, pop-overs, table headers. */
  raised: string;
  /** A row under the pointer. */
  hover: string;
  /** The selected row. */
  selected: string;
  border: string;
  borderStrong: string;
  text: string;
  muted: string;
  faint: string;
  /** The tawny accent as text. */
  accent: string;
  /** The accent as a surface, and the text on it. */
  accentFill: string;
  onAccent: string;
  /** Focus ring. */
  focus: string;
  ok: string;
  error: string;
  errorSurface: string;
  warn: string;
  warnSurface: string;
  running: string;
  kinds: Record<StepKind, string>;
  /** Bars and lines in these meanings: surfaces may be lighter than text, and look heavy where they are not. */
  okFill: string;
  warnFill: string;
  errorFill: string;
  runningFill: string;
  fills: Record<StepKind, string>;
}

/** By night text and surfaces have the same colours. */
const nightKinds: Record<StepKind, string> = {
  agent: "#eaa950",
  llm: "#91b8fd",
  tool: "#6ecf9a",
  retriever: "#4eccd3",
  embedding: "#67c4f2",
  reranker: "#9fc769",
  guardrail: "#f990c4",
  handoff: "#fc9b6f",
  chain: "#9aa5b8",
  evaluator: "#d99bf5",
  other: "#a8a49e",
};

/** The night: deep, slightly blue neutrals with one warm light in them. */
export const night: Palette = {
  sunken: "#080a0e",
  bg: "#0e1115",
  panel: "#15171c",
  raised: "#1b1e24",
  hover: "#1d2126",
  selected: "#2a2318",
  border: "#282b32",
  borderStrong: "#3e434b",
  text: "#edebe7",
  muted: "#a9acb3",
  faint: "#8d9198",
  accent: "#f1aa4f",
  accentFill: "#eaa344",
  onAccent: "#1a1206",
  focus: "#f9c87b",
  ok: "#6ecf9a",
  error: "#fd7f7d",
  errorSurface: "#2b1618",
  warn: "#eec55e",
  warnSurface: "#2a2312",
  running: "#f1aa4f",
  kinds: nightKinds,
  okFill: "#6ecf9a",
  warnFill: "#eec55e",
  errorFill: "#fd7f7d",
  runningFill: "#f1aa4f",
  fills: nightKinds,
};

/** The day: warm paper, ink, the same tawny darkened until it can be read. */
export const day: Palette = {
  sunken: "#f5f2ed",
  bg: "#fcfaf6",
  panel: "#ffffff",
  raised: "#ffffff",
  hover: "#f6f3ee",
  selected: "#fbf0dd",
  border: "#e6e3dc",
  borderStrong: "#cbc7bf",
  text: "#1b1e24",
  muted: "#51555d",
  faint: "#646971",
  accent: "#925206",
  accentFill: "#dc8a1c",
  onAccent: "#1a1206",
  focus: "#b3660a",
  ok: "#0b7643",
  error: "#be222a",
  errorSurface: "#fdeeec",
  warn: "#856000",
  warnSurface: "#fbf3d9",
  running: "#925206",
  kinds: {
    agent: "#885804",
    llm: "#305eb7",
    tool: "#0a7649",
    retriever: "#0b7176",
    embedding: "#0c6c91",
    reranker: "#4d7003",
    guardrail: "#9e366f",
    handoff: "#a24203",
    chain: "#596477",
    evaluator: "#82439d",
    other: "#67635c",
  },
  okFill: "#2a9d6c",
  warnFill: "#b48700",
  errorFill: "#dc4a4f",
  runningFill: "#c9821b",
  fills: {
    agent: "#c9821b",
    llm: "#4a7fe0",
    tool: "#2a9d6c",
    retriever: "#1c9aa0",
    embedding: "#2493c4",
    reranker: "#7a9c2e",
    guardrail: "#cc5a97",
    handoff: "#d96a2b",
    chain: "#8592a8",
    evaluator: "#a566c4",
    other: "#938e85",
  },
};

/** A palette as CSS custom properties (`--t-text`, `--t-kind-llm`, `--t-fill-llm`, …). */
export function cssVariables(palette: Palette): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [name, value] of Object.entries(palette)) {
    if (typeof value === "string") {
      out[`--t-${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`] = value;
    }
  }
  for (const kind of STEP_KINDS) {
    out[`--t-kind-${kind}`] = palette.kinds[kind];
    out[`--t-fill-${kind}`] = palette.fills[kind];
  }
  return out;
}
