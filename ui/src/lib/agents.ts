/** The agents of a run as a tree, told from the top. */

export interface HasParent {
  /** Position of the parent in the list; null for the top. */
  parent?: number | null;
}

/** Each agent with its depth, parents before children, in the order of the list; what lies in a cycle comes last, at the top. */
export function agentRows<A extends HasParent>(agents: readonly A[]): { agent: A; depth: number }[] {
  const out: { agent: A; depth: number }[] = [];
  const seen = new Set<number>();
  const visit = (at: number, depth: number) => {
    if (seen.has(at)) return;
    seen.add(at);
    out.push({ agent: agents[at]!, depth });
    agents.forEach((each, child) => {
      if (each.parent === at) visit(child, depth + 1);
    });
  };
  agents.forEach((each, at) => {
    if (each.parent == null || !agents[each.parent]) visit(at, 0);
  });
  agents.forEach((_, at) => {
    visit(at, 0);
  });
  return out;
}

/** What the agents below a row cost together; null where that of none is known. `rows` are those of `agentRows`. */
export function delegatedUsd(
  rows: readonly { agent: { cost_usd: number | null }; depth: number }[],
  at: number,
): number | null {
  let sum: number | null = null;
  for (let below = at + 1; below < rows.length && rows[below]!.depth > rows[at]!.depth; below += 1) {
    const { cost_usd: cost } = rows[below]!.agent;
    if (cost !== null) sum = (sum ?? 0) + cost;
  }
  return sum;
}
