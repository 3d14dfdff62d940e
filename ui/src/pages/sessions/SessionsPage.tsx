/** Conversations: runs that share a session, narrowed down and sorted; last active first where nobody chose. */

import { Button } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { IconArrowDown, IconArrowUp, IconMessages } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState } from "react";
import { LIVE_MS } from "@/api/pace";
import { sessionsQuery } from "@/api/queries";
import type { Session } from "@/api/types";
import { PageHeader } from "@/layout/PageHeader";
import { directionOf } from "@/lib/filter";
import { compact, count, duration, plural, usd } from "@/lib/format";
import {
  DEFAULT_SESSION_ORDER,
  DEFAULT_SESSIONS_FROM,
  isNarrowed,
  type SessionSortField,
  type SessionsSearch,
  sortSessions,
} from "@/lib/sessions";
import table from "@/pages/runs/RunsTable.module.css";
import { SearchField } from "@/ui/SearchField";
import { Empty, ErrorState, SkeletonRows } from "@/ui/States";
import { StatusMark } from "@/ui/StatusMark";
import { Ago } from "@/ui/Time";
import { TimeRange } from "@/ui/TimeRange";
import { stepKeys, useKeys } from "@/ui/useKeys";
import { useTitle } from "@/ui/useTitle";
import { SessionChoices } from "./SessionChoices";
import classes from "./SessionsPage.module.css";

const REFRESH_MS = LIVE_MS;
const ROW = 34;
const CARD = 82;
const TEMPLATE =
  "30px minmax(150px, 1.1fr) minmax(180px, 1.7fr) minmax(110px, 0.95fr) 56px 84px 84px minmax(90px, 0.75fr) 60px 76px 84px";

interface Column {
  title: string;
  numeric?: true;
  sort?: SessionSortField;
}

const COLUMNS: Column[] = [
  { title: "Status" },
  { title: "Session" },
  { title: "First input" },
  { title: "Agent" },
  { title: "Runs", numeric: true, sort: "runs" },
  { title: "Length", numeric: true, sort: "duration_ms" },
  { title: "Last seen", numeric: true, sort: "last_at" },
  { title: "User" },
  { title: "Errors", numeric: true, sort: "errors" },
  { title: "Tokens", numeric: true, sort: "total_tokens" },
  { title: "Cost", numeric: true, sort: "cost_usd" },
];

export function SessionsPage() {
  useTitle("Sessions");
  const search = useSearch({ from: "/sessions" });
  const navigate = useNavigate({ from: "/sessions" });
  const from = search.from ?? DEFAULT_SESSIONS_FROM;
  const query = useInfiniteQuery({
    ...sessionsQuery(search),
    // Somebody who scrolled far reads; all pages would be asked for again.
    refetchInterval: ({ state }) => ((state.data?.pages.length ?? 0) > 2 ? false : REFRESH_MS),
  });
  const rows = query.data?.pages.flatMap((page) => page.sessions) ?? [];
  return (
    <div className={classes.page}>
      <PageHeader title="Sessions">
        <TimeRange
          from={from}
          onChange={(range) =>
            void navigate({
              search: (before) => ({ ...before, from: range === DEFAULT_SESSIONS_FROM ? undefined : range }),
            })
          }
        />
      </PageHeader>
      <div className={classes.tools}>
        <SearchField
          label="Search sessions"
          placeholder="Search what was said in their runs"
          q={search.q}
          onSearch={(q) => void navigate({ search: (before) => ({ ...before, q }), replace: true })}
        />
        <SessionChoices
          search={search}
          ready={!query.isPending}
          onChange={(change) => void navigate({ search: (before) => ({ ...before, ...change }), replace: true })}
        />
      </div>
      {query.isPending ? (
        <SkeletonRows />
      ) : query.isError && rows.length === 0 ? (
        <ErrorState
          error={query.error}
          what="the sessions"
          onRetry={() => void query.refetch()}
          // Of every other order all runs are looked through, which may take longer than one list may.
          action={
            search.order && (
              <Button
                variant="default"
                renderRoot={(props) => <Link {...props} to="/sessions" search={{ ...search, order: undefined }} />}
              >
                Last active first
              </Button>
            )
          }
        />
      ) : rows.length === 0 ? (
        <Nothing search={search} from={from} />
      ) : (
        <Table
          rows={rows}
          search={search}
          hasMore={query.hasNextPage && !query.isFetchingNextPage}
          onMore={() => void query.fetchNextPage()}
        />
      )}
    </div>
  );
}

