/** The three questions of whoever is on call, each with its number, its bound and how it was before. */

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { ANSWERS } from "@/api/numbers";
import { summaryQuery } from "@/api/queries";
import { apart, compact, count, duration, usd } from "@/lib/format";
import { fixed } from "@/lib/locale";
import { runsSearch } from "@/lib/overview";
import { change } from "@/lib/series";
import { type Ask, REFRESH_MS, useAggregate } from "./ask";
import classes from "./OverviewPage.module.css";
import { SLOW_MS, SUCCESS_PERCENT } from "./panels";

export function Answers({ ask }: { ask: Ask }) {
  const length = ask.time.starts.length * ask.time.stepMs;
  const start = ask.time.starts[0] ?? 0;
  const whole = { overTime: false };
  const statuses = useAggregate(ask, ANSWERS.statuses);
  const latency = useAggregate(ask, ANSWERS.latency, whole);
  const cost = useAggregate(ask, ANSWERS.cost, whole);
  const tokens = useAggregate(ask, ANSWERS.tokens, whole);
  // How it was before is a remark on what is: it is asked for once that is known.
  const earlier = { overTime: false, shift: ask.shift ?? length, enabled: !statuses.isPending };
  const statusesBefore = useAggregate(ask, ANSWERS.statuses, earlier);
  const latencyBefore = useAggregate(ask, ANSWERS.latency, earlier);
  const costBefore = useAggregate(ask, ANSWERS.cost, earlier);
  const active = useQuery({ ...summaryQuery("15m", undefined), refetchInterval: ask.live ? REFRESH_MS : false });

  const now = outcome(statuses.data?.rows);
  const before = outcome(statusesBefore.data?.rows);
  const [p50, p95, p99] = latency.data?.rows[0]?.quantiles ?? [];
  const spent = cost.data?.rows[0]?.value;
  const hours = length / 3_600_000;
  const search = runsSearch(ask.scope, start, start + length);
  const versus = ask.shift === undefined ? "the time before" : ask.shift > 86_400_000 ? "last week" : "yesterday";

  return (
    <div className={classes.answers}>
      <Answer
        question="Is it working?"
        tone={now.percent === undefined ? undefined : now.percent < SUCCESS_PERCENT ? "bad" : "good"}
        value={now.percent === undefined ? "–" : `${fixed(now.percent, now.percent > 99.94 ? 0 : 1)} %`}
        what={
          statuses.isError
            ? "is not known: the server did not say"
            : statuses.isPending
              ? "…"
              : `of ${count(now.ended)} runs ended well`
        }
        change={change(now.percent, before.percent)}
        versus={versus}
        better="up"
      >
        <Fact
          name="Failed"
          value={compact(statuses.data ? now.failed : undefined)}
          search={{ ...search, status: ["error", "abandoned"] }}
        />
        <Fact name="Running now" value={compact(active.data?.active_runs)} search={{ status: ["running"] }} />
        <Fact name="Bound" value={`${SUCCESS_PERCENT} %`} />
      </Answer>
      <Answer
        question="Is it fast enough?"
        tone={p95 == null ? undefined : p95 > SLOW_MS ? "bad" : "good"}
        value={apart(p95, SLOW_MS)}
        what={latency.isError ? "is not known: the server did not say" : latency.isPending ? "…" : "for 95 of 100 runs"}
        change={change(p95, latencyBefore.data?.rows[0]?.quantiles[1])}
        versus={versus}
        better="down"
      >
        <Fact name="p50" value={duration(p50)} />
        <Fact name="p99" value={duration(p99)} search={{ ...search, sort: "-duration_ms" }} />
        <Fact name="Bound" value={duration(SLOW_MS)} />
      </Answer>
      <Answer
        question="Is it affordable?"
        value={usd(spent)}
        what={
          cost.isError
            ? "is not known: the server did not say"
            : cost.isPending
              ? "…"
              : spent == null
                ? "no cost is known"
                : `${usd(spent / hours)} an hour`
        }
        change={change(spent, costBefore.data?.rows[0]?.value)}
        versus={versus}
        better="down"
      >
        <Fact
          name="Cost a run"
          value={usd(spent != null && now.all > 0 ? spent / now.all : undefined)}
          search={{ ...search, sort: "-cost_usd" }}
        />
        <Fact
          name="Tokens"
          value={compact(tokens.data?.rows[0]?.value)}
          search={{ ...search, sort: "-total_tokens" }}
        />
        <Fact name="p95 tokens a run" value={compact(tokens.data?.rows[0]?.quantiles[1])} />
      </Answer>
    </div>
  );
}

/** Runs by how they ended, and how many of a hundred ended well. */
function outcome(rows: { by: (string | null)[]; count: number }[] | undefined) {
  const of = (status: string) => rows?.reduce((sum, row) => (row.by[0] === status ? sum + row.count : sum), 0) ?? 0;
  const failed = of("error") + of("abandoned");
  const ended = of("ok") + failed;
  return { ended, failed, all: ended + of("running"), percent: ended > 0 ? (of("ok") / ended) * 100 : undefined };
}

interface AnswerProps {
  question: string;
  value: string;
  what: string;
  tone?: "good" | "bad";
  change: number | undefined;
  versus: string;
  better: "up" | "down";
  children: ReactNode;
}

function Answer({ question, value, what, tone, change: by, versus, better, children }: AnswerProps) {
  const notable = by !== undefined && Math.abs(by) >= 0.005;
  const good = notable && by > 0 === (better === "up");
  return (
    <section className={classes.answer} aria-label={question}>
      <h2>{question}</h2>
      <p className={classes.value} data-tone={tone}>
        {value}
      </p>
      <p className={classes.what}>
        {what}
        {notable && (
          <span data-tone={good ? "good" : "bad"} title={`Compared with ${versus}`}>
            {by > 0 ? "▲" : "▼"}{" "}
            {Math.abs(by) > 9.995
              ? `×${fixed(by + 1, 0)}`
              : `${fixed(Math.abs(by) * 100, Math.abs(by) < 0.1 ? 1 : 0)} %`}
            <span className="sr"> compared with {versus}</span>
          </span>
        )}
      </p>
      <dl>{children}</dl>
    </section>
  );
}

function Fact({ name, value, search }: { name: string; value: string; search?: object }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {/* What is not known leads nowhere. */}
        {search && value !== "–" ? (
          <Link to="/runs" search={search}>
            {value}
          </Link>
        ) : (
          value
        )}
      </dd>
    </div>
  );
}
