/** What a reader has opened or looks for in a part of a run, as the address has it: a link shows the same. */
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback } from "react";
import type { RunSearch } from "@/lib/search";

type Part = Pick<RunSearch, "look" | "all" | "turned">;

export function useLook(): [Part, (change: Part) => void] {
  const search: Part = useSearch({ from: "/runs/$traceId" });
  const navigate = useNavigate({ from: "/runs/$traceId" });
  const set = useCallback(
    (change: Part) =>
      void navigate({ search: (before) => ({ ...before, ...change }), replace: true, resetScroll: false }),
    [navigate],
  );
  return [search, set];
}
