/** By which detector, how grave, of which agent: what lists of issues and findings are narrowed down to. */
import { Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { detectorsQuery } from "@/api/findings";
import { aggregateQuery } from "@/api/queries";
import { type FindingsSearch, SEVERITIES } from "@/lib/issues";
import classes from "./IssuesPage.module.css";

type Chosen = Pick<FindingsSearch, "detector" | "severity" | "of">;

/** Whether the list is narrowed down at all. */
export const narrowed = ({ detector, severity, of }: Chosen) => !!(detector || severity || of);

/** Changes over many runs are no detector of runs, and issues all the same. */
const DRIFT = "drift";

interface Props {
  search: Chosen;
  onChange: (change: Chosen) => void;
  children?: ReactNode;
}

export function Choices({ search, onChange, children }: Props) {
  const detectors = useQuery(detectorsQuery).data?.detectors;
  const agents = useQuery(aggregateQuery({ by: "agent", from: "30d" })).data?.rows;
  const names = (agents ?? []).flatMap((row) => row.by[0] || []);
  // What the address asks for can be seen and taken back, also where nothing has that name.
  const having = (all: string[], value?: string) => [...new Set([...all, ...(value ? [value] : [])])];
  const about = detectors?.find((each) => each.name === search.detector)?.about;
  return (
    <div className={classes.choices}>
      <Select
        size="xs"
        aria-label="Detector"
        placeholder="Every detector"
        searchable
        clearable
        clearButtonProps={{ "aria-label": "Every detector" }}
        data={having([...(detectors ?? []).map((each) => each.name), DRIFT], search.detector).map((value) => ({
          value,
          label: value.replaceAll("_", " "),
        }))}
        value={search.detector ?? null}
        onChange={(detector) => onChange({ detector: detector ?? undefined })}
      />
      <Select
        size="xs"
        aria-label="Severity"
        placeholder="Every severity"
        clearable
        clearButtonProps={{ "aria-label": "Every severity" }}
        data={[...SEVERITIES]}
        value={search.severity ?? null}
        onChange={(severity) => onChange({ severity: severity ?? undefined })}
      />
      <Select
        size="xs"
        aria-label="Agent"
        placeholder="Every agent"
        searchable
        clearable
        clearButtonProps={{ "aria-label": "Every agent" }}
        nothingFoundMessage="No agent of this name in 30 days"
        data={having(names, search.of)}
        value={search.of ?? null}
        onChange={(of) => onChange({ of: of ?? undefined })}
      />
      {children}
      {about && <p className="muted">{about}</p>}
    </div>
  );
}
