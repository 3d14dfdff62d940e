/** Numbers, durations and times as text. Pure; the moment "now" is passed in. */

import { type Exact, fixed, grouped, upTo, writeClock, writeMoment } from "./locale";

/** An exact count with separators: `12,480`. */
export function count(value: number | null | undefined): string {
  return value == null ? "–" : grouped(value);
}

/** A count in at most four characters: `950`, `12.4k`, `3.1M`. */
export function compact(value: number | null | undefined): string {
  if (value == null) return "–";
  const size = Math.abs(value);
  if (size < 1000) return String(Math.round(value));
  for (const [unit, scale] of [
    ["k", 1e3],
    ["M", 1e6],
    ["G", 1e9],
    ["T", 1e12],
  ] as const) {
    const scaled = value / scale;
    // 999,950 and more would round to "1000k": the next unit says it better.
    if (Math.abs(scaled) < 999.5 || unit === "T") {
      return `${Math.abs(scaled) < 99.95 ? upTo(scaled, 1) : fixed(scaled)}${unit}`;
    }
  }
  return String(value);
}

/** Milliseconds as a person says them: `0.4 ms`, `864 ms`, `1.72 s`, `2 m 05 s`, `3 h 12 m`, `2 d 4 h`. */
export function duration(ms: number | null | undefined): string {
  if (ms == null || !Number.isFinite(ms)) return "–";
  if (ms < 0) return `-${duration(-ms)}`;
  if (ms === 0) return "0 ms";
  if (ms < 0.001) return `${fixed(ms * 1e6)} ns`;
  if (ms < 1) return `${upTo(ms, ms < 0.1 ? 3 : 2)} ms`;
  if (ms < 9.95) return `${upTo(ms, 1)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 9_995) return `${fixed(ms / 1000, 2)} s`;
  if (ms < 59_950) return `${fixed(ms / 1000, 1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${String(seconds % 60).padStart(2, "0")} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} m`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A duration that lies beside its bound: to the tenth or hundredth of a second where both would read the same and are not. */
export function apart(ms: number | null | undefined, bound: number): string {
  const text = duration(ms);
  if (ms == null || ms === bound || text !== duration(bound)) return text;
  for (const digits of [1, 2, 3]) {
    const [exact, other] = [fixed(ms / 1000, digits), fixed(bound / 1000, digits)];
    if (exact !== other) return `${exact} s`;
  }
  return text;
}

/** US dollars: exact cents when large, enough digits to see something when small, `<$0.0001` below that. */
export function usd(value: number | null | undefined): string {
  if (value == null) return "–";
  if (value < 0) return `-${usd(-value)}`;
  if (value === 0) return "$0";
  if (value < 0.0001) return `<$${fixed(0.0001, 4)}`;
  if (value < 0.1) return `$${fixed(value, 4)}`;
  if (value < 1) return `$${fixed(value, 3)}`;
  if (value < 10_000) return `$${grouped(value, 2, 2)}`;
  return `$${compact(value)}`;
}

/** The same with all that is known of it, for those who add up: `$0.000093`. */
export const usdExact = (value: number) => `${value < 0 ? "-" : ""}$${grouped(Math.abs(value), 0, 12)}`;

/** Bytes in powers of 1024: `812 B`, `4.2 MiB`. */
export function bytes(value: number | null | undefined): string {
  if (value == null) return "–";
  if (value < 1024) return `${value} B`;
  let scaled = value;
  for (const unit of ["KiB", "MiB", "GiB", "TiB"]) {
    scaled /= 1024;
    if (scaled < 1023.5 || unit === "TiB") return `${scaled < 99.95 ? upTo(scaled, 1) : fixed(scaled)} ${unit}`;
  }
  return String(value);
}

/** How long ago, in one unit: `now`, `12s ago`, `5m ago`, `3h ago`, `2d ago`, `7mo ago`, `3y ago`; `in 5m` for clocks ahead. */
export function ago(iso: string | null | undefined, now: number): string {
  const at = parse(iso);
  if (at == null) return "–";
  const seconds = Math.round((now - at) / 1000);
  const size = Math.abs(seconds);
  if (size < 2) return "now";
  const text =
    size < 60
      ? `${size}s`
      : size < 3600
        ? `${Math.floor(size / 60)}m`
        : size < 86_400
          ? `${Math.floor(size / 3600)}h`
          : days(size);
  return seconds < 0 ? `in ${text}` : `${text} ago`;
}

/** Seconds of a day or more in days, months of 30.4 days, or years. */
function days(seconds: number): string {
  const whole = Math.floor(seconds / 86_400);
  if (whole < 30) return `${whole}d`;
  return whole < 365 ? `${Math.floor(whole / 30.4) || 1}mo` : `${Math.floor(whole / 365.25) || 1}y`;
}

/** Date and time in the zone that is shown, to the millisecond or as exact as asked: `2026-11-21 03:58:32.118`. */
export function absolute(iso: string | null | undefined, exact: Exact = "ms"): string {
  const at = parse(iso);
  return at == null ? "–" : writeMoment(at, exact);
}

/** The same without the year: `11-21 03:58`. */
export function dated(iso: string | null | undefined, exact: Exact = "minute"): string {
  const at = parse(iso);
  return at == null ? "–" : writeMoment(at, exact, true);
}

/** Time of day in the zone that is shown: `03:58:32.118`. */
export function clock(iso: string | null | undefined, exact: Exclude<Exact, "day"> = "ms"): string {
  const at = parse(iso);
  return at == null ? "–" : writeClock(at, exact);
}

const MOMENT = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;

/** A sentence of the server with its moments in the zone that is shown. */
export const withMoments = (sentence: string) => sentence.replace(MOMENT, (moment) => absolute(moment, "second"));

/** Milliseconds since 1970 of an RFC 3339 text, with the fraction of a millisecond kept; `null` where it is none. */
export function parse(iso: string | null | undefined): number | null {
  if (!iso) return null;
  const at = Date.parse(iso);
  if (Number.isNaN(at)) return null;
  // Date keeps three digits; steps of a fast agent differ in the next ones.
  const rest = /\.\d{3}(\d{1,6})/.exec(iso)?.[1];
  return rest ? at + Number(`0.${rest}`) : at;
}

/** The first characters of an id, enough to tell neighbours apart. */
export function shortId(id: string): string {
  return id.length > 12 ? id.slice(0, 8) : id;
}

/** What somebody says, as a sentence that can stand alone: the server's words go on after others. */
export function sentence(words: string): string {
  const said = words.trim();
  return said && said.charAt(0).toUpperCase() + said.slice(1) + (/[.!?…]$/.test(said) ? "" : ".");
}

/** `1 step`, `3 steps`. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}
