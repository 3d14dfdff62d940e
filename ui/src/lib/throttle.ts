/** Work that follows a stream of events without falling behind it or missing its end. */

export interface Throttle {
  /** Something happened: the work is done soon. */
  call: () => void;
  /** Whatever is planned is not done. */
  cancel: () => void;
}

/**
 * Calls `work` `ms` after the first event, never twice at once, and once more after it if events came while it was busy:
 * the last event is always followed by work that began after it.
 */
export function throttle(work: () => Promise<unknown>, ms: number): Throttle {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let busy = false;
  let again = false;
  const call = () => {
    if (busy) again = true;
    else timer ??= setTimeout(run, ms);
  };
  const run = async () => {
    timer = undefined;
    busy = true;
    try {
      await work();
    } catch {
      // The next event tries again; what failed is shown by whoever asked.
    } finally {
      busy = false;
      if (again) {
        again = false;
        call();
      }
    }
  };
  return {
    call,
    cancel: () => {
      clearTimeout(timer);
      timer = undefined;
      again = false;
    },
  };
}
