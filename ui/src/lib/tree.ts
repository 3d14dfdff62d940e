/** The steps of a run as the rows of a foldable tree. */

/** What the tree needs of a step; the server gives steps in pre-order, so depth alone makes the tree. */
export interface TreeStep {
  span_id: string;
  depth: number;
}

/** A step's place: positions are indexes into the steps. */
export interface Node<S extends TreeStep> {
  step: S;
  index: number;
  /** Position of the parent, -1 for a root. */
  parent: number;
  /** Position after the last descendant. */
  end: number;
}

export interface Row<S extends TreeStep> extends Node<S> {
  /** Steps below it. */
  descendants: number;
  collapsed: boolean;
  /** The row of the parent. */
  up: Row<S> | undefined;
  /** A sibling follows further down. */
  goesOn: boolean;
  /** `false` for a row that is shown only because a descendant matches the filter. */
  matches: boolean;
}

export function buildTree<S extends TreeStep>(steps: readonly S[]): Node<S>[] {
  const nodes: Node<S>[] = [];
  const path: number[] = [];
  for (const [index, step] of steps.entries()) {
    // A depth that skips levels would hang in the air: it counts as one below the step before.
    while (path.length > 0 && nodes[path[path.length - 1]!]!.step.depth >= step.depth) {
      nodes[path.pop()!]!.end = index;
    }
    nodes.push({ step, index, parent: path.at(-1) ?? -1, end: index + 1 });
    path.push(index);
  }
  for (const open of path) nodes[open]!.end = steps.length;
  return nodes;
}

/** Rows to show: those not below a collapsed one; with a filter, the matching ones and their ancestors. */
export function visibleRows<S extends TreeStep>(
  nodes: readonly Node<S>[],
  collapsed: ReadonlySet<string>,
  filter?: (step: S) => boolean,
): Row<S>[] {
  const shown = new Map<number, boolean>();
  if (filter) {
    for (const node of nodes) {
      if (!filter(node.step)) continue;
      shown.set(node.index, true);
      for (let up = node.parent; up >= 0 && !shown.has(up); up = nodes[up]!.parent) shown.set(up, false);
    }
  }
  const kept: Node<S>[] = [];
  for (let at = 0; at < nodes.length; ) {
    const node = nodes[at]!;
    if (!filter || shown.has(at)) kept.push(node);
    at = collapsed.has(node.step.span_id) && !filter ? node.end : at + 1;
  }

  // Seen from the bottom, the first child met of a parent is its last one: no line goes on below it.
  const hasLater = new Set<number>();
  const goesOn = new Map<number, boolean>();
  for (const node of kept.toReversed()) {
    goesOn.set(node.index, hasLater.has(node.parent));
    hasLater.add(node.parent);
  }
  const rowOf = new Map<number, Row<S>>();
  return kept.map((node) => {
    const row: Row<S> = {
      ...node,
      descendants: node.end - node.index - 1,
      collapsed: !filter && collapsed.has(node.step.span_id) && node.end > node.index + 1,
      up: rowOf.get(node.parent),
      goesOn: goesOn.get(node.index)!,
      matches: !filter || shown.get(node.index) === true,
    };
    rowOf.set(node.index, row);
    return row;
  });
}

/** Steps that are folded: none or all below the roots, and of those `bent` the other way round. */
export function foldedSteps<S extends TreeStep>(
  nodes: readonly Node<S>[],
  fold: "all" | undefined,
  bent: readonly string[],
): ReadonlySet<string> {
  const out = new Set<string>();
  if (fold) for (const node of nodes) if (node.end > node.index + 1 && node.parent >= 0) out.add(node.step.span_id);
  for (const id of bent) if (!out.delete(id)) out.add(id);
  return out;
}

/** `bent` after a step was turned the other way. */
export const bend = (bent: readonly string[], ids: readonly string[]): string[] => {
  const out = new Set(bent);
  for (const id of ids) if (!out.delete(id)) out.add(id);
  return [...out];
};

/** For each level from the top: whether a line goes on downwards there. The last entry is the row's own level; roots have none. */
export function guides<S extends TreeStep>(row: Row<S>): boolean[] {
  const out: boolean[] = [];
  for (let at: Row<S> = row; at.up; at = at.up) out.push(at.goesOn);
  return out.reverse();
}

/** Folded steps that hide `spanId`: those above it. */
export function hiding<S extends TreeStep>(
  nodes: readonly Node<S>[],
  collapsed: ReadonlySet<string>,
  spanId: string,
): string[] {
  const at = nodes.findIndex((node) => node.step.span_id === spanId);
  const out: string[] = [];
  for (let up = at >= 0 ? nodes[at]!.parent : -1; up >= 0; up = nodes[up]!.parent) {
    if (collapsed.has(nodes[up]!.step.span_id)) out.push(nodes[up]!.step.span_id);
  }
  return out;
}
