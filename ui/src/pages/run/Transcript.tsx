/** The run as one conversation, sub-agents folded into their place. */
import { ActionIcon, Button, Tooltip } from "@mantine/core";
import { IconArrowRight, IconChevronRight } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { createContext, use, useMemo, useState } from "react";
import { ApiError } from "@/api/client";
import { fullRunQuery } from "@/api/queries";
import type { Step } from "@/api/types";
import { compact, count, duration, plural } from "@/lib/format";
import { displayName } from "@/lib/step";
import { type AgentEntry, type Entry, type ToolEntry, transcript } from "@/lib/transcript";
import { KindTile, kindStyle } from "@/theme/kinds";
import { Empty, ErrorState, SkeletonRows } from "@/ui/States";
import classes from "./Transcript.module.css";
import { Compact, TurnBlock } from "./Turn";
import turnClasses from "./Turn.module.css";
import { useLook } from "./useLook";

/** Entries shown before asking for more. */
const CHUNK = 200;
/** Steps above which the page asks before it loads what all of them said. */
const LARGE = 2000;

type OnStep = (spanId: string) => void;

/** Which sub-agents the reader folded or unfolded, where an address keeps that. */
const Turned = createContext<{ ids: string[]; turn: (id: string) => void } | undefined>(undefined);

interface Props {
  traceId: string;
  /** How many the run has. */
  steps: number;
  onStep: OnStep;
}

export function Transcript({ traceId, steps, onStep }: Props) {
  const [wanted, setWanted] = useState(false);
  const asks = steps > LARGE && !wanted;
  const query = useQuery({ ...fullRunQuery(traceId), enabled: !asks });
  const entries = useMemo(() => (query.data ? transcript(query.data.steps) : []), [query.data]);
  const [{ turned }, set] = useLook();
  const folds = useMemo(() => {
    const ids = turned ?? [];
    const turn = (id: string) => {
      const rest = ids.includes(id) ? ids.filter((each) => each !== id) : [...ids, id];
      set({ turned: rest.length > 0 ? rest : undefined });
    };
    return { ids, turn };
  }, [turned, set]);
  if (asks && !query.data)
    return (
      <Empty
        title={`A transcript of ${count(steps)} steps`}
        action={
          <Button variant="default" onClick={() => setWanted(true)}>
            Show it
          </Button>
        }
      >
        All that was said in them is loaded at once, which takes a while. Among the steps, single ones open at once.
      </Empty>
    );
  if (query.isPending) return <SkeletonRows rows={10} height={64} />;
  if (!query.data)
    return <NoTranscript error={query.error} traceId={traceId} steps={steps} onRetry={() => void query.refetch()} />;
  if (entries.length === 0) {
    return (
      <Empty title="Nothing was said">
        The steps of this run carry no messages. Many libraries only send content when a setting allows it, such as
        OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true.
      </Empty>
    );
  }
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
    <section className={classes.scroller} tabIndex={0} aria-label="Transcript">
      <div className={classes.column}>
        <Turned value={folds}>
          <Entries entries={entries} onStep={onStep} />
        </Turned>
      </div>
    </section>
  );
}

interface NoTranscriptProps {
  error: unknown;
  traceId: string;
  steps: number;
  onRetry: () => void;
}

/** Why there is no transcript, and what leads on. */
export function NoTranscript({ error, traceId, steps, onRetry }: NoTranscriptProps) {
  if (error instanceof ApiError && error.status === 422) return <TooLong traceId={traceId} steps={steps} />;
  return <ErrorState error={error} what="the transcript" onRetry={onRetry} />;
}

/** More was said than the server answers at once: asking again would not help. */
function TooLong({ traceId, steps }: { traceId: string; steps: number }) {
  return (
    <Empty
      title="This run is too long to be told as one"
      action={
        <>
          <Link to="/runs/$traceId" params={{ traceId }}>
            To its steps
          </Link>
          <Link to="/runs/$traceId" params={{ traceId }} search={{ view: "raw" }}>
            All of it as a file
          </Link>
        </>
      }
    >
      More was said in its {count(steps)} steps than the server answers at once. Among the steps each says what was said
      in it, and words are looked for in all of them.
    </Empty>
  );
}

export function Entries({ entries, onStep }: { entries: Entry[]; onStep: OnStep }) {
  const [limit, setLimit] = useState(CHUNK);
  return (
    <div className={classes.entries}>
      {entries.slice(0, limit).map((entry, at) => (
        <div key={at} className={classes.entry}>
          <EntryBlock entry={entry} onStep={onStep} />
        </div>
      ))}
      {entries.length > limit && (
        <button type="button" className={classes.more} onClick={() => setLimit(limit + CHUNK)}>
          Show {Math.min(CHUNK, entries.length - limit)} of {compact(entries.length - limit)} more
        </button>
      )}
    </div>
  );
}