const GROUPED = (
  <>
    Runs are grouped when their spans carry a conversation: <code className="mono">gen_ai.conversation.id</code> or{" "}
    <code className="mono">session.id</code>.
  </>
);

function Nothing({ search, from }: { search: SessionsSearch; from: string }) {
  const filtered = isNarrowed(search);
  const all = (
    <>
      {filtered && (
        <Button
          variant="default"
          renderRoot={(props) => <Link {...props} to="/sessions" search={{ from: search.from, order: search.order }} />}
        >
          Clear filters
        </Button>
      )}
      {from !== "all" && (
        <Button
          variant="default"
          renderRoot={(props) => <Link {...props} to="/sessions" search={{ ...search, from: "all" }} />}
        >
          {filtered ? "Search all time" : "Show all time"}
        </Button>
      )}
    </>
  );
  if (filtered || from !== "all") {
    return (
      <Empty
        title={filtered ? "No session matches" : "No session in this time range"}
        action={all}
        icon={<IconMessages size={26} stroke={1.4} />}
      >
        {filtered ? (
          "Fewer filters or a longer time range may find some."
        ) : (
          <>A longer time range may have some. {GROUPED}</>
        )}
      </Empty>
    );
  }
  return (
    <Empty title="No sessions yet" icon={<IconMessages size={26} stroke={1.4} />}>
      {GROUPED}
    </Empty>
  );
}

function HeadCell({ column: { title, numeric, sort }, search }: { column: Column; search: SessionsSearch }) {
  const className = numeric ? table.numHead : table.headCell;
  if (!sort) {
    return (
      <div role="columnheader" className={className}>
        {title === "Status" ? <span className="sr">{title}</span> : title}
      </div>
    );
  }
  const direction = directionOf(search.order ?? DEFAULT_SESSION_ORDER, sort);
  return (
    <div role="columnheader" className={className} aria-sort={direction ?? "none"}>
      <Link to="/sessions" search={sortSessions(search, sort)} replace data-sorted={direction}>
        {direction === "descending" && <IconArrowDown size={12} stroke={2.2} aria-hidden />}
        {direction === "ascending" && <IconArrowUp size={12} stroke={2.2} aria-hidden />}
        {title}
      </Link>
    </div>
  );
}

interface TableProps {
  rows: Session[];
  search: SessionsSearch;
  hasMore: boolean;
  onMore: () => void;
}

