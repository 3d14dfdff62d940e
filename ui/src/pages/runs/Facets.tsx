/** Values to restrict the list by, with how many runs have each. */

import { Skeleton } from "@mantine/core";
import { useLocalStorage } from "@mantine/hooks";
import { IconCheck, IconChevronRight } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { LIVE_MS } from "@/api/pace";
import { facetsQuery } from "@/api/queries";
import type { FacetValue } from "@/api/types";
import { FACETS, type Facet, type RunsSearch, toggle } from "@/lib/filter";
import { compact, count } from "@/lib/format";
import { STATUS_LABEL } from "@/ui/StatusMark";
import classes from "./Facets.module.css";

/** Values shown before asking for more. */
const FEW = 6;

const TITLE: Record<Facet, string> = {
  status: "Status",
  agent: "Agent",
  service: "Service",
  model: "Model",
  tool: "Tool",
  workflow: "Workflow",
  environment: "Environment",
  version: "Version",
};

interface Props {
  search: RunsSearch;
  live: boolean;
  /** Whether the runs are there: until then nothing else is asked. */
  ready: boolean;
}

export function Facets({ search, live, ready }: Props) {
  const { data, isError } = useQuery({
    ...facetsQuery(search),
    enabled: ready,
    refetchInterval: live ? LIVE_MS : false,
  });
  const [folded, setFolded] = useLocalStorage<Facet[]>({
    key: "tawny.facets.folded",
    defaultValue: ["version"],
    getInitialValueInEffect: false,
  });
  // What is chosen stays, so that it can be taken back.
  const none = data && FACETS.every((facet) => !data.facets?.[facet]?.length && !search[facet]?.length);
  if (none) return <p className={classes.unknown}>No values to choose from.</p>;
  if (!data && isError) return <p className={classes.unknown}>The server did not say what there is.</p>;
  if (!data) {
    return (
      <div className={classes.facets} aria-hidden>
        {Array.from({ length: 9 }, (_, at) => (
          <Skeleton
            key={at}
            height={at % 3 === 0 ? 12 : 18}
            width={at % 3 === 0 ? 70 : "auto"}
            mx={12}
            mt={at % 3 === 0 ? 20 : 8}
          />
        ))}
      </div>
    );
  }
  return (
    <section className={classes.facets} aria-label="Filter by value">
      {FACETS.map((facet) => (
        <Group
          key={facet}
          facet={facet}
          values={withSelected(data.facets?.[facet] ?? [], search[facet] ?? [])}
          search={search}
          folded={folded.includes(facet)}
          onFold={() =>
            setFolded(folded.includes(facet) ? folded.filter((each) => each !== facet) : [...folded, facet])
          }
        />
      ))}
    </section>
  );
}

/** What is selected stays in the list even where no run has it any more: else it could not be taken back here. */
function withSelected(values: readonly FacetValue[], selected: readonly string[]): FacetValue[] {
  const missing = selected.filter((value) => !values.some((each) => each.value === value));
  return [...values, ...missing.map((value) => ({ value, count: 0 }))];
}

interface GroupProps {
  facet: Facet;
  values: FacetValue[];
  search: RunsSearch;
  folded: boolean;
  onFold: () => void;
}

function Group({ facet, values, search, folded, onFold }: GroupProps) {
  const [all, setAll] = useState(false);
  if (values.length === 0) return null;
  const most = Math.max(1, ...values.map((each) => each.count));
  const selected = search[facet] ?? [];
  const shown = values.filter((each, at) => all || at < FEW || selected.includes(each.value));
  return (
    <div className={classes.group}>
      <button type="button" className={classes.title} aria-expanded={!folded} onClick={onFold}>
        <IconChevronRight size={13} stroke={2} aria-hidden data-open={!folded || undefined} />
        {TITLE[facet]}
        {folded && <span className={classes.number}>{values.length}</span>}
      </button>
      {!folded && (
        <ul>
          {shown.map((each) => {
            const on = selected.includes(each.value);
            const label =
              facet === "status" ? (STATUS_LABEL[each.value as keyof typeof STATUS_LABEL] ?? each.value) : each.value;
            return (
              <li key={each.value}>
                <Link
                  to="/runs"
                  search={toggle(search, facet, each.value)}
                  className={classes.value}
                  data-on={on || undefined}
                  role="checkbox"
                  aria-checked={on}
                  aria-label={`${TITLE[facet]} ${label}, ${count(each.count)} runs`}
                  title={each.value}
                >
                  <span className={classes.share} style={{ width: `${(each.count / most) * 100}%` }} />
                  <span className={classes.box}>{on && <IconCheck size={10} stroke={3.2} aria-hidden />}</span>
                  <span className="cut">{label}</span>
                  <span className={classes.number}>{compact(each.count)}</span>
                </Link>
              </li>
            );
          })}
          {values.length > FEW && (
            <li>
              <button type="button" className={classes.more} onClick={() => setAll(!all)}>
                {all ? "Fewer" : `${values.length - FEW} more`}
              </button>
            </li>
          )}
        </ul>
      )}
    </div>
  );
}
