/** One session: what it came to, and its runs as the turns of a conversation, oldest first. */
import { ActionIcon, Button, Tooltip } from "@mantine/core";
import { IconArrowLeft, IconArrowRight } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { useLiveRuns } from "@/api/live";
import { fullRunQuery, queryClient, sessionRunsQuery } from "@/api/queries";
import type { Run } from "@/api/types";
import { PageHeader } from "@/layout/PageHeader";
import { absolute, compact, count, duration, plural, usd } from "@/lib/format";
import { flatten } from "@/lib/live";
import { runName } from "@/lib/step";
import { transcript } from "@/lib/transcript";
import { Entries, NoTranscript } from "@/pages/run/Transcript";
import { KindMix } from "@/theme/kinds";
import { Figure, Figures } from "@/ui/Board";
import { CopyButton } from "@/ui/CopyButton";
import { Empty, ErrorState, SkeletonRows } from "@/ui/States";
import { StatusMark } from "@/ui/StatusMark";
import { Ago } from "@/ui/Time";
import { useKeys } from "@/ui/useKeys";
import { useTitle } from "@/ui/useTitle";
import classes from "./SessionPage.module.css";

export function SessionPage() {
  const { id: sessionId, open } = useSearch({ from: "/sessions/session" });
  useTitle(`Session ${sessionId}`);
  const navigate = useNavigate();
  const options = sessionRunsQuery(sessionId);
  const query = useInfiniteQuery(options);
  const runs = flatten<Run>(query.data?.pages ?? []);
  useKeys({ Escape: () => void navigate({ to: "/sessions" }) });
  useLiveRuns(true, (run) => {
    if (run.session_id === sessionId) void queryClient.invalidateQueries({ queryKey: options.queryKey });
  });
  const total = query.data?.pages[0]?.total;
  const toggle = (run: Run) =>
    void navigate({
      to: "/sessions/session",
      search: { id: sessionId, ...(open === run.trace_id ? {} : { open: run.trace_id }) },
      replace: true,
    });

  return (
    <div className={classes.page}>
      <PageHeader
        title={
          <span className={classes.title}>
            <Tooltip label="All sessions (Esc)">
              <ActionIcon aria-label="All sessions" onClick={() => void navigate({ to: "/sessions" })}>
                <IconArrowLeft size={18} stroke={1.7} />
              </ActionIcon>
            </Tooltip>
            <span className={classes.word}>Session</span> <span className={classes.id}>{sessionId}</span>
            <CopyButton text={sessionId} label="Copy the session id" />
          </span>
        }
      >
        <Button
          variant="default"
          renderRoot={(props) => <Link {...props} to="/runs" search={{ session: [sessionId], from: "all" }} />}
        >
          As a list
        </Button>
      </PageHeader>
      {query.isPending ? (
        <SkeletonRows rows={6} height={96} />
      ) : query.isError && runs.length === 0 ? (
        <ErrorState error={query.error} what="this session" onRetry={() => void query.refetch()} />
      ) : runs.length === 0 ? (
        <Empty title="No run of this session is here">It may have been removed, or the address is mistyped.</Empty>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
        <section className={classes.scroller} tabIndex={0} aria-label="Runs of the session">
          <div className={classes.figures}>
            <Totals runs={runs} total={total ?? runs.length} />
          </div>
          <ol className={classes.turns}>
            {runs.map((run, at) => (
              <TurnOfSession
                key={run.trace_id}
                run={run}
                before={runs[at - 1]}
                open={open === run.trace_id}
                onOpen={() => toggle(run)}
              />
            ))}
          </ol>
          {query.hasNextPage && (
            <div className={classes.more}>
              <Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
                More runs
              </Button>
            </div>
          )}
        </section>
      )}
    </div>
  );
}

