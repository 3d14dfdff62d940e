/** Whether the server answers: one small store that every request reports to and the banner reads. */
import { useSyncExternalStore } from "react";

export type ConnectionState = "ok" | "lost";

const PROBE_MS = 2000;

class Connection {
  private state: ConnectionState = "ok";
  private listeners = new Set<() => void>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  };
  readonly get = () => this.state;

  /** A request was answered, with whatever status. */
  answered() {
    this.set("ok");
  }

  /** A request reached nobody. From now on the server is asked until it answers. */
  failed() {
    this.set("lost");
    if (this.timer === undefined) this.timer = setTimeout(() => void this.probe(), PROBE_MS);
  }

  /** Asks at once. */
  async probe() {
    clearTimeout(this.timer);
    this.timer = undefined;
    try {
      const response = await fetch("/healthz", { cache: "no-store" });
      if (response.status === 502 || response.status === 504) throw new Error("gateway");
      this.answered();
    } catch {
      this.failed();
    }
  }

  private set(state: ConnectionState) {
    if (this.state === state) return;
    this.state = state;
    for (const listener of this.listeners) listener();
  }
}

export const connection = new Connection();

export const useConnection = () => useSyncExternalStore(connection.subscribe, connection.get);
