/** What the same traffic would cost on another model, and which models have no price. */

import { Autocomplete } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { costsQuery, unpricedQuery, whatIfQuery } from "@/api/money";
import type { UnpricedModel } from "@/api/types";
import { compact, count, usd } from "@/lib/format";
import { fixed } from "@/lib/locale";
import { BoardPanel, board, type Column, Nothing, Table } from "@/ui/Board";
import { ErrorState, explain, SkeletonRows } from "@/ui/States";

interface WhatIfProps {
  asked: Record<string, string>;
  instead?: string;
  onChange: (model: string | undefined) => void;
}

export function WhatIf({ asked, instead, onChange }: WhatIfProps) {
  const [text, setText] = useState(instead ?? "");
  const later = useDebouncedCallback((model: string) => onChange(model.trim() || undefined), 400);
  const { data: models } = useQuery(costsQuery({ by: "model", from: "30d" }));
  const answer = useQuery({ ...whatIfQuery({ ...asked, model: instead ?? "" }), enabled: !!instead });
  const known = (models?.rows ?? []).flatMap((row) => (row.by[0] ? [row.by[0]] : []));
  const { data } = answer;
  const less = data && data.cost_usd > 0 ? 1 - data.would_cost_usd / data.cost_usd : undefined;
  return (
    <BoardPanel
      title="What if"
      about="The same calls with the same tokens at another model's prices. Whether that model would need as many is another question."
      span={6}
    >
      <Autocomplete
        size="xs"
        label="On which model instead"
        placeholder="gpt-4o-mini"
        value={text}
        data={known}
        onChange={(value) => {
          setText(value);
          later(value);
        }}
      />
      <div className={board.note} style={{ marginTop: 8, minHeight: 40 }} aria-live="polite">
        {!instead ? (
          "Name a model."
        ) : answer.isError ? (
          <span data-tone="bad" role="alert">
            {explain(answer.error, "the comparison").detail}
          </span>
        ) : data ? (
          <>
            <strong>{usd(data.would_cost_usd)}</strong> instead of {usd(data.cost_usd)}
            {less !== undefined && (
              <span data-tone={less > 0 ? "good" : "bad"}>
                {" "}
                ({less > 0 ? `${fixed(less * 100, 0)} % less` : `${fixed(-less * 100, 0)} % more`})
              </span>
            )}
            , over {count(data.calls)} calls
            {data.left_out > 0 && `; ${count(data.left_out)} without tokens or a cost are left out`}.
          </>
        ) : (
          "…"
        )}
      </div>
    </BoardPanel>
  );
}

const WHY: Record<string, string> = {
  unknown_model: "no price for it",
  uncertain: "input and output are not told apart",
  no_call: "a step that calls no model tells tokens",
};

const COLUMNS: Column<UnpricedModel>[] = [
  {
    key: "model",
    name: "Model",
    left: true,
    wide: true,
    cell: (row) =>
      row.model ? (
        <Link to="/runs" search={{ model: [row.model] }} className="cut">
          {row.model}
        </Link>
      ) : (
        <span className="faint">not named</span>
      ),
  },
  { key: "provider", name: "Provider", left: true, cell: (row) => row.provider ?? "–" },
  { key: "why", name: "Why", left: true, cell: (row) => WHY[row.why] ?? row.why },
  { key: "calls", name: "Calls", cell: (row) => count(row.calls) },
  { key: "tokens", name: "Tokens", cell: (row) => compact(row.tokens), tone: () => "warn" },
];

export function Unpriced({ since }: { since: string }) {
  const { data, isPending, isError, error, refetch } = useQuery(unpricedQuery(since));
  return (
    <BoardPanel
      title="Models without a price"
      about="Their cost is unknown, not zero. Give them a price and price the ledger again."
      span={6}
      tools={
        <Link to="/settings/$section" params={{ section: "prices" }}>
          Prices
        </Link>
      }
    >
      {isPending ? (
        <SkeletonRows rows={3} />
      ) : isError ? (
        <ErrorState error={error} what="models without a price" onRetry={() => void refetch()} />
      ) : (
        <Table
          label="Models without a price"
          columns={COLUMNS}
          rows={data.models}
          rowKey={(row) => `${row.model}\n${row.provider}\n${row.why}`}
          empty={<Nothing>No call is without a price.</Nothing>}
        />
      )}
    </BoardPanel>
  );
}
