/** What the command palette offers for a text. Pure. */

/** A trace id somewhere in the text: as it is, as a UUID, or in an address. */
export function traceIn(text: string): string | undefined {
  const found = /[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}/i.exec(text)?.[0];
  return found?.replaceAll("-", "").toLowerCase();
}

/** Whether every word of the text begins a word of the name. */
export function fits(name: string, text: string): boolean {
  const words = name.toLowerCase().split(/[^\p{L}\p{N}]+/u);
  return text
    .toLowerCase()
    .split(/\s+/)
    .filter(Boolean)
    .every((part) => words.some((word) => word.startsWith(part)) || name.toLowerCase().includes(part));
}

/** The key that is held with others for commands, as the reader's keyboard has it. */
export const modKey = (platform: string): string => (/Mac|iPhone|iPad/.test(platform) ? "⌘" : "Ctrl");
