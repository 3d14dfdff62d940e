/** Two keys after one another, as `g` and then the letter of a page. Pure. */

/** The second key belongs to the first for so long. */
export const TOGETHER_MS = 1000;

/**
 * Takes keys with their times (milliseconds since the page began) and says of each whether it follows `first`.
 * Before `first` was pressed nothing follows it: a key in the page's first second is a key of its own.
 */
export function chord(first: string): (key: string, at: number) => boolean {
  let began = Number.NEGATIVE_INFINITY;
  return (key, at) => {
    const follows = key !== first && at - began < TOGETHER_MS;
    began = key === first ? at : Number.NEGATIVE_INFINITY;
    return follows;
  };
}
