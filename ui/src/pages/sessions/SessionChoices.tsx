/** Of which agent, user and environment, and how they went: what the list of sessions is narrowed down to. */
import { Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { facetsQuery } from "@/api/queries";
import { DEFAULT_SESSIONS_FROM, SESSION_STATUSES, type SessionsSearch } from "@/lib/sessions";
import classes from "./SessionsPage.module.css";

/** The server counts the most frequent values of each; any other can be typed. */
const FIELDS = [
  ["agent", "Agent", "Every agent"],
  ["user", "User", "Every user"],
  ["environment", "Environment", "Every environment"],
] as const;
const FACETS = FIELDS.map(([field]) => field);

interface Props {
  search: SessionsSearch;
  /** Counts over all runs take the server's processors: the list that is waited for has them first. */
  ready: boolean;
  onChange: (change: Partial<SessionsSearch>) => void;
}

export function SessionChoices({ search, ready, onChange }: Props) {
  const { from = DEFAULT_SESSIONS_FROM } = search;
  const facets = useQuery({ ...facetsQuery({ from }, FACETS), enabled: ready }).data?.facets;
  return (
    <div className={classes.choices}>
      {FIELDS.map(([field, label, every]) => (
        <Choice
          key={field}
          label={label}
          every={every}
          values={(facets?.[field] ?? []).map(({ value }) => value)}
          value={search[field]?.[0]}
          onChange={(value) => onChange({ [field]: value && [value] })}
        />
      ))}
      <Select
        size="xs"
        aria-label="Status"
        placeholder="Every status"
        clearable
        clearButtonProps={{ "aria-label": "Every status" }}
        data={SESSION_STATUSES.map(([value, label]) => ({ value, label }))}
        value={search.status?.[0] ?? null}
        onChange={(status) => onChange({ status: status ? [status] : undefined })}
      />
    </div>
  );
}

interface ChoiceProps {
  label: string;
  every: string;
  values: string[];
  value?: string;
  onChange: (value?: string) => void;
}

function Choice({ label, every, values, value, onChange }: ChoiceProps) {
  const [typed, setTyped] = useState("");
  // What the address asks for can be seen and taken back, and what is typed chosen, also where nothing has that name.
  const offered = new Set([...values, ...(value ? [value] : []), ...(typed.trim() ? [typed.trim()] : [])]);
  return (
    <Select
      size="xs"
      aria-label={label}
      placeholder={every}
      searchable
      clearable
      clearButtonProps={{ "aria-label": every }}
      data={[...offered]}
      value={value ?? null}
      onSearchChange={setTyped}
      onChange={(chosen) => onChange(chosen ?? undefined)}
    />
  );
}
