/** Lines between boxes that stand in columns, and where the words of a line stand: over no box and no other words. Pure. */

export interface Point {
  x: number;
  y: number;
}

export interface Rect extends Point {
  width: number;
  height: number;
}

/** A part of a line: straight, or, with two points that draw it, a curve. */
export interface Part {
  from: Point;
  to: Point;
  bend?: [Point, Point];
}

/** How far a line that turns back reaches out of its column. */
const TURN = 44;

/** A line from left to right through a gap between columns: level where it begins and where it ends. */
const across = (from: Point, to: Point): Part => {
  const half = (to.x - from.x) / 2;
  return {
    from,
    to,
    bend: [
      { x: from.x + half, y: from.y },
      { x: to.x - half, y: to.y },
    ],
  };
};

/** A turn beside a column, to the right or to the left of it. */
const turn = (from: Point, to: Point, side: 1 | -1): Part => ({
  from,
  to,
  bend: [
    { x: from.x + side * TURN, y: from.y },
    { x: to.x + side * TURN, y: to.y },
  ],
});

/** Left and right of a column, and the height at which a line passes through it. */
export interface Lane {
  left: number;
  right: number;
  y: number;
}

/** From the right of a box to the left of one that is further right, through the columns between. */
export function forward(start: Point, lanes: readonly Lane[], end: Point): Part[] {
  const parts: Part[] = [];
  let at = start;
  for (const { left, right, y } of lanes) {
    parts.push(across(at, { x: left, y }), { from: { x: left, y }, to: { x: right, y } });
    at = { x: right, y };
  }
  return [...parts, across(at, end)];
}

/** From the right of a box back to the left of one that is not further right; lanes from right to left, one for each column. */
export function back(start: Point, lanes: readonly Lane[], end: Point): Part[] {
  const parts: Part[] = [];
  let at = start;
  for (const [place, { left, right, y }] of lanes.entries()) {
    const into = { x: right, y };
    parts.push(place === 0 ? turn(at, into, 1) : across(at, into), { from: into, to: { x: left, y } });
    at = { x: left, y };
  }
  return [...parts, turn(at, end, -1)];
}

const said = ({ x, y }: Point) => `${round(x)} ${round(y)}`;
const round = (value: number) => Math.round(value * 100) / 100;

/** A line as a path of SVG. */
export const pathOf = (parts: readonly Part[]): string =>
  parts
    .map(({ from, to, bend }, at) => {
      const begin = at === 0 ? `M${said(from)}` : "";
      return `${begin}${bend ? `C${said(bend[0])} ${said(bend[1])} ${said(to)}` : `L${said(to)}`}`;
    })
    .join("");

/** A point of a part, from 0 to 1. */
export function pointAt({ from, to, bend }: Part, share: number): Point {
  const rest = 1 - share;
  const [one, other] = bend ?? [from, to];
  // A straight part as a curve whose middle points are its ends has the same points, only not evenly.
  const of = (axis: "x" | "y") =>
    rest ** 3 * from[axis] +
    3 * rest ** 2 * share * one[axis] +
    3 * rest * share ** 2 * other[axis] +
    share ** 3 * to[axis];
  return { x: of("x"), y: of("y") };
}

/** Points along a line, close enough to tell what it touches. */
export const pointsOf = (parts: readonly Part[], each = 16): Point[] =>
  parts.flatMap((part) => Array.from({ length: each + 1 }, (_, at) => pointAt(part, at / each)));

export const inside = ({ x, y }: Point, box: Rect): boolean =>
  x > box.x && x < box.x + box.width && y > box.y && y < box.y + box.height;

export const overlap = (one: Rect, other: Rect): boolean =>
  one.x < other.x + other.width &&
  other.x < one.x + one.width &&
  one.y < other.y + other.height &&
  other.y < one.y + one.height;

/** Pixels of words: of a letter at the size in which they are written, above the line on which they stand, and below it. */
export const WORDS = { letter: 6.1, above: 9, below: 3 };

/** Words of a line: which, and along what they may stand. */
export interface Worded {
  words: string;
  parts: readonly Part[];
}

/** Where on a part words are tried, from the best: where lines of one caller have parted. */
const SHARES = [0.6, 0.5, 0.7, 0.4, 0.8, 0.3, 0.88, 0.2];
/** Above the line, or below it. */
const OFFSETS = [-4, 12];

/** The room that words take whose middle is at a point. */
export const roomOf = (words: string, { x, y }: Point): Rect => {
  const width = words.length * WORDS.letter;
  return { x: x - width / 2, y: y - WORDS.above, width, height: WORDS.above + WORDS.below };
};

/**
 * Where the words of each line stand, by their middle: clear of boxes, of each other, and where there is a choice of other
 * lines. Words that have no such place are left out.
 */
export function placesOfWords(
  worded: readonly Worded[],
  boxes: readonly Rect[],
  lines: readonly (readonly Part[])[],
  whole: { width: number; height: number },
): (Point | undefined)[] {
  const drawn = lines.map((parts) => ({ parts, points: pointsOf(parts, 10) }));
  const taken: Rect[] = [];
  return worded.map(({ words, parts }) => {
    const others = drawn.filter((line) => line.parts !== parts).map((line) => line.points);
    let best: { at: Point; room: Rect; crossed: number } | undefined;
    for (const at of candidates(parts)) {
      const free = within(roomOf(words, at), boxes, whole);
      if (!free || taken.some((room) => overlap(room, free))) continue;
      const crossed = others.filter((points) => points.some((point) => inside(point, free))).length;
      if (best && best.crossed <= crossed) continue;
      best = { at: { x: free.x + free.width / 2, y: at.y }, room: free, crossed };
      if (crossed === 0) break;
    }
    if (best) taken.push(best.room);
    return best?.at;
  });
}

/** Points at which words of a line may stand: curves first, the last of them before the others, as it leads to its own end only. */
function* candidates(parts: readonly Part[]): Generator<Point> {
  const order = [...parts].reverse();
  for (const part of [...order.filter((each) => each.bend), ...order.filter((each) => !each.bend)])
    for (const share of SHARES)
      for (const offset of OFFSETS) {
        const { x, y } = pointAt(part, share);
        yield { x, y: y + offset };
      }
}

/** A room moved aside as far as it must be to touch no box and to be seen whole; none where that does not help. */
function within(room: Rect, boxes: readonly Rect[], whole: { width: number; height: number }): Rect | undefined {
  if (room.y < 0 || room.y + room.height > whole.height) return undefined;
  const middle = room.x + room.width / 2;
  let [least, most] = [0, whole.width];
  for (const box of boxes) {
    if (box.y >= room.y + room.height || box.y + box.height <= room.y) continue;
    if (box.x + box.width <= middle) least = Math.max(least, box.x + box.width + 2);
    else if (box.x >= middle) most = Math.min(most, box.x - 2);
    else return undefined;
  }
  if (most - least < room.width) return undefined;
  return { ...room, x: Math.min(Math.max(room.x, least), most - room.width) };
}
