/** One tool: its latency, callers and failures over time, and what it is called with. */
import { CloseButton } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { sqlQuery } from "@/api/fleet";
import { absolute, compact, count, duration } from "@/lib/format";
import type { Mark } from "@/lib/series";
import type { Slower } from "@/lib/slower";
import { type Argument, argumentsOf, argumentsSql, type Called, called } from "@/lib/tools";
import { BoardPanel, board, Chips, type Column, Table } from "@/ui/Board";
import { ErrorState, SkeletonRows } from "@/ui/States";
import { type ChartProps, OF_ONE, ToolChart } from "./ToolChart";

/** Argument texts shown. */
const SHOWN = 15;

interface Props extends ChartProps {
  tool: string;
  range: { from: string; to: string };
  slower: Slower | undefined;
  onClose: () => void;
}

/** Since when, from what, to what. */
export const slowerText = ({ since, now, before }: Slower) =>
  `Slow since ${absolute(new Date(since).toISOString(), "minute")}: p95 ${duration(now)}, before ${duration(before)}`;

export function ToolDetail({ tool, range, slower, onClose, ...chart }: Props) {
  const marks = useMemo(
    (): Mark[] | undefined => slower && [{ at: slower.since, name: "slow since here", tone: "bad" }],
    [slower],
  );
  return (
    <>
      <div style={{ gridColumn: "1 / -1", display: "flex", flexWrap: "wrap", alignItems: "center", gap: 8 }}>
        <h2 style={{ fontSize: 15 }} className="cut">
          {tool}
        </h2>
        <CloseButton aria-label={`Close ${tool}`} title="Close" onClick={onClose} />
        {slower && <strong style={{ color: "var(--t-warn)" }}>{slowerText(slower)}.</strong>}
      </div>
      {OF_ONE.map((panel) => (
        <ToolChart
          key={panel.title}
          panel={panel}
          {...chart}
          span={4}
          of={tool}
          marks={panel.title === "Latency" ? marks : undefined}
        />
      ))}
      <Arguments tool={tool} range={range} agent={chart.agent} />
    </>
  );
}

const BY_NAME: Column<Argument>[] = [
  { key: "name", name: "Argument", left: true, cell: (row) => <code className="mono">{row.name}</code> },
  {
    key: "types",
    name: "Type",
    left: true,
    cell: (row) => row.types.join(" or "),
    tone: (row) => (row.types.length > 1 ? "warn" : undefined),
  },
  { key: "calls", name: "Calls with it", cell: (row) => compact(row.calls) },
  {
    key: "failed",
    name: "Failed",
    cell: (row) => compact(row.failed),
    tone: (row) => (row.failed > row.calls * 0.05 ? "bad" : undefined),
  },
  { key: "values", name: "Values", cell: (row) => compact(row.values) },
  { key: "most", name: "Most frequent", left: true, wide: true, cell: (row) => <Chips of={row.most} /> },
];

const WHOLE: Column<Called>[] = [
  {
    key: "text",
    name: "Called with",
    left: true,
    wide: true,
    cell: (row) => (
      <Link
        to="/runs/$traceId"
        params={{ traceId: row.traceId }}
        search={{ step: row.spanId }}
        className="mono cut"
        title="The last such call"
      >
        {row.text ?? "no arguments told"}
      </Link>
    ),
  },
  { key: "calls", name: "Calls", cell: (row) => compact(row.calls) },
  {
    key: "failed",
    name: "Failed",
    cell: (row) => compact(row.failed),
    tone: (row) => (row.failed > 0 ? "bad" : undefined),
  },
  { key: "ms", name: "p50", cell: (row) => duration(row.ms) },
];

function Arguments({ tool, range, agent }: { tool: string; range: { from: string; to: string }; agent?: string }) {
  const answer = useQuery(sqlQuery(argumentsSql(tool, range, agent)));
  const rows = useMemo(() => called(answer.data?.rows ?? []), [answer.data]);
  const found = useMemo(() => argumentsOf(rows), [rows]);
  if (answer.isPending || answer.isError)
    return (
      <BoardPanel title="Arguments">
        {answer.isError ? (
          <ErrorState error={answer.error} what="the arguments" onRetry={() => void answer.refetch()} />
        ) : (
          <SkeletonRows rows={4} />
        )}
      </BoardPanel>
    );
  return (
    <>
      <BoardPanel
        title="Arguments"
        about="From the beginnings of arguments, 200 characters each: those that are whole are taken apart by name."
        span={6}
      >
        <Table
          label="Arguments by name"
          columns={BY_NAME}
          rows={found.arguments}
          rowKey={(row) => row.name}
          empty={
            rows.some((row) => row.text) ? "No arguments that could be taken apart." : "No call tells its arguments."
          }
        />
        {found.read > 0 && found.read < found.all && (
          <p className={board.note}>
            {count(found.read)} of {count(found.all)} calls could be read whole.
          </p>
        )}
      </BoardPanel>
      <BoardPanel
        title="Most frequent calls"
        about="The same arguments again and again are a loop, or a cache that is missing."
        span={6}
      >
        <Table
          label="Most frequent calls"
          columns={WHOLE}
          rows={rows.slice(0, SHOWN)}
          rowKey={(row) => `${row.text}`}
        />
      </BoardPanel>
    </>
  );
}
