/** Copies a text and says for a moment how it went. */
import { useEffect, useRef, useState } from "react";

/** How long it is said. */
const SAID_MS = 1200;

/** `undefined` while nothing was copied lately. */
export type Copied = "copied" | "failed" | undefined;

export function useCopy(): { said: Copied; copy: (text: string) => void } {
  const [said, setSaid] = useState<Copied>();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = (text: string) =>
    copyText(text, (done) => {
      setSaid(done ? "copied" : "failed");
      clearTimeout(timer.current);
      timer.current = setTimeout(() => setSaid(undefined), SAID_MS);
    });
  return { said, copy };
}

/** Copies a text; `say` is told whether it was. */
export function copyText(text: string, say: (done: boolean) => void = () => {}) {
  // Browsers give no clipboard to pages over plain HTTP, which is how many reach a server of their own network.
  const { clipboard } = navigator as { clipboard?: Clipboard };
  if (clipboard)
    clipboard.writeText(text).then(
      () => say(true),
      () => say(bySelection(text)),
    );
  else say(bySelection(text));
}

/** The older way: what is selected is copied. */
function bySelection(text: string): boolean {
  const before = document.activeElement;
  const field = document.createElement("textarea");
  field.value = text;
  field.readOnly = true;
  field.style.cssText = "position:fixed;top:0;left:0;opacity:0";
  // Inside of an open dialog, which would take the focus back from anything outside.
  (before?.closest("[role=dialog], [role=menu]") ?? document.body).append(field);
  field.select();
  try {
    return document.execCommand("copy");
  } catch {
    return false;
  } finally {
    field.remove();
    if (before instanceof HTMLElement) before.focus({ preventScroll: true });
  }
}
