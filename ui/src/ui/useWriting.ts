/** How times and numbers are written in this browser: the time zone, and whether as ISO or as the browser's language has it. */
import { useLocalStorage } from "@mantine/hooks";
import { showZone, writeAs } from "@/lib/locale";

/** `iso`: points and ISO 8601; `browser`: as the browser's language has it. */
export type Style = "iso" | "browser";

const ZONE = "tawny.zone";
const STYLE = "tawny.writing";

const kept = (key: string): unknown => {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "null");
  } catch {
    // No storage, or what is in it is none of ours.
    return null;
  }
};

/** Reads the choices before anything is drawn. */
export function applyWriting() {
  const zone = kept(ZONE);
  if (typeof zone === "string" && isZone(zone)) showZone(zone);
  if (kept(STYLE) === "browser") writeAs(navigator.language);
}

/** A zone may be gone with another version of the browser; its name would throw wherever a time is shown. */
function isZone(name: string): boolean {
  if (name === "local" || name === "utc") return true;
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** The choices; another one loads the page anew, so that nothing keeps what was written the old way. */
export function useWriting() {
  const [zone, setZone] = useLocalStorage({ key: ZONE, defaultValue: "local", getInitialValueInEffect: false });
  const [style, setStyle] = useLocalStorage<Style>({
    key: STYLE,
    defaultValue: "iso",
    getInitialValueInEffect: false,
  });
  const anew =
    <T>(set: (value: T) => void) =>
    (value: T) => {
      set(value);
      setTimeout(() => window.location.reload());
    };
  return { zone, setZone: anew(setZone), style, setStyle: anew(setStyle) };
}
