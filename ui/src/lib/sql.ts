/** How a SQL answer is laid out. Pure. */
import { count } from "./format";
import { inline } from "./json";
import { significant } from "./locale";

/** Whether a SQL or Arrow type holds numbers. */
export const isNumeric = (type: string) =>
  /^u?(big|small|tiny)?int(eger)?\d*(\(|$| )|^float|^double|^decimal|^numeric|^real|^number/i.test(type.trim());

/** Pixels per character of the table's type, and bounds of a column. */
const CHARACTER = 7.4;
const LEAST = 56;
const MOST = 380;
/** Rows looked at. */
const SAMPLE = 60;

/** A number as a cell shows it. */
export const cellNumber = (value: number): string => (Number.isInteger(value) ? count(value) : significant(value, 8));

/** A width in pixels for each column, by what is in its first rows. */
export function columnWidths(answer: { columns: { name: string }[]; rows: unknown[][] }): number[] {
  return answer.columns.map((column, at) => {
    let longest = column.name.length;
    for (const row of answer.rows.slice(0, SAMPLE)) {
      const value = row[at];
      const shown = typeof value === "number" ? cellNumber(value) : inline(value);
      if (shown.length > longest) longest = shown.length;
    }
    return Math.min(MOST, Math.max(LEAST, Math.ceil(longest * CHARACTER)));
  });
}
