/** What the values of a PromQL expression are: seconds, dollars, a share. Read from the names of its metrics and from what is done with them. Pure. */
import { figure } from "./alerts";
import { thresholdOf } from "./backtest";
import { absolute, bytes, duration, usd } from "./format";

/** What is counted. A `number` is one that stands in the query. */
export type Measure =
  | "seconds"
  | "milliseconds"
  | "dollars"
  | "bytes"
  | "tokens"
  | "moment"
  | "count"
  | "ratio"
  | "percent"
  | "number";

/** A measure, and the length of time it is of where it is a rate. */
export interface Unit {
  of: Measure;
  per?: "s" | "min" | "h" | "d";
  /** What the bounds of a classic histogram's buckets are; the buckets themselves are counts. */
  bounds?: Measure;
  /** The number itself. */
  value?: number;
  /** Multiplied by a hundred: a share of it is a percentage. */
  hundredfold?: boolean;
}

const COUNT: Unit = { of: "count" };

/** Words in names of metrics, the telling ones first: `cost_share` is a share, `run_budget_usd` dollars. */
const WORDS: [RegExp, Measure][] = [
  [/^(ratio|share|fraction|probability)\d*[smhdw]?$/, "ratio"],
  [/^(percent|percentage)$/, "percent"],
  [/^timestamp$/, "moment"],
  [/^(milliseconds|ms)$/, "milliseconds"],
  [/^(seconds|duration)$/, "seconds"],
  [/^(usd|dollars|cost)$/, "dollars"],
  [/^bytes$/, "bytes"],
  [/^tokens?$/, "tokens"],
];

/** What a metric's name says that it measures; `level:metric:operations` of recorded series included. */
export function measureOf(name: string): Unit {
  const words = name.toLowerCase().split(/[_:]/);
  const last = words.at(-1);
  const of = WORDS.find(([word]) => words.some((each) => word.test(each)))?.[1] ?? "count";
  if (last === "count") return COUNT;
  if (last === "bucket") return { of: "count", bounds: of };
  return { of };
}

type Token = { kind: "word" | "number" | "sign"; text: string };

