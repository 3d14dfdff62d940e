/** How each kind of step looks: its word, its icon and its colour, everywhere the same. */
import {
  type Icon,
  IconArrowRampRight,
  IconCircleDot,
  IconFeather,
  IconFileSearch,
  IconGavel,
  IconLink,
  IconShieldHalf,
  IconSortDescending2,
  IconSparkles,
  IconTool,
  IconVector,
} from "@tabler/icons-react";
import type { CSSProperties } from "react";
import classes from "./kinds.module.css";
import type { StepKind } from "./tokens";

export { STEP_KINDS, type StepKind } from "./tokens";

interface Look {
  label: string;
  plural: string;
  icon: Icon;
}

export const KIND_LOOK: Record<StepKind, Look> = {
  agent: { label: "Agent", plural: "agents", icon: IconFeather },
  llm: { label: "LLM", plural: "LLM calls", icon: IconSparkles },
  tool: { label: "Tool", plural: "tools", icon: IconTool },
  retriever: { label: "Retriever", plural: "retrievals", icon: IconFileSearch },
  embedding: { label: "Embedding", plural: "embeddings", icon: IconVector },
  reranker: { label: "Reranker", plural: "rerankings", icon: IconSortDescending2 },
  guardrail: { label: "Guardrail", plural: "guardrails", icon: IconShieldHalf },
  handoff: { label: "Hand-off", plural: "hand-offs", icon: IconArrowRampRight },
  chain: { label: "Chain", plural: "chains", icon: IconLink },
  evaluator: { label: "Evaluator", plural: "evaluations", icon: IconGavel },
  other: { label: "Other", plural: "other steps", icon: IconCircleDot },
};

/** The colour of a kind as a CSS value. */
export const kindColor = (kind: StepKind) => `var(--t-kind-${kind})`;

/** Sets `--kind` and, for bars, `--fill`, which the style sheets of rows, bars and badges read. */
export const kindStyle = (kind: StepKind) =>
  ({ "--kind": kindColor(kind), "--fill": `var(--t-fill-${kind})` }) as CSSProperties;

/** The icon of a kind on its tinted tile. */
export function KindTile({ kind, size = 18 }: { kind: StepKind; size?: number }) {
  const { icon: Glyph, label } = KIND_LOOK[kind];
  return (
    <span
      className={classes.tile}
      style={{ ...kindStyle(kind), width: size, height: size }}
      role="img"
      aria-label={label}
      title={label}
    >
      <Glyph size={Math.round(size * 0.7)} stroke={1.8} aria-hidden />
    </span>
  );
}

/** Icon and word of a kind. */
export function KindBadge({ kind }: { kind: StepKind }) {
  const { icon: Glyph, label } = KIND_LOOK[kind];
  return (
    <span className={classes.badge} style={kindStyle(kind)}>
      <Glyph size={12} stroke={1.9} aria-hidden />
      {label}
    </span>
  );
}

/** A part is at least so much of the bar: a single call among hundreds is there to be seen. */
const PART_LEAST = 0.04;

/** How many steps of each kind, as a bar of coloured parts in the order of the kinds: one element, for each row of a list has one. */
export function KindMix({ counts, label }: { counts: Partial<Record<StepKind, number>>; label?: string }) {
  const parts = (Object.keys(KIND_LOOK) as StepKind[])
    .map((kind) => [kind, counts[kind] ?? 0] as const)
    .filter(([, n]) => n > 0);
  const text = parts.map(([kind, n]) => `${n} ${KIND_LOOK[kind].plural}`).join(", ");
  return (
    <span
      className={classes.mix}
      style={{ backgroundImage: partsOf(parts) }}
      role="img"
      aria-label={label ?? text}
      title={text}
    />
  );
}

/** Parts side by side with a pixel between them. */
function partsOf(parts: (readonly [StepKind, number])[]): string | undefined {
  const total = parts.reduce((sum, [, n]) => sum + n, 0);
  const shares = parts.map(([, n]) => Math.max(n / total, PART_LEAST));
  const whole = shares.reduce((sum, share) => sum + share, 0);
  let end = 0;
  const stops = parts.map(([kind], at) => {
    const from = end;
    end += (shares[at]! / whole) * 100;
    const gap = at < parts.length - 1 ? `, transparent calc(${end.toFixed(1)}% - 1px) ${end.toFixed(1)}%` : "";
    return `var(--t-fill-${kind}) ${from.toFixed(1)}% calc(${end.toFixed(1)}% - ${gap ? 1 : 0}px)${gap}`;
  });
  return parts.length > 0 ? `linear-gradient(90deg, ${stops.join(", ")})` : undefined;
}
