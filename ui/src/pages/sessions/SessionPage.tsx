/** One session: its runs as the turns of a conversation, oldest first. */
import { ActionIcon, Button, Tooltip } from "@mantine/core";
import { IconArrowLeft, IconArrowRight } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useLiveRuns } from "@/api/live";
import { queryClient, sessionRunsQuery } from "@/api/queries";
import type { Run } from "@/api/types";
import { PageHeader } from "@/layout/PageHeader";
import { absolute, compact, duration, plural, usd } from "@/lib/format";
import { flatten } from "@/lib/live";
import { runName } from "@/lib/step";
import { KindMix } from "@/theme/kinds";
import { CopyButton } from "@/ui/CopyButton";
import { Empty, ErrorState, SkeletonRows } from "@/ui/States";
import { StatusMark } from "@/ui/StatusMark";
import { Ago } from "@/ui/Time";
import { useKeys } from "@/ui/useKeys";
import { useTitle } from "@/ui/useTitle";
import classes from "./SessionPage.module.css";

export function SessionPage() {
  const { id: sessionId } = useSearch({ from: "/sessions/session" });
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
  const costs = runs.map((run) => run.cost_usd).filter((cost): cost is number => cost != null);

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
        note={
          total === undefined
            ? undefined
            : [
                plural(total, "run"),
                !query.hasNextPage && costs.length > 0 && usd(costs.reduce((sum, cost) => sum + cost, 0)),
              ]
                .filter(Boolean)
                .join(", ")
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
          <ol className={classes.turns}>
            {runs.map((run) => (
              <TurnOfSession key={run.trace_id} run={run} />
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

function TurnOfSession({ run }: { run: Run }) {
  return (
    <li className={classes.turn}>
      <div className={classes.when} title={absolute(run.started_at)}>
        <Ago at={run.started_at} />
      </div>
      <Link to="/runs/$traceId" params={{ traceId: run.trace_id }} className={classes.card}>
        <span className={classes.head}>
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
        </span>
        <span className={classes.said} data-role="user">
          {run.input_preview ?? <span className="faint">No input was sent</span>}
        </span>
        {run.status === "error" && run.error ? (
          <span className={classes.said} data-role="error">
            {run.error.message ?? run.error.type}
          </span>
        ) : (
          <span className={classes.said} data-role="assistant">
            {run.output_preview ?? (
              <span className="faint">{run.status === "running" ? "Still running" : "No output was sent"}</span>
            )}
          </span>
        )}
      </Link>
    </li>
  );
}
