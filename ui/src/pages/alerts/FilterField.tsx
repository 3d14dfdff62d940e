/** The field that narrows a list of alerts, rules or events down at once, as one types; `/` leads into it. */
import { TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useRef } from "react";
import { useKeys } from "@/ui/useKeys";
import type { ViewProps } from "./AlertsPage";

export function FilterField({ label, placeholder, search, set }: ViewProps & { label: string; placeholder: string }) {
  const field = useRef<HTMLInputElement>(null);
  useKeys({ "/": () => field.current?.select() });
  return (
    <TextInput
      ref={field}
      aria-label={label}
      placeholder={placeholder}
      leftSection={<IconSearch size={14} stroke={1.8} aria-hidden />}
      rightSection={<kbd aria-hidden>/</kbd>}
      value={search.q ?? ""}
      onChange={(event) => set({ q: event.currentTarget.value || undefined })}
    />
  );
}
