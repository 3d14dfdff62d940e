/** A run beside the list: what it was asked, what came of it, what failed; the whole of it is one key away. */
import { ActionIcon, Button, Tooltip } from "@mantine/core";
import { IconArrowRight, IconX } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { findingsQuery, runQuery } from "@/api/queries";
import { compact, count, duration, usd } from "@/lib/format";
import { displayName, firstToShow, runName } from "@/lib/step";
import { KindTile } from "@/theme/kinds";
import { Said } from "@/ui/Said";
import { ErrorState, SkeletonRows } from "@/ui/States";
import { StatusBadge } from "@/ui/StatusMark";
import { TextBlock } from "@/ui/TextBlock";
import { Ago } from "@/ui/Time";
import classes from "./Peek.module.css";

/** Steps listed of a run. */
const STEPS = 40;

export function Peek({ traceId, onClose }: { traceId: string; onClose: () => void }) {
  const { data, error, refetch } = useQuery(runQuery(traceId));
  const { data: seen } = useQuery(findingsQuery({ trace_id: traceId }));
  if (!data)
    return error ? (
      <ErrorState error={error} what="this run" onRetry={() => void refetch()} />
    ) : (
      <SkeletonRows rows={8} height={40} />
    );
  const { run, steps } = data;
  const first = run.status === "error" ? firstToShow(steps, true) : undefined;
  const facts: [string, string][] = [
    ["Duration", duration(run.duration_ms)],
    ["Steps", count(run.steps)],
    ["Tokens", compact(run.usage.total_tokens)],
    ["Cost", usd(run.cost_usd)],
    ["Errors", count(run.errors)],
  ];
  return (
    <div className={classes.peek}>
      <header>
        <StatusBadge status={run.status} />
        <h2 className="cut" title={run.name}>
          {runName(run.name)}
        </h2>
        <Tooltip label="Close (Space)">
          <ActionIcon aria-label="Close" onClick={onClose}>
            <IconX size={16} stroke={1.7} />
          </ActionIcon>
        </Tooltip>
      </header>
      <dl>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
        <div>
          <dt>Started</dt>
          <dd>
            <Ago at={run.started_at} />
          </dd>
        </div>
      </dl>
      {run.error && run.status === "error" && (
        <p className={classes.error}>
          <strong>{run.error.type}</strong> {run.error.message}
        </p>
      )}
      {seen?.findings.map((finding) => (
        <p key={finding.id} className={classes.finding}>
          <strong>{finding.detector.replaceAll("_", " ")}</strong> <Said text={finding.message} />
        </p>
      ))}
      {run.input_preview && (
        <section>
          <h3>Asked</h3>
          <TextBlock text={run.input_preview} message />
        </section>
      )}
      {run.output_preview && (
        <section>
          <h3>Answered</h3>
          <TextBlock text={run.output_preview} message />
        </section>
      )}
      <section>
        <h3>Steps</h3>
        <ul>
          {steps.slice(0, STEPS).map((step) => (
            <li key={step.span_id} data-bad={step.status === "error" || undefined}>
              <Link
                to="/runs/$traceId"
                params={{ traceId }}
                search={{ step: step.span_id }}
                style={{ paddingLeft: Math.min(step.depth, 6) * 12 }}
              >
                <KindTile kind={step.kind} />
                <span className="cut">{displayName(step)}</span>
                <span className="faint tnum">{duration(step.duration_ms)}</span>
              </Link>
            </li>
          ))}
        </ul>
        {run.steps > STEPS && <p className="faint">and {count(run.steps - STEPS)} more</p>}
      </section>
      <footer>
        <Button
          variant="default"
          rightSection={<IconArrowRight size={14} stroke={1.8} />}
          renderRoot={(props) => (
            <Link {...props} to="/runs/$traceId" params={{ traceId }} search={first ? { step: first.span_id } : {}} />
          )}
        >
          Open the run
        </Button>
      </footer>
    </div>
  );
}
