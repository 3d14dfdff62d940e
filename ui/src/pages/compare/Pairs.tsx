/** The steps of two runs in pairs; a pair that differs opens to what was said on both sides. */
import { Link } from "@tanstack/react-router";
import { type Ref, useMemo } from "react";
import type { DiffAnswer, DiffPair } from "@/api/types";
import { type CompareSearch, type Piece, pieces } from "@/lib/compare";
import { duration } from "@/lib/format";
import { KindTile, STEP_KINDS, type StepKind } from "@/theme/kinds";
import classes from "./ComparePage.module.css";

/** Pairs drawn at once; runs that long are better read one by one. */
const SHOWN = 1500;

const MARKS: Record<string, string> = {
  same: "",
  input: "input",
  output: "output",
  removed: "only left",
  added: "only right",
};

interface Props {
  answer: DiffAnswer;
  only: CompareSearch["only"];
  open: number | undefined;
  first: Ref<HTMLLIElement>;
  onOpen: (pair: number | undefined) => void;
}

export function Pairs({ answer, only, open, first, onOpen }: Props) {
  const shown = answer.pairs
    .map((pair, at) => ({ pair, at }))
    .filter(({ pair }) => only === undefined || pair.difference !== "same");
  return (
    <>
      <div className={classes.names} aria-hidden>
        <span className="num">Run</span>
        <span />
        <span>Step</span>
        <span>Differs in</span>
        <span className="num">Compared with</span>
        <span className="num">Change</span>
      </div>
      <ol className={classes.pairs} aria-label="Pairs of steps">
        {shown.slice(0, SHOWN).map(({ pair, at }) => (
          <li
            key={`${pair.left ?? ""}${pair.right ?? ""}`}
            ref={at === answer.first_divergence ? first : undefined}
            className={classes.pair}
            data-difference={pair.difference}
            data-first={at === answer.first_divergence || undefined}
          >
            {at === answer.first_divergence && <p className={classes.firstNote}>Here they part</p>}
            <Row pair={pair} open={at === open} onOpen={() => onOpen(at === open ? undefined : at)} />
            {at === open && <Texts pair={pair} left={answer.left.trace_id} right={answer.right.trace_id} />}
          </li>
        ))}
      </ol>
      {shown.length > SHOWN && (
        <p className="faint">
          The first {SHOWN} of {shown.length} pairs.
        </p>
      )}
    </>
  );
}

function Row({ pair, open, onOpen }: { pair: DiffPair; open: boolean; onOpen: () => void }) {
  const [kind, ...rest] = pair.step.split(" ");
  const known = STEP_KINDS.includes(kind as StepKind) ? (kind as StepKind) : "other";
  const slower = pair.left_ms != null && pair.right_ms != null ? pair.right_ms - pair.left_ms : undefined;
  const inside = (
    <>
      <span className={`${classes.time} num`}>{pair.left ? duration(pair.left_ms) : ""}</span>
      <KindTile kind={known} />
      <span className="cut">{rest.join(" ") || pair.step}</span>
      {pair.difference === "same" ? <span /> : <span className={classes.mark}>{MARKS[pair.difference]}</span>}
      <span className={`${classes.time} num`}>{pair.right ? duration(pair.right_ms) : ""}</span>
      <span className={`${classes.time} num faint`}>
        {slower === undefined || Math.abs(slower) < 1 ? "" : `${slower > 0 ? "+" : "−"}${duration(Math.abs(slower))}`}
      </span>
    </>
  );
  if (pair.difference === "same") return <div className={classes.row}>{inside}</div>;
  return (
    <button type="button" className={classes.row} aria-expanded={open} onClick={onOpen}>
      {inside}
    </button>
  );
}

function Texts({ pair, left, right }: { pair: DiffPair; left: string; right: string }) {
  const [one, other] = useMemo(() => pieces(pair.left_text ?? "", pair.right_text ?? ""), [pair]);
  return (
    <div className={classes.texts}>
      <Side name="Run" trace={left} span={pair.left} said={one} />
      <Side name="Compared with" trace={right} span={pair.right} said={other} />
    </div>
  );
}

function Side({ name, trace, span, said }: { name: string; trace: string; span?: string | null; said: Piece[] }) {
  return (
    <figure className={classes.text}>
      <figcaption>
        {name}
        {span && (
          <Link to="/runs/$traceId" params={{ traceId: trace }} search={{ step: span }}>
            Open the step
          </Link>
        )}
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reached by the keyboard */}
      <pre tabIndex={0}>
        {!span
          ? "This run has no such step."
          : said.length === 0
            ? "Nothing was said here."
            : said.map((piece, at) =>
                piece.differs ? <mark key={at}>{piece.text}</mark> : <span key={at}>{piece.text}</span>,
              )}
      </pre>
    </figure>
  );
}
