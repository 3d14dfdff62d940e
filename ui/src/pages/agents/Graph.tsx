/** Who calls whom over many runs: the wider a way, the more calls; amber where some fail, red where many do. */

import { useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState } from "react";
import {
  type Drawn,
  failedShare,
  failing,
  type Layout,
  layout,
  NODE_HEIGHT,
  NODE_WIDTH,
  type Node,
  type Way,
} from "@/lib/fleetGraph";
import { compact, duration } from "@/lib/format";
import { fixed } from "@/lib/locale";
import { pathOf, placesOfWords } from "@/lib/routes";
import { kindStyle, STEP_KINDS, type StepKind } from "@/theme/kinds";
import { Nothing } from "@/ui/Board";
import classes from "./Graph.module.css";

/** Where the name in a node begins, and the room that its count takes. */
const NAME_X = 26;
const COUNT_WIDTH = 42;
/** Narrower than that it scrolls: words could not be read. */
const LEAST_SCALE = 0.75;
/** A graph of more than 25 rows has a window of its own. */
const TALL = 25 * 46;
const percent = (share: number) => `${fixed(share * 100, share < 0.1 ? 1 : 0)} %`;

const sayWay = (way: Way) =>
  `${way.caller ?? "outside"} to ${way.callee}: ${compact(way.calls)} calls, 95 of 100 within ${duration(way.p95_ms)}, ${percent(failedShare(way))} failed`;

export function Graph({ ways }: { ways: Way[] }) {
  const drawing = useMemo(() => layout(ways), [ways]);
  const [on, setOn] = useState<string>();
  // A tall graph is opened where it begins: with few agents and many tools its upper left is empty.
  const box = useRef<HTMLElement>(null);
  const shown = useRef(false);
  useEffect(() => {
    const { current } = box;
    if (!current || shown.current || drawing.nodes.length === 0) return;
    shown.current = true;
    const left = Math.min(...drawing.nodes.map((node) => node.x));
    const top = Math.min(...drawing.nodes.filter((node) => node.x === left).map((node) => node.y));
    current.scrollTop = Math.max(0, top - NODE_HEIGHT * 2);
  }, [drawing]);
  if (ways.length === 0)
    return <Nothing>No agent called anything in this time. Runs are counted once they have settled.</Nothing>;
  const most = Math.max(1, ...drawing.ways.map(({ way }) => way.calls));
  const touches = ({ from, to }: Drawn) => from.id === on || to.id === on;
  const near = new Set(drawing.ways.filter(touches).flatMap(({ from, to }) => [from.id, to.id]));
  return (
    <section
      ref={box}
      className={classes.box}
      data-tall={drawing.height > TALL || undefined}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reached by the keyboard
      tabIndex={0}
      aria-label="Graph of agents; the same in words is in the table of calls"
    >
      <svg
        viewBox={`0 0 ${drawing.width} ${drawing.height}`}
        style={{ width: "100%", minWidth: drawing.width * LEAST_SCALE, maxWidth: drawing.width }}
        role="group"
        aria-label="Graph of agents"
      >
        <title>Who calls whom</title>
        {drawing.ways.map((drawn) => (
          <path
            key={`${drawn.from.id}\n${drawn.to.id}`}
            d={pathOf(drawn.line)}
            className={`${classes.way} ${on && !touches(drawn) ? classes.dim : ""}`}
            data-errors={failing(drawn.way)}
            data-on={(on && touches(drawn)) || undefined}
            strokeWidth={1.2 + 5 * Math.sqrt(drawn.way.calls / most)}
          >
            <title>{sayWay(drawn.way)}</title>
          </path>
        ))}
        <Labels drawing={drawing} on={on} />
        {drawing.nodes.map((node) => (
          <Box
            key={node.id}
            node={node}
            dim={on !== undefined && node.id !== on && !near.has(node.id)}
            onOver={setOn}
          />
        ))}
      </svg>
    </section>
  );
}

/** Ways with words: all of few, of many those of the node that is looked at. */
const WORDS = 8;

const wordsOf = (way: Way) => `${compact(way.calls)} · ${duration(way.p95_ms)}`;
const failedOf = (way: Way) => (failing(way) ? ` · ${percent(failedShare(way))}` : "");

function Labels({ drawing, on }: { drawing: Layout; on?: string }) {
  const worded = useMemo(() => {
    const { ways, nodes } = drawing;
    const shown = on ? ways.filter(({ from, to }) => from.id === on || to.id === on) : ways.length <= WORDS ? ways : [];
    const places = placesOfWords(
      shown.map(({ way, line }) => ({ words: wordsOf(way) + failedOf(way), parts: line })),
      nodes.map(({ x, y }) => ({ x, y, width: NODE_WIDTH, height: NODE_HEIGHT })),
      ways.map(({ line }) => line),
      drawing,
    );
    return shown.flatMap((drawn, index) => (places[index] ? [{ ...drawn, at: places[index] }] : []));
  }, [drawing, on]);
  return worded.map(({ way, from, to, at }) => (
    <text key={`${from.id}\n${to.id}`} x={at.x} y={at.y} className={classes.label}>
      {wordsOf(way)}
      {failing(way) && <tspan data-bad={failing(way)}>{failedOf(way)}</tspan>}
    </text>
  ));
}

function Box({ node, dim, onOver }: { node: Node; dim: boolean; onOver: (id: string | undefined) => void }) {
  const navigate = useNavigate();
  const kind = STEP_KINDS.includes(node.kind as StepKind) ? (node.kind as StepKind) : undefined;
  const open = () => {
    if (node.kind === "agent")
      void navigate({ to: "/agents/agent", search: (before) => ({ ...before, name: node.name, order: undefined }) });
    else if (node.kind === "tool") void navigate({ to: "/tools", search: { tool: [node.name] } });
  };
  const leads = node.kind === "agent" || node.kind === "tool";
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it has a role of its own below
    <g
      transform={`translate(${node.x} ${node.y})`}
      className={`${classes.node} ${dim ? classes.dim : ""}`}
      style={{ ...(kind ? kindStyle(kind) : {}), cursor: leads ? "pointer" : "default" }}
      {...(leads
        ? {
            role: "link",
            tabIndex: 0,
            onClick: open,
            onKeyDown: (event: React.KeyboardEvent) => event.key === "Enter" && open(),
          }
        : { role: "img" })}
      aria-label={`${node.kind === "outside" ? "From outside" : `${node.kind} ${node.name}`}${node.calls > 0 ? `, ${compact(node.calls)} calls` : ""}`}
      onPointerEnter={() => onOver(node.id)}
      onPointerLeave={() => onOver(undefined)}
      onFocus={() => onOver(node.id)}
      onBlur={() => onOver(undefined)}
    >
      <title>{node.name}</title>
      <rect width={NODE_WIDTH} height={NODE_HEIGHT} rx={7} />
      <circle cx={14} cy={NODE_HEIGHT / 2} r={4} className={classes.dot} />
      {/* In HTML, so that a long name is cut by the browser and the whole of it stays the label. */}
      <foreignObject x={NAME_X} width={NODE_WIDTH - NAME_X - (node.calls > 0 ? COUNT_WIDTH : 10)} height={NODE_HEIGHT}>
        <div className={`${classes.name} cut`} style={{ lineHeight: `${NODE_HEIGHT}px` }}>
          {node.name}
        </div>
      </foreignObject>{" "}
      {node.calls > 0 && (
        <text x={NODE_WIDTH - 10} y={NODE_HEIGHT / 2 + 4} className={classes.calls}>
          {compact(node.calls)}
        </text>
      )}
    </g>
  );
}