function EntryBlock({ entry, onStep }: { entry: Entry; onStep: OnStep }) {
  switch (entry.type) {
    case "message":
      return (
        <TurnBlock
          turn={{
            message: entry.message,
            parts: entry.message.parts.filter((part) => part.type !== "tool_call" && part.type !== "tool_result"),
            output: false,
          }}
          clamp={entry.message.role === "system"}
          aside={
            <>
              {entry.message.role === "assistant" && !entry.ofRun && <Numbers step={entry.step} />}
              <ToStep step={entry.step} onStep={onStep} />
            </>
          }
        />
      );
    case "tool":
      return <ToolBlock entry={entry} onStep={onStep} />;
    case "agent":
      return <AgentBlock entry={entry} onStep={onStep} />;
    case "mark":
      return <Mark step={entry.step} onStep={onStep} />;
  }
}

function Numbers({ step }: { step: Step }) {
  return (
    <span className={classes.numbers}>
      {step.model && <span>{step.model}</span>}
      {step.usage.total_tokens != null && <span>{compact(step.usage.total_tokens)} tokens</span>}
      <span>{duration(step.duration_ms)}</span>
    </span>
  );
}

function ToStep({ step, onStep }: { step: Step; onStep: OnStep }) {
  return (
    <Tooltip label={`Open the step ${displayName(step)}`}>
      <ActionIcon size={24} aria-label={`Open the step ${displayName(step)}`} onClick={() => onStep(step.span_id)}>
        <IconArrowRight size={14} stroke={1.8} />
      </ActionIcon>
    </Tooltip>
  );
}

function ToolBlock({ entry, onStep }: { entry: ToolEntry; onStep: OnStep }) {
  const { call, ran } = entry;
  const args = ran?.tool?.arguments ?? call?.arguments;
  const result = ran?.tool?.result ?? ran?.output ?? entry.told;
  return (
    <div className={turnClasses.exchange} data-error={ran?.status === "error" || undefined}>
      <header>
        <KindTile kind="tool" />
        <strong className="cut">{call?.name ?? (ran ? displayName(ran) : "tool")}</strong>
        <span className={turnClasses.tools}>
          {ran && (
            <span className={classes.numbers}>
              {ran.status === "error" && <span className={classes.failed}>failed</span>}
              <span>{duration(ran.duration_ms)}</span>
            </span>
          )}
          <ToStep step={ran ?? entry.step} onStep={onStep} />
        </span>
      </header>
      {args != null && <Compact value={args} />}
      {entry.children.length > 0 && (
        <div className={classes.nested}>
          <Entries entries={entry.children} onStep={onStep} />
        </div>
      )}
      {ran?.error && <div className={classes.error}>{ran.error.message ?? ran.error.type}</div>}
      {result != null && (
        <div className={turnClasses.result}>
          <span className={turnClasses.label}>Result</span>
          <Compact value={result} />
        </div>
      )}
    </div>
  );
}

function AgentBlock({ entry, onStep }: { entry: AgentEntry; onStep: OnStep }) {
  const { step } = entry;
  const kept = use(Turned);
  const [own, setOwn] = useState(false);
  const byItself = entry.top || step.status === "error";
  const open = (kept ? kept.ids.includes(step.span_id) : own) !== byItself;
  const turn = () => (kept ? kept.turn(step.span_id) : setOwn(!own));
  return (
    <section className={classes.agent} style={kindStyle("agent")}>
      <header>
        <button type="button" aria-expanded={open} onClick={turn}>
          <IconChevronRight size={14} stroke={2} aria-hidden data-open={open || undefined} />
          <KindTile kind="agent" />
          <strong>{displayName(step)}</strong>
          <span className={classes.numbers}>
            {step.status === "error" && <span className={classes.failed}>failed</span>}
            <span>{plural(entry.size, "step")}</span>
            <span>{duration(step.duration_ms)}</span>
          </span>
        </button>
        <ToStep step={step} onStep={onStep} />
      </header>
      {open && (
        <div className={classes.nested}>
          {entry.children.length > 0 ? (
            <Entries entries={entry.children} onStep={onStep} />
          ) : (
            <p className="faint">It carries no messages.</p>
          )}
        </div>
      )}
    </section>
  );
}

function Mark({ step, onStep }: { step: Step; onStep: OnStep }) {
  const found = step.retrieval?.count ?? step.retrieval?.documents.length;
  return (
    <div className={classes.mark} data-error={step.status === "error" || undefined}>
      <KindTile kind={step.kind} />
      <strong>{displayName(step)}</strong>
      <span className="cut muted">
        {step.error?.message ??
          step.error?.type ??
          (step.retrieval ? (step.retrieval.query ?? step.input_preview) : (step.output_preview ?? step.input_preview))}
      </span>
      <span className={turnClasses.tools}>
        <span className={classes.numbers}>
          {step.status === "error" && <span className={classes.failed}>failed</span>}
          {found != null && <span>{plural(found, "document")}</span>}
          <span>{duration(step.duration_ms)}</span>
        </span>
        <ToStep step={step} onStep={onStep} />
      </span>
    </div>
  );
}
