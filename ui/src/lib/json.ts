/** JSON inside texts. */

/** The object or list a text holds; nothing for plain text, numbers and text that only looks like JSON. */
export function parseJson(text: string): { value: object } | undefined {
  const trimmed = text.trim();
  if (trimmed.length < 2 || trimmed.length > 5_000_000 || !/^[[{]/.test(trimmed)) return undefined;
  try {
    const value: unknown = JSON.parse(trimmed);
    return typeof value === "object" && value !== null ? { value } : undefined;
  } catch {
    return undefined;
  }
}

/** A value as one line of text. */
export function inline(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Whether nothing was said: null, empty text, empty list or object. */
export function isBlank(value: unknown): boolean {
  if (value === null || value === undefined || value === "") return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

/** Rows as comma-separated values (RFC 4180). */
export function csv(columns: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const cell = (value: unknown) => {
    const text = inline(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [columns, ...rows].map((row) => row.map(cell).join(",")).join("\r\n");
}
