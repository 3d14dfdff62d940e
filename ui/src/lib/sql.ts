/** How a SQL answer is laid out. Pure. */
import { inline } from "./json";

/** Whether a SQL or Arrow type holds numbers. */
export const isNumeric = (type: string) =>
  /^u?(big|small|tiny)?int(eger)?\d*(\(|$| )|^float|^double|^decimal|^numeric|^real|^number/i.test(type.trim());

/** Pixels per character of the table's type, and bounds of a column. */
const CHARACTER = 7.4;
const LEAST = 56;
const MOST = 380;
/** Rows looked at. */
const SAMPLE = 60;

/** A width in pixels for each column, by what is in its first rows. */
export function columnWidths(answer: { columns: { name: string }[]; rows: unknown[][] }): number[] {
  return answer.columns.map((column, at) => {
    let longest = column.name.length;
    for (const row of answer.rows.slice(0, SAMPLE)) {
      const value = row[at];
      // Thousands separators take room too.
      const length = typeof value === "number" ? Math.ceil(String(value).length * 1.3) : inline(value).length;
      if (length > longest) longest = length;
    }
    return Math.min(MOST, Math.max(LEAST, Math.ceil(longest * CHARACTER)));
  });
}
