/** The way back to the list, as it was filtered. */
import { useNavigate } from "@tanstack/react-router";
import { useCallback } from "react";
import type { RunsSearch } from "@/lib/filter";

let last: RunsSearch = {};

/** Remembers the list that a run was opened from. */
export function rememberList(search: RunsSearch) {
  last = search;
}

export const lastList = () => last;

export function useBack() {
  const navigate = useNavigate();
  return useCallback(() => void navigate({ to: "/runs", search: last }), [navigate]);
}
