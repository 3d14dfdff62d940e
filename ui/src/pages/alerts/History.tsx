/** What happened to alerts, newest first, by day. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { alertHistoryQuery, EVENTS_SHOWN } from "@/api/alerting";
import type { AlertEvent } from "@/api/types";
import { about, labelName } from "@/lib/alerts";
import { absolute, clock, count } from "@/lib/format";
import { Empty, ErrorState, SkeletonRows } from "@/ui/States";
import { TimeRange } from "@/ui/TimeRange";
import classes from "./Alerts.module.css";
import type { ViewProps } from "./AlertsPage";
import { FilterField } from "./FilterField";
import { useReads } from "./useReads";

const DEFAULT_FROM = "7d";

export function History({ search, set }: ViewProps) {
  const from = search.from ?? DEFAULT_FROM;
  const query = useQuery(alertHistoryQuery(from));
  const words = search.q?.toLowerCase().split(/\s+/) ?? [];
  const events = query.data?.events.filter((event) =>
    words.every((word) =>
      `${event.kind} ${event.name} ${Object.values(event.labels).join(" ")} ${event.detail}`
        .toLowerCase()
        .includes(word),
    ),
  );
  return (
    <div className={classes.body}>
      <div className={classes.filter}>
        <FilterField label="Filter what happened" placeholder="Rule, agent, fired, sent…" search={search} set={set} />
        <TimeRange
          bounded
          from={from}
          onChange={(start) => set({ from: start === DEFAULT_FROM ? undefined : start })}
        />
      </div>
      {query.isPending ? (
        <SkeletonRows rows={12} height={30} />
      ) : !events ? (
        <ErrorState error={query.error} what="what happened" onRetry={() => void query.refetch()} />
      ) : events.length === 0 ? (
        <Empty title="Nothing happened">No alert fired, ended or was told of in this time.</Empty>
      ) : (
        <>
          <EventList events={events} />
          {query.data!.events.length >= EVENTS_SHOWN && (
            <p className={classes.more}>
              The newest {count(EVENTS_SHOWN)} events. Choose a shorter time to see others.
            </p>
          )}
        </>
      )}
    </div>
  );
}

const KINDS: Record<string, string> = {
  fired: "fired",
  resolved: "ended",
  no_data: "lost its data",
  sent: "told",
  failed: "could not be told",
  acknowledged: "taken care of by",
};

export function EventList({ events, bare = false }: { events: AlertEvent[]; bare?: boolean }) {
  const reads = useReads();
  let day = "";
  return (
    <ol className={classes.events} data-bare={bare || undefined}>
      {events.map((event, at) => {
        const on = absolute(event.at, "day");
        const newDay = on !== day;
        day = on;
        return (
          <li key={`${event.at} ${event.kind} ${at}`} data-day={newDay || undefined}>
            {newDay && <p className={classes.day}>{day}</p>}
            <div className={classes.event}>
              <time dateTime={event.at} className="tnum faint">
                {clock(event.at, "second")}
              </time>
              <span className={classes.kind} data-kind={event.kind}>
                {KINDS[event.kind] ?? event.kind}
              </span>
              {!bare && (
                <span className={classes.about}>
                  <Link to="/alerts" search={{ view: "rules", rule: event.name }}>
                    {event.name}
                  </Link>
                  {about(event.labels).map(([name, value]) => (
                    <span key={name}>
                      <span className="faint">{labelName(name)}</span> {value}
                    </span>
                  ))}
                </span>
              )}
              <span className={classes.detail} title={event.detail}>
                {event.detail !== "" && Number.isFinite(Number(event.detail))
                  ? reads(event.name, Number(event.detail))
                  : event.detail}
              </span>
            </div>
          </li>
        );
      })}
    </ol>
  );
}