function Table({ rows, search, hasMore, onMore }: TableProps) {
  const cards = useMediaQuery("(max-width: 760px)", undefined, { getInitialValueInEffect: false }) ?? false;
  const scroller = useRef<HTMLElement>(null);
  const navigate = useNavigate();
  const [active, setActive] = useState(-1);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => (cards ? CARD : ROW),
    overscan: 12,
    scrollPaddingStart: 32,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the height of rows follows the layout
  useEffect(() => virtual.measure(), [cards]);
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && last >= rows.length - 25) onMore();
  }, [hasMore, last, rows.length, onMore]);
  useKeys({
    ...stepKeys((by) => {
      const to = Math.min(rows.length - 1, Math.max(0, active + by));
      setActive(to);
      virtual.scrollToIndex(to);
    }),
    Enter: () => {
      const row = rows[active];
      if (!row) return false;
      void navigate({ to: "/sessions/session", search: { id: row.session_id } });
    },
  });

  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
    <section className={classes.scroller} ref={scroller} tabIndex={0} aria-label="List of sessions">
      {cards ? (
        <ul className={table.cards} style={{ height: virtual.getTotalSize() }} aria-label="Sessions">
          {items.map((item) => {
            const row = rows[item.index]!;
            return (
              <li key={row.session_id} style={{ height: CARD, transform: `translateY(${item.start}px)` }}>
                <Link to="/sessions/session" search={{ id: row.session_id }} className={table.card}>
                  <span className={table.cardTop}>
                    <StatusMark status={row.status} />
                    <span className="cut mono">{row.session_id}</span>
                    <Ago at={row.last_at} className="faint tnum" />
                  </span>
                  <span className="cut muted">{row.input_preview ?? "No input"}</span>
                  <span className={table.cardNumbers}>
                    <span>{plural(row.runs, "run")}</span>
                    <span>{compact(row.usage.total_tokens)} tokens</span>
                    {row.cost_usd != null && <span>{usd(row.cost_usd)}</span>}
                  </span>
                </Link>
              </li>
            );
          })}
        </ul>
      ) : (
        <div className={classes.table} role="table" aria-label="Sessions">
          <div role="rowgroup" className={table.headGroup}>
            <div role="row" className={table.head} style={{ gridTemplateColumns: TEMPLATE }}>
              {COLUMNS.map((column) => (
                <HeadCell key={column.title} column={column} search={search} />
              ))}
            </div>
          </div>
          <div role="rowgroup" className={table.bodyGroup} style={{ height: virtual.getTotalSize() }}>
            {items.map((item) => {
              const row = rows[item.index]!;
              return (
                <div
                  key={row.session_id}
                  role="row"
                  className={table.row}
                  data-active={item.index === active || undefined}
                  style={{ gridTemplateColumns: TEMPLATE, height: ROW, transform: `translateY(${item.start}px)` }}
                >
                  <div role="cell" className={table.cell}>
                    <StatusMark status={row.status} />
                  </div>
                  <div role="cell" className={table.cell}>
                    <Link
                      to="/sessions/session"
                      search={{ id: row.session_id }}
                      className={table.link}
                      onFocus={() => setActive(item.index)}
                    >
                      <span className={table.name}>
                        <span className="cut mono">{row.session_id}</span>
                      </span>
                    </Link>
                  </div>
                  <div role="cell" className={table.cell}>
                    <span className="cut muted" title={row.input_preview ?? undefined}>
                      {row.input_preview ?? "–"}
                    </span>
                  </div>
                  <div role="cell" className={table.cell}>
                    <span className="cut muted" title={row.agents.join(", ")}>
                      {row.agents[0] ?? "–"}
                      {row.agents.length > 1 && <span className="faint"> +{row.agents.length - 1}</span>}
                    </span>
                  </div>
                  <div role="cell" className={table.numCell}>
                    {count(row.runs)}
                  </div>
                  <div role="cell" className={table.numCell}>
                    {duration(Date.parse(row.last_at) - Date.parse(row.started_at))}
                  </div>
                  <div role="cell" className={table.numCell}>
                    <Ago at={row.last_at} className="muted" />
                  </div>
                  <div role="cell" className={table.cell}>
                    <span className="cut muted">{row.user_id ?? "–"}</span>
                  </div>
                  <div role="cell" className={table.numCell}>
                    {row.errors > 0 ? (
                      <span className={table.errors}>{compact(row.errors)}</span>
                    ) : (
                      <span className="faint">0</span>
                    )}
                  </div>
                  <div role="cell" className={table.numCell}>
                    {compact(row.usage.total_tokens)}
                  </div>
                  <div role="cell" className={table.numCell}>
                    {usd(row.cost_usd)}
                  </div>
                </div>
              );
            })}
          </div>
        </div>
      )}
    </section>
  );
}
