/** Two runs beside each other: what the URL says, which pairs are shown, what of two texts differs. Pure. */

export interface CompareSearch {
  /** The first run. */
  a?: string;
  /** The second; without one the first is held against what such runs usually are. */
  b?: string;
  /** Further ones: then all are beside each other in one table. */
  more?: string[];
  /** By what that table is ordered: a column, with `-` in front for the largest first. */
  order?: string;
  /** Only pairs that differ. */
  only?: "different";
  /** The pair whose texts are shown. */
  pair?: number;
}

/** Runs that are put beside each other at most. */
export const COMPARED_MAX = 20;

/** The page's search for some runs; a single one is held against what is usual. */
export function comparing(ids: readonly string[]): CompareSearch {
  const [a, b, ...more] = ids.slice(0, COMPARED_MAX);
  return { ...(a ? { a } : {}), ...(b ? { b } : {}), ...(more.length > 0 ? { more } : {}) };
}

/** The lowest, the middle and the highest of some numbers; nothing of what is not known. */
export function spread(
  values: (number | null | undefined)[],
): { low: number; middle: number; high: number } | undefined {
  const known = values.filter((value) => value != null).sort((one, other) => one - other);
  const [low, high] = [known[0], known.at(-1)];
  if (low === undefined || high === undefined) return undefined;
  const half = known.length >> 1;
  const middle = known.length % 2 === 1 ? known[half]! : (known[half - 1]! + known[half]!) / 2;
  return { low, middle, high };
}

const trace = (value: unknown) => {
  const said = String(value ?? "")
    .trim()
    .toLowerCase();
  return /^[0-9a-f]{32}$/.test(said) ? said : undefined;
};

export function readCompareSearch(raw: Record<string, unknown>): CompareSearch {
  const pair = Number(raw.pair ?? Number.NaN);
  const [a, b] = [trace(raw.a), trace(raw.b)];
  const others = [raw.more].flat().flatMap((value) => trace(value) ?? []);
  const more = [...new Set(others)].filter((id) => id !== a && id !== b).slice(0, COMPARED_MAX - 2);
  const out: CompareSearch = {
    a,
    b,
    more: a && b && more.length > 0 ? more : undefined,
    order: typeof raw.order === "string" && /^-?[a-z]+$/.test(raw.order) ? raw.order : undefined,
    only: raw.only === "different" ? "different" : undefined,
    pair: Number.isInteger(pair) && pair >= 0 ? pair : undefined,
  };
  return Object.fromEntries(Object.entries(out).filter(([, value]) => value !== undefined));
}

/** A trace id out of whatever was pasted: an id, or an address of a run. */
export const pastedTrace = (text: string): string | undefined => /[0-9a-f]{32}/.exec(text.toLowerCase())?.[0];

/** A part of a text, and whether the other text has it too. */
export interface Piece {
  text: string;
  differs: boolean;
}

/** Words that are compared; beyond them the rest counts as different. */
const WORDS_MAX = 600;

const words = (text: string) => text.match(/\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) ?? [];

/** What two texts have in common, word by word: the pieces of each. */
export function pieces(left: string, right: string): [Piece[], Piece[]] {
  const [a, b] = [words(left), words(right)];
  const [one, other] = [a.slice(0, WORDS_MAX), b.slice(0, WORDS_MAX)];
  const width = other.length + 1;
  // Lengths of the longest common rests.
  const rest = new Uint16Array((one.length + 1) * width);
  for (let i = one.length - 1; i >= 0; i -= 1)
    for (let j = other.length - 1; j >= 0; j -= 1)
      rest[i * width + j] =
        one[i] === other[j]
          ? rest[(i + 1) * width + j + 1]! + 1
          : Math.max(rest[(i + 1) * width + j]!, rest[i * width + j + 1]!);
  const out: [Piece[], Piece[]] = [[], []];
  const add = (side: 0 | 1, text: string, differs: boolean) => {
    const last = out[side].at(-1);
    if (last?.differs === differs) last.text += text;
    else if (text) out[side].push({ text, differs });
  };
  let [i, j] = [0, 0];
  while (i < one.length || j < other.length) {
    if (i < one.length && j < other.length && one[i] === other[j]) {
      add(0, one[i]!, false);
      add(1, other[j]!, false);
      i += 1;
      j += 1;
    } else if (j >= other.length || (i < one.length && rest[(i + 1) * width + j]! >= rest[i * width + j + 1]!)) {
      add(0, one[i]!, true);
      i += 1;
    } else {
      add(1, other[j]!, true);
      j += 1;
    }
  }
  add(0, a.slice(WORDS_MAX).join(""), true);
  add(1, b.slice(WORDS_MAX).join(""), true);
  return [joined(out[0]), joined(out[1])];
}

/** Words that differ are one piece with the space between them. */
function joined(pieces: Piece[]): Piece[] {
  const out: Piece[] = [];
  for (const [at, piece] of pieces.entries()) {
    const between = !piece.text.trim() && out.at(-1)?.differs && pieces[at + 1]?.differs;
    const last = out.at(-1);
    if (last && (between || last.differs === piece.differs)) last.text += piece.text;
    else out.push({ ...piece });
  }
  return out;
}
