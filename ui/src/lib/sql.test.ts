import { describe, expect, it } from "vitest";
import { columnWidths, isNumeric } from "./sql";

describe("types of numbers", () => {
  it.each([
    "BIGINT",
    "UBIGINT",
    "Int64",
    "UInt32",
    "DOUBLE",
    "Float64",
    "Decimal(38, 12)",
    "integer",
    "NUMERIC",
    "number",
    "UINT",
  ])("%s", (type) => expect(isNumeric(type)).toBe(true));
  it.each(["VARCHAR", "INTERVAL", "Utf8", "TIMESTAMP", "BOOLEAN", "List(Int64)", "text"])("not %s", (type) =>
    expect(isNumeric(type)).toBe(false),
  );
});

describe("column widths", () => {
  it("follow the longest value, within bounds", () => {
    const [short, long, huge] = columnWidths({
      columns: [{ name: "a" }, { name: "b" }, { name: "c" }],
      rows: [[1, "twenty characters ok", "x".repeat(999)]],
    });
    expect(short).toBeLessThan(long!);
    expect(long).toBeLessThan(huge!);
    expect(huge).toBe(380);
  });

  it("follow numbers as they are shown, not all their digits", () => {
    const [exact, shown] = columnWidths({
      columns: [{ name: "mean_ms" }, { name: "text" }],
      rows: [[43849.20712345678, "43,849.207"]],
    });
    expect(exact).toBe(shown);
  });
});