/** Texts in quotes, ranges and selections of labels say nothing about the unit and are left out. */
function tokens(query: string): Token[] {
  const bare = query
    .replace(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`/g, '""')
    .replace(/#[^\n]*/g, " ")
    .replace(/\{[^{}]*\}/g, " ")
    .replace(/\[[^[\]]*\]/g, " ");
  const found = bare.matchAll(
    /(?<number>\d+(?:\.\d+)?(?:e[+-]?\d+|(?:ms|[smhdwy])(?:\d+(?:ms|[smhdwy]))*)?\b|\.\d+|""|0x[\da-f]+)|(?<word>[a-z_:][\w:]*)|(?<sign>==|!=|>=|<=|[-+*/%^<>(),@])/gi,
  );
  return [...found].map(({ groups = {} }) => ({
    kind: groups.number !== undefined ? "number" : groups.word !== undefined ? "word" : "sign",
    text: (groups.number ?? groups.word ?? groups.sign ?? "").toLowerCase(),
  }));
}

/** Operators by how strongly they bind, the weakest first. */
const LEVELS = [
  ["or"],
  ["and", "unless"],
  ["==", "!=", ">", "<", ">=", "<="],
  ["+", "-"],
  ["*", "/", "%", "atan2"],
  ["^"],
];
const AGGREGATIONS = /^(sum|avg|min|max|stddev|topk|bottomk|quantile|limitk|limit_ratio)$/;
const COUNTING =
  /^(count|count_values|group|stdvar|count_over_time|present_over_time|changes|resets|absent|absent_over_time|sgn|histogram_count)$/;
const RATES = /^(rate|irate|deriv)$/;
/** Functions of which the value is the last argument, not the first. */
const LAST = /^(histogram_quantile|histogram_fraction|quantile_over_time|topk|bottomk|quantile|limitk|limit_ratio)$/;

/** What the values of an expression are; undefined where that cannot be told. */
export function unitOf(query: string): Unit | undefined {
  const reader = new Reader(tokens(query));
  const unit = reader.binary(0);
  return reader.isDone ? unit : undefined;
}

class Reader {
  private at = 0;
  constructor(private readonly all: Token[]) {}

  get isDone() {
    return this.at >= this.all.length;
  }

  private is(text: string) {
    return this.all[this.at]?.text === text;
  }

  private take(text: string) {
    const found = this.is(text);
    if (found) this.at += 1;
    return found;
  }

  /** Operations of a level and of those that bind more strongly. */
  binary(level: number): Unit | undefined {
    const signs = LEVELS[level];
    if (!signs) return this.one();
    let left = this.binary(level + 1);
    while (!this.isDone && signs.includes(this.all[this.at]!.text)) {
      const sign = this.all[this.at]!.text;
      this.at += 1;
      const yesNo = this.take("bool");
      this.matching();
      const right = this.binary(level + 1);
      left = yesNo ? COUNT : joined(sign, left, right);
    }
    return left;
  }

  /** `on (…)`, `ignoring (…)`, `group_left (…)`. */
  private matching() {
    while (["on", "ignoring", "group_left", "group_right"].includes(this.all[this.at]?.text ?? "")) {
      this.at += 1;
      if (this.is("(")) this.skip();
    }
  }

  /** Everything between brackets. */
  private skip() {
    let depth = 0;
    do {
      if (this.is("(")) depth += 1;
      if (this.is(")")) depth -= 1;
      this.at += 1;
    } while (depth > 0 && !this.isDone);
  }

  private one(): Unit | undefined {
    while (this.take("-") || this.take("+"));
    const unit = this.bare();
    // Where in time it looks changes nothing.
    for (;;) {
      if (this.take("offset")) {
        this.take("-");
        this.at += 1;
      } else if (this.take("@")) {
        this.at += 1;
        if (this.is("(")) this.skip();
      } else return unit;
    }
  }

  private bare(): Unit | undefined {
    const token = this.all[this.at];
    this.at += 1;
    if (!token) return undefined;
    if (token.kind === "number") return { of: "number", value: Number(token.text) };
    if (token.text === "(") {
      const inside = this.binary(0);
      this.take(")");
      return inside;
    }
    if (token.kind !== "word") return undefined;
    this.grouping();
    if (!this.is("(")) return measureOf(token.text);
    const given = this.given();
    this.grouping();
    return called(token.text, given);
  }

  /** `by (…)` and `without (…)`. */
  private grouping() {
    if (this.take("by") || this.take("without")) this.skip();
  }

  private given(): (Unit | undefined)[] {
    this.take("(");
    const found: (Unit | undefined)[] = [];
    while (!this.isDone && !this.is(")")) {
      found.push(this.binary(0));
      if (!this.take(",") && !this.is(")")) {
        // Something that is not known: nothing can be said.
        this.at = this.all.length + 1;
        return [];
      }
    }
    this.take(")");
    return found;
  }
}

/** What a function or an aggregation gives. */
function called(name: string, given: (Unit | undefined)[]): Unit | undefined {
  if (name === "time" || name === "timestamp") return { of: "moment" };
  if (COUNTING.test(name)) return COUNT;
  if (name === "histogram_fraction") return { of: "ratio" };
  const unit = LAST.test(name) ? given.at(-1) : given[0];
  if (!unit) return undefined;
  if (name === "histogram_quantile") return { of: unit.bounds ?? unit.of };
  if (RATES.test(name)) return { ...unit, per: "s" };
  if (AGGREGATIONS.test(name)) return unit;
  return name.startsWith("label_") || !/^(exp|ln|log2|log10|sqrt)$/.test(name) ? unit : undefined;
}

/** Lengths of time that a rate is multiplied by to be one of that time. */
const PER: Record<number, Unit["per"]> = { 60: "min", 3600: "h", 86400: "d" };

function joined(sign: string, left: Unit | undefined, right: Unit | undefined): Unit | undefined {
  if (!left || !right) return left ?? right;
  // Of conditions the left side has the value, unless that is a number.
  if (/^(or|and|unless|[<>=!].*)$/.test(sign)) return left.of === "number" ? right : left;
  if (sign === "+" || sign === "-") {
    if (sign === "-" && left.of === "moment" && right.of === "moment") return { of: "seconds" };
    return left.of === "number" ? right : left;
  }
  if (sign === "%") return left;
  if (sign === "*") {
    if (left.of === "number") return times(right, left.value);
    if (right.of === "number") return times(left, right.value);
    return left.of === "ratio" ? right : right.of === "ratio" ? left : undefined;
  }
  if (sign !== "/") return undefined;
  if (right.of === "number") return left;
  if (left.of === right.of && left.per === right.per) return { of: left.hundredfold ? "percent" : "ratio" };
  // Dollars of all runs by the number of runs: dollars.
  if (right.of === "count" && left.per === right.per) return { of: left.of };
  return undefined;
}

function times(unit: Unit, factor = 1): Unit {
  if (factor === 100) return unit.of === "ratio" ? { of: "percent" } : { ...unit, hundredfold: true };
  const per = unit.per === "s" ? PER[factor] : undefined;
  return per ? { ...unit, per } : unit;
}

const shares = (value: number) => `${figure(value * 100)} %`;

/** How values of an expression read beside what they are compared with. A ratio that is compared with more than 1 is a multiple, not a share. */
export function readsAs(
  query: string,
  threshold: number | null = thresholdOf(query) ?? null,
): (value: number | null | undefined) => string {
  const unit = unitOf(query);
  const say = ((): ((value: number) => string) => {
    switch (unit?.of) {
      case "seconds":
        return (value) => duration(value * 1000);
      case "milliseconds":
        return duration;
      case "dollars":
        return usd;
      case "bytes":
        return (value) => bytes(Math.round(value));
      case "tokens":
        return (value) => `${figure(value)} tokens`;
      case "ratio":
        return threshold !== null && threshold > 1 ? (value) => `${figure(value)}×` : shares;
      case "percent":
        return (value) => `${figure(value)} %`;
      case "moment":
        return (value) =>
          value > 1e8 && value < 1e11 ? absolute(new Date(value * 1000).toISOString(), "second") : figure(value);
      default:
        return figure;
    }
  })();
  const per = unit?.per ? `/${unit.per}` : "";
  return (value) => (value == null || !Number.isFinite(value) ? figure(value) : say(value) + per);
}

/** How values of several expressions read on one axis: in their unit where all have the same, as bare numbers otherwise. */
export function readsTogether(queries: readonly string[]): (value: number | null | undefined) => string {
  const units = new Set(
    queries.map((query) => {
      const unit = unitOf(query);
      return unit && `${unit.of}/${unit.per ?? ""}`;
    }),
  );
  return units.size === 1 ? readsAs(queries[0]!) : figure;
}
