/** The time, shared by everything that shows how long ago something was: one timer for the page. */
import { useSyncExternalStore } from "react";

let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;
const listeners = new Set<() => void>();

function subscribe(listener: () => void) {
  listeners.add(listener);
  if (timer === undefined) {
    now = Date.now();
    timer = setInterval(() => {
      now = Date.now();
      for (const each of listeners) each();
    }, 1000);
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

const never = () => () => {};

/** Milliseconds since 1970, a second's tick old at most while the component is shown; 0, and no tick, while not `on`. */
export const useNow = (on = true) => useSyncExternalStore(on ? subscribe : never, () => (on ? now : 0));
