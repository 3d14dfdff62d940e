/**
 * How numbers and moments are written: with a point and as ISO 8601, which every expert reads the same way, or as the browser's
 * language has it; and in which time zone. Both are set once, before anything is drawn.
 */

/** `local` is the browser's zone, `utc` is UTC, anything else the name of a zone. */
let zoneName = "local";
/** The language whose way of writing is used; absent means points and ISO 8601. */
let language: string | undefined;

export function writeAs(tag: string | undefined) {
  language = tag;
  numbers.clear();
  moments.clear();
}

export function showZone(name: string) {
  zoneName = name;
  moments.clear();
  parts = undefined;
}

const numbers = new Map<string, Intl.NumberFormat>();
function number(least: number, most: number, useGrouping: boolean): Intl.NumberFormat {
  const key = `${least} ${most} ${useGrouping}`;
  let found = numbers.get(key);
  if (!found) {
    const digits = { minimumFractionDigits: least, maximumFractionDigits: most, useGrouping };
    found = new Intl.NumberFormat(language ?? "en-US", digits);
    numbers.set(key, found);
  }
  return found;
}

/**
 * A number with `least` to `most` decimals, as `Intl.NumberFormat` writes it for `en-US`. Written by hand where no other language
 * is asked for: making the first formatter takes the browser longer than drawing a page of numbers.
 */
function written(value: number, least: number, most: number, useGrouping: boolean): string {
  const text = String(Math.abs(value));
  const plain = Math.abs(value) < 1e10 && !text.includes("e") && !Object.is(value, -0);
  if (language !== undefined || !plain) return number(least, most, useGrouping).format(value);
  // Of the decimals as they are written, a half is rounded up: 1.005 is 1.01.
  const [units = "", rest = ""] = text.split(".");
  const cut = Number(`${units}.${rest.slice(0, most)}`) + ((rest[most] ?? "0") >= "5" ? 10 ** -most : 0);
  const [whole = "", decimals = ""] = cut.toFixed(most).split(".");
  const kept = decimals.slice(0, least) + decimals.slice(least).replace(/0+$/, "");
  const sign = value < 0 ? "-" : "";
  return `${sign}${useGrouping ? whole.replace(/\B(?=(\d{3})+$)/g, ",") : whole}${kept && `.${kept}`}`;
}

/** A number with so many decimals: `1.50`. */
export const fixed = (value: number, digits = 0) => written(value, digits, digits, false);
/** A number with at most so many decimals: `1.5`. */
export const upTo = (value: number, digits: number) => written(value, 0, digits, false);
/** A number with separators: `12,480`, `12,480.50`. */
export const grouped = (value: number, digits = 0, most = Math.max(digits, 3)) => written(value, digits, most, true);
/** A number with at most so many significant digits, without separators: `1234`, `0.0012`. */
export function digits(value: number, most: number): string {
  const key = `digits ${most}`;
  let found = numbers.get(key);
  if (!found) {
    found = new Intl.NumberFormat(language ?? "en-US", { maximumSignificantDigits: most, useGrouping: false });
    numbers.set(key, found);
  }
  return found.format(value);
}
/** A number of any size with so many significant digits. */
export const significant = (value: number, digits: number) =>
  value.toLocaleString(language ?? "en-US", { maximumSignificantDigits: digits });

/** The zone as the browser's functions take it. */
const timeZone = () => (zoneName === "local" ? undefined : zoneName === "utc" ? "UTC" : zoneName);

/** The name of the zone that is shown, for tooltips. */
export const zone = () => (zoneName === "utc" ? "UTC" : (timeZone() ?? browserZone()));
/** Kept: a list shows a moment in each row, and asking takes the browser longer than drawing it. */
let ofBrowser: string | undefined;
export const browserZone = () => (ofBrowser ??= Intl.DateTimeFormat().resolvedOptions().timeZone);

let parts: Intl.DateTimeFormat | undefined;

/** A moment moved so that the UTC parts of the date are those of the zone that is shown. */
function shown(at: number): Date {
  if (zoneName === "utc") return new Date(at);
  if (zoneName === "local") return new Date(at - new Date(at).getTimezoneOffset() * 60_000);
  parts ??= new Intl.DateTimeFormat("en-US", {
    timeZone: zoneName,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  const said = Object.fromEntries(parts.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  const { year = 0, month = 1, day, hour, minute, second } = said;
  return new Date(Date.UTC(year, month - 1, day, hour, minute, second) + (((at % 1000) + 1000) % 1000));
}

/** Milliseconds of that: multiples of an hour or a day are round for whoever reads them. */
export const inZone = (at: number): number => shown(at).getTime();

/** How exactly a moment is told. */
export type Exact = "day" | "minute" | "second" | "ms";
const ISO_END = { day: 10, minute: 16, second: 19, ms: 23 } as const;

const moments = new Map<string, Intl.DateTimeFormat>();
function moment(what: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  let found = moments.get(what);
  if (!found) {
    found = new Intl.DateTimeFormat(language, { ...options, timeZone: timeZone() });
    moments.set(what, found);
  }
  return found;
}

const two = "2-digit" as const;
const timeOf = (exact: Exact): Intl.DateTimeFormatOptions => ({
  hour: two,
  minute: two,
  ...(exact === "minute" ? {} : { second: two }),
  ...(exact === "ms" ? { fractionalSecondDigits: 3 as const } : {}),
});

/** Date and time: `2026-11-21 03:58`; without the year where `short`. */
export function writeMoment(at: number, exact: Exact, short = false): string {
  if (!language) {
    return shown(at)
      .toISOString()
      .slice(short ? 5 : 0, ISO_END[exact])
      .replace("T", " ");
  }
  return moment(`${exact} ${short}`, {
    ...(short ? {} : { year: "numeric" }),
    month: two,
    day: two,
    ...(exact === "day" ? {} : timeOf(exact)),
  }).format(at);
}

/** The time of day: `03:58:32.118`. */
export function writeClock(at: number, exact: Exclude<Exact, "day">): string {
  if (!language) return shown(at).toISOString().slice(11, ISO_END[exact]);
  return moment(`clock ${exact}`, timeOf(exact)).format(at);
}

/** A moment as a field for date and time has it, in the zone that is shown. */
export const toField = (at: number) => shown(at).toISOString().slice(0, 19);

/** The moment that such a field means. */
export function fromField(text: string): number {
  const asUtc = Date.parse(`${text}Z`);
  // Twice, as the offset of the first guess may be that of the other side of a change of the clock.
  const guess = asUtc - (shown(asUtc).getTime() - asUtc);
  return asUtc - (shown(guess).getTime() - guess);
}
