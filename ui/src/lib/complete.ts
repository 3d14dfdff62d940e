/** What may be written next in a PromQL query: where the caret is decides among metrics, functions, labels, values and times. Pure. */

/** What is being written at the caret. */
export type Place =
  /** A metric, a function, an aggregation or a keyword. */
  | { kind: "word"; from: number; prefix: string }
  /** A label, of series of the selector. */
  | { kind: "label"; from: number; prefix: string; selector: string }
  /** A value of a label, in quotes. */
  | { kind: "value"; from: number; prefix: string; label: string; selector: string }
  /** A length of time in brackets. */
  | { kind: "range"; from: number; prefix: string };

/** Words after which brackets name labels. */
const LABEL_LISTS = /\b(by|without|on|ignoring|group_left|group_right)\s*$/;

/** Times offered for ranges. */
export const RANGES = ["1m", "5m", "15m", "30m", "1h", "6h", "1d", "7d"];

interface Open {
  sign: string;
  at: number;
}

/** What is open at the caret: brackets, and the quote it is in. */
function open(text: string): { brackets: Open[]; quote: Open | undefined } {
  const brackets: Open[] = [];
  let quote: Open | undefined;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at]!;
    if (quote) {
      if (sign === "\\") at += 1;
      else if (sign === quote.sign) quote = undefined;
    } else if (sign === '"' || sign === "'" || sign === "`") quote = { sign, at };
    else if (sign === "#") {
      const end = text.indexOf("\n", at);
      if (end < 0) break;
      at = end;
    } else if ("({[".includes(sign)) brackets.push({ sign, at });
    else if (")}]".includes(sign)) brackets.pop();
  }
  return { brackets, quote };
}

const METRIC_BEFORE = /([a-zA-Z_:][a-zA-Z0-9_:]*)\s*$/;

/** The place at the caret; undefined where nothing can be offered. */
export function placeAt(query: string, caret: number): Place | undefined {
  const text = query.slice(0, caret);
  const { brackets, quote } = open(text);
  const inner = brackets.at(-1);
  if (quote) {
    if (inner?.sign !== "{") return undefined;
    const label = /([a-zA-Z_][a-zA-Z0-9_]*)\s*(?:=~|!~|!=|=)\s*$/.exec(text.slice(inner.at + 1, quote.at))?.[1];
    if (!label) return undefined;
    const selector = METRIC_BEFORE.exec(text.slice(0, inner.at))?.[1] ?? "";
    return { kind: "value", from: quote.at + 1, prefix: text.slice(quote.at + 1), label, selector };
  }
  const word = /[a-zA-Z_:][a-zA-Z0-9_:]*$/.exec(text)?.[0] ?? "";
  const from = caret - word.length;
  if (inner?.sign === "{") {
    if (/(=~|!~|!=|=)\s*$/.test(text.slice(inner.at + 1, from))) return undefined;
    return { kind: "label", from, prefix: word, selector: METRIC_BEFORE.exec(text.slice(0, inner.at))?.[1] ?? "" };
  }
  if (inner?.sign === "[") {
    const written = text.slice(inner.at + 1);
    return /^\w*$/.test(written) ? { kind: "range", from: inner.at + 1, prefix: written } : undefined;
  }
  if (inner?.sign === "(" && LABEL_LISTS.test(text.slice(0, inner.at))) {
    // Labels of any series the aggregation may be over: of the metric that is named behind, if one is.
    const metric = /\)\s*\(?[^)]*?\b([a-z][a-zA-Z0-9_:]*)\s*[{[]/.exec(query.slice(caret))?.[1] ?? "";
    return { kind: "label", from, prefix: word, selector: metric };
  }
  // A number is no word, nor is the unit behind one.
  if (/\d$/.test(text.slice(0, from)) || (word === "" && /\d\.?$/.test(text))) return undefined;
  return { kind: "word", from, prefix: word };
}

/** One thing that may be written. */
export interface Offer {
  /** What is written. */
  insert: string;
  label: string;
  /** What it is, on the right. */
  about: string;
  /** How far back the caret goes from the end of what was written. */
  back?: number;
}

/** How well a word fits what was written: whole beginnings first, then beginnings of parts, then anywhere; undefined where not at all. */
function fitness(word: string, prefix: string): number | undefined {
  if (prefix === "") return 3;
  const [low, asked] = [word.toLowerCase(), prefix.toLowerCase()];
  if (low.startsWith(asked)) return 0;
  if (low.includes(`_${asked}`)) return 1;
  return low.includes(asked) ? 2 : undefined;
}

/** Offers that fit, the best first. */
export function ranked(offers: Offer[], prefix: string, most = 60): Offer[] {
  const found = offers.flatMap((offer, at) => {
    const rank = fitness(offer.label, prefix);
    return rank === undefined || (offer.label === prefix && offer.insert === prefix) ? [] : [{ offer, rank, at }];
  });
  found.sort((one, other) => one.rank - other.rank || one.at - other.at);
  return found.slice(0, most).map(({ offer }) => offer);
}

/** A query with an offer written in, and where the caret is then. */
export function written(query: string, caret: number, place: Place, offer: Offer): { text: string; caret: number } {
  let end = caret;
  // What is left of the old word goes too.
  const rest = place.kind === "value" ? /^[^"'`]*/ : /^[a-zA-Z0-9_:]*/;
  end += rest.exec(query.slice(caret))?.[0].length ?? 0;
  let insert = offer.insert;
  if (place.kind === "range" && query[end] !== "]") insert += "]";
  const text = query.slice(0, place.from) + insert + query.slice(end);
  return { text, caret: place.from + insert.length - (offer.back ?? 0) };
}
