/** In which time zone times are shown: the browser's, or UTC. */
import { useLocalStorage } from "@mantine/hooks";
import { showUtc } from "@/lib/format";

export type Zone = "local" | "utc";

const KEY = "tawny.zone";

/** Reads the choice before anything is drawn. */
export function applyZone() {
  try {
    showUtc(JSON.parse(localStorage.getItem(KEY) ?? "null") === "utc");
  } catch {
    // No storage, or what is in it is none of ours: local time.
  }
}

/** The choice; another one loads the page anew, so that nothing keeps a time in the old zone. */
export function useZone(): [Zone, (zone: Zone) => void] {
  const [zone, setZone] = useLocalStorage<Zone>({ key: KEY, defaultValue: "local", getInitialValueInEffect: false });
  return [
    zone,
    (next) => {
      setZone(next);
      setTimeout(() => window.location.reload());
    },
  ];
}
