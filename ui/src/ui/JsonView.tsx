/** Any JSON, foldable; large lists and long texts are shown in parts. */
import { useState } from "react";
import { compact } from "@/lib/format";
import { CopyButton } from "./CopyButton";
import classes from "./JsonView.module.css";

/** Children shown of one list or object before asking. */
const CHUNK = 100;
/** Characters shown of one text before asking. */
const LONG = 1200;
/** Levels open at first. */
const OPEN_LEVELS = 2;

interface Props {
  value: unknown;
  /** Levels open at first. */
  open?: number;
  /** A copy button in the corner. */
  copy?: boolean;
}

export function JsonView({ value, open = OPEN_LEVELS, copy = true }: Props) {
  return (
    <div className={classes.view}>
      {copy && (
        <div className={classes.copy}>
          <CopyButton text={() => JSON.stringify(value, null, 2)} label="Copy JSON" />
        </div>
      )}
      <Value value={value} level={0} open={open} />
    </div>
  );
}

interface ValueProps {
  name?: string;
  value: unknown;
  level: number;
  open: number;
}

function Value({ name, value, level, open }: ValueProps) {
  if (typeof value === "object" && value !== null)
    return <Branch name={name} value={value} level={level} open={open} />;
  return (
    <div className={classes.line}>
      <Name name={name} />
      <Leaf value={value} />
    </div>
  );
}

function Name({ name }: { name?: string }) {
  return name === undefined ? null : (
    <>
      <span className={classes.key}>{name}</span>
      <span className={classes.mark}>: </span>
    </>
  );
}

/** Characters of a list or object that is shown on one line. */
const LINE = 64;

/** Whether a value has nothing nested in it and is short enough for one line. */
function fitsLine(value: object): boolean {
  return (
    Object.values(value).every((each) => typeof each !== "object" || each === null) &&
    JSON.stringify(value).length <= LINE
  );
}

function Line({ name, value }: { name?: string; value: object }) {
  const list = Array.isArray(value);
  const entries = Object.entries(value);
  return (
    <div className={classes.line}>
      <Name name={name} />
      <span className={classes.mark}>{list ? "[" : "{ "}</span>
      {entries.map(([key, each], at) => (
        <span key={key}>
          {!list && <Name name={key} />}
          <Leaf value={each} />
          {at < entries.length - 1 && <span className={classes.mark}>, </span>}
        </span>
      ))}
      <span className={classes.mark}>{list ? "]" : " }"}</span>
    </div>
  );
}

function Branch({ name, value, level, open }: ValueProps & { value: object }) {
  const entries = Object.entries(value);
  const list = Array.isArray(value);
  const [shown, setShown] = useState(level < open && (entries.length <= 40 || level === 0));
  const [limit, setLimit] = useState(CHUNK);
  const [left, right] = list ? ["[", "]"] : ["{", "}"];
  if (entries.length === 0) {
    return (
      <div className={classes.line}>
        <Name name={name} />
        <span className={classes.mark}>
          {left}
          {right}
        </span>
      </div>
    );
  }
  if (fitsLine(value)) return <Line name={name} value={value} />;
  return (
    <div>
      <div className={classes.line}>
        <button type="button" className={classes.fold} aria-expanded={shown} onClick={() => setShown(!shown)}>
          <span className={classes.caret} data-open={shown || undefined} aria-hidden />
          <Name name={name} />
          <span className={classes.mark}>{left}</span>
          {!shown && (
            <>
              <span className={classes.hidden}>{list ? `${entries.length} items` : preview(entries)}</span>
              <span className={classes.mark}>{right}</span>
            </>
          )}
        </button>
      </div>
      {shown && (
        <>
          <div className={classes.children}>
            {entries.slice(0, limit).map(([key, each]) => (
              <Value key={key} name={list ? undefined : key} value={each} level={level + 1} open={open} />
            ))}
            {entries.length > limit && (
              <button type="button" className={classes.more} onClick={() => setLimit(limit + CHUNK * 5)}>
                {compact(entries.length - limit)} more
              </button>
            )}
          </div>
          <div className={classes.mark}>{right}</div>
        </>
      )}
    </div>
  );
}

const preview = (entries: [string, unknown][]) => {
  const names = entries.slice(0, 4).map(([key]) => key);
  return names.join(", ") + (entries.length > 4 ? ", …" : "");
};

function Leaf({ value }: { value: unknown }) {
  const [all, setAll] = useState(false);
  if (typeof value !== "string") return <span data-type={value === null ? "null" : typeof value}>{String(value)}</span>;
  const cut = !all && value.length > LONG;
  return (
    <span data-type="string">
      "{cut ? value.slice(0, LONG) : value}"
      {cut && (
        <button type="button" className={classes.more} onClick={() => setAll(true)}>
          {compact(value.length - LONG)} more characters
        </button>
      )}
    </span>
  );
}
