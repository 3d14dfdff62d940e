/** Single keys for a page, silent while somebody types or a dialog is open. */
import { useLayoutEffect, useRef } from "react";

/** Returning `false` lets the key do what it does otherwise. */
export type KeyMap = Record<string, () => unknown>;

export function useKeys(map: KeyMap) {
  const latest = useRef(map);
  // Before anything is painted: whoever sees the page can already use its keys.
  useLayoutEffect(() => {
    latest.current = map;
  });
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target)) return;
      if (document.querySelector("[role=dialog], [role=menu]")) return;
      // Enter on a focused control belongs to the control.
      if (event.key === "Enter" && event.target instanceof Element && event.target.closest("a, button")) return;
      const action = latest.current[event.key];
      if (action && action() !== false) event.preventDefault();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
}

/** The keys that walk a list. */
export const stepKeys = (move: (by: number) => void): KeyMap => ({
  j: () => move(1),
  k: () => move(-1),
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
});

/** Whether a key goes into a text field. */
export function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}
