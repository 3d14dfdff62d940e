/** What nobody is told of for a while: active silences, those to come, and those that are over. */
import { Button } from "@mantine/core";
import { IconBellOff } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { alertsQuery, endSilence, silencesQuery } from "@/api/alerting";
import type { Silence } from "@/api/types";
import { absolute, plural } from "@/lib/format";
import { mutedBy } from "@/lib/matchers";
import { Empty, ErrorState, SkeletonRows } from "@/ui/States";
import { Ago } from "@/ui/Time";
import classes from "./Alerts.module.css";
import type { ViewProps } from "./AlertsPage";

export function Silences({ set }: ViewProps) {
  const query = useQuery(silencesQuery);
  if (query.isPending) return <SkeletonRows rows={5} height={56} />;
  if (!query.data) return <ErrorState error={query.error} what="the silences" onRetry={() => void query.refetch()} />;
  const { silences } = query.data;
  if (silences.length === 0)
    return (
      <Empty
        icon={<IconBellOff size={26} stroke={1.4} aria-hidden />}
        title="Nothing is silenced"
        action={
          <Button variant="default" onClick={() => set({ silence: "" })}>
            Make a silence
          </Button>
        }
      >
        A silence mutes messages of alerts with certain labels for a while: during a known trouble, or a planned change.
        The alerts stay on this page, and who silenced them stays on record.
      </Empty>
    );
  return (
    <div className={classes.body}>
      <ul className={classes.silences} aria-label="Silences">
        {silences.map((silence) => (
          <Row key={silence.id} silence={silence} again={() => set({ silence: bare(silence.matchers) })} />
        ))}
      </ul>
    </div>
  );
}

const bare = (matchers: string) => matchers.replace(/^\{/, "").replace(/\}$/, "");

function Row({ silence, again }: { silence: Silence; again: () => void }) {
  const client = useQueryClient();
  const alerts = useQuery(alertsQuery).data?.alerts;
  const muted =
    alerts &&
    mutedBy(
      silence.matchers,
      alerts.filter((alert) => alert.state !== "resolved"),
    );
  const end = useMutation({
    mutationFn: () => endSilence(silence.id),
    onSuccess: () => client.invalidateQueries({ queryKey: ["silences"] }),
  });
  const over = silence.state === "expired";
  return (
    <li className={classes.silence} data-over={over || undefined}>
      <div>
        <code className="mono">{bare(silence.matchers)}</code>
        <p className="muted">
          {silence.comment} <span className="faint">— {silence.created_by}</span>
        </p>
        {end.isError && (
          <p role="alert" className={classes.error}>
            {end.error.message}
          </p>
        )}
      </div>
      <p className="muted tnum">
        {silence.state === "pending" ? (
          <>
            begins <Ago at={silence.starts_at} />
          </>
        ) : over ? (
          <>
            ended <Ago at={silence.ends_at} />
          </>
        ) : (
          <>
            until {absolute(silence.ends_at, "minute")}, <Ago at={silence.ends_at} />
          </>
        )}
        {!over && muted && muted.length > 0 && <> · mutes {plural(muted.length, "alert")}</>}
      </p>
      {over ? (
        <Button variant="default" onClick={again}>
          Again…
        </Button>
      ) : (
        <Button variant="default" loading={end.isPending} onClick={() => end.mutate()}>
          End now
        </Button>
      )}
    </li>
  );
}