/** What the runs that are shown add up to; of a long session more may follow. */
function Totals({ runs, total }: { runs: Run[]; total: number }) {
  const sum = (of: (run: Run) => number | null | undefined) => runs.reduce((all, run) => all + (of(run) ?? 0), 0);
  const first = runs[0]!;
  const ends = runs.map((run) => Date.parse(run.ended_at ?? run.started_at));
  const costs = runs.filter((run) => run.cost_usd != null);
  const failed = runs.filter((run) => run.status === "error").length;
  const agents = [...new Set(runs.flatMap((run) => run.agents.map(({ agent }) => agent)))];
  return (
    <Figures label="The session in figures">
      <Figure
        name="Runs"
        value={count(total)}
        note={
          runs.length < total
            ? `figures are of the first ${count(runs.length)}`
            : plural(
                sum((it) => it.steps),
                "step",
              )
        }
      />
      <Figure
        name="Failed"
        value={count(failed)}
        tone={failed > 0 ? "bad" : undefined}
        note={plural(
          sum((it) => it.errors),
          "failed step",
        )}
      />
      <Figure
        name="From first to last"
        value={duration(Math.max(...ends) - Date.parse(first.started_at))}
        note={`${duration(sum((it) => it.duration_ms))} at work`}
      />
      <Figure
        name="Tokens"
        value={compact(sum((it) => it.usage.total_tokens))}
        note={plural(
          sum((it) => it.llm_calls),
          "model call",
        )}
      />
      <Figure
        name="Cost"
        value={costs.length > 0 ? usd(sum((it) => it.cost_usd)) : "–"}
        note={
          costs.length > 0 && costs.length < runs.length
            ? `${plural(runs.length - costs.length, "run")} without a price`
            : "of all runs shown"
        }
      />
      <Figure
        name={agents.length === 1 ? "Agent" : "Agents"}
        value={count(agents.length)}
        note={
          <span className={classes.agents} title={agents.join(", ")}>
            {agents.slice(0, 3).map((name, at) => (
              <span key={name}>
                {at > 0 && ", "}
                <Link to="/agents/agent" search={{ name }}>
                  {name}
                </Link>
              </span>
            ))}
            {agents.length > 3 && ` and ${count(agents.length - 3)} more`}
          </span>
        }
      />
      {first.user_id && (
        <Figure
          name="User"
          value={
            <span className={classes.user}>
              <Link to="/runs" search={{ user: [first.user_id], from: "all" }}>
                {first.user_id}
              </Link>
            </span>
          }
          note="all runs of the user"
        />
      )}
    </Figures>
  );
}

/** Characters of a preview; one of this length was cut. */
const PREVIEW = 200;
const preview = (text: string) => `${text.replace(/[*_`#]{2,}/g, "")}${text.length >= PREVIEW ? " …" : ""}`;
/** A pause worth telling. */
const PAUSE_MS = 60_000;

interface TurnProps {
  run: Run;
  /** The run before it. */
  before?: Run;
  open: boolean;
  onOpen: () => void;
}

function TurnOfSession({ run, before, open, onOpen }: TurnProps) {
  const pause = before ? Date.parse(run.started_at) - Date.parse(before.ended_at ?? before.started_at) : 0;
  return (
    <li className={classes.turn}>
      <div className={classes.when} title={absolute(run.started_at)}>
        <Ago at={run.started_at} />
        {pause >= PAUSE_MS && <span className="faint">after {duration(pause)}</span>}
      </div>
      <div className={classes.card}>
        <Link to="/runs/$traceId" params={{ traceId: run.trace_id }} className={classes.head}>
          <StatusMark status={run.status} />
          <strong className="cut">{runName(run.name)}</strong>
          <span className={classes.numbers}>
            <span className={classes.mix}>
              <KindMix counts={run.steps_by_kind} />
            </span>
            <span>{plural(run.steps, "step")}</span>
            <span>{duration(run.duration_ms)}</span>
            <span>{compact(run.usage.total_tokens)} tokens</span>
            {run.cost_usd != null && <span>{usd(run.cost_usd)}</span>}
            <IconArrowRight size={14} stroke={1.8} aria-hidden />
          </span>
        </Link>
        {open ? (
          <Whole run={run} />
        ) : (
          <>
            <span className={classes.said} data-role="user">
              {run.input_preview ? preview(run.input_preview) : <span className="faint">No input was sent</span>}
            </span>
            <span className={classes.said} data-role={run.status === "error" && run.error ? "error" : "assistant"}>
              {run.status === "error" && run.error ? (
                (run.error.message ?? run.error.type)
              ) : run.output_preview ? (
                preview(run.output_preview)
              ) : (
                <span className="faint">{run.status === "running" ? "Still running" : "No output was sent"}</span>
              )}
            </span>
          </>
        )}
        <button type="button" className={classes.fold} aria-expanded={open} onClick={onOpen}>
          {open ? "Fold" : "Everything that was said"}
        </button>
      </div>
    </li>
  );
}

/** The whole conversation of a run, in its place in the session. */
function Whole({ run }: { run: Run }) {
  const navigate = useNavigate();
  const query = useQuery(fullRunQuery(run.trace_id));
  const entries = useMemo(() => (query.data ? transcript(query.data.steps) : []), [query.data]);
  if (query.isPending) return <SkeletonRows rows={3} height={48} />;
  if (!query.data)
    return (
      <NoTranscript error={query.error} traceId={run.trace_id} steps={run.steps} onRetry={() => void query.refetch()} />
    );
  if (entries.length === 0) return <p className="muted">The steps of this run carry no messages.</p>;
  return (
    <Entries
      entries={entries}
      onStep={(step) => void navigate({ to: "/runs/$traceId", params: { traceId: run.trace_id }, search: { step } })}
    />
  );
}
