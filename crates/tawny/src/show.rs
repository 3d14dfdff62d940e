//! Tables and other output for people, and JSON for scripts.

use std::io::Write;

use anyhow::Result;
use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, presets};
use jiff::tz::TimeZone;
use model::Timestamp;

use crate::style::{self, Look};

/// Writes to standard output; a closed pipe is an error that `main` forgives.
pub fn out(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(())
}

/// A table without lines: a header and rows, columns as wide as what they hold.
pub fn table(headers: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    // Colours are decided in one place, not by the table.
    if style::colours() {
        table.enforce_styling()
    } else {
        table.force_no_tty()
    };
    table.set_header(headers.iter().map(|header| styled(header, Look::Faint)));
    table
}

/// A table as text. Its left edge has no padding.
pub fn render(table: &mut Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// A cell of text.
pub fn cell(text: impl ToString) -> Cell {
    Cell::new(text.to_string())
}

/// A cell in a style.
pub fn styled(text: &str, look: Look) -> Cell {
    let cell = Cell::new(text);
    match look {
        Look::Faint => cell.add_attribute(Attribute::Dim),
        Look::Strong => cell.add_attribute(Attribute::Bold),
        Look::Red => cell.fg(Color::DarkRed),
        Look::Green => cell.fg(Color::DarkGreen),
        Look::Yellow => cell.fg(Color::DarkYellow),
        Look::Blue => cell.fg(Color::DarkBlue),
        Look::Magenta => cell.fg(Color::DarkMagenta),
        Look::Cyan => cell.fg(Color::DarkCyan),
    }
}

/// A cell of a figure, at the right.
pub fn figure(text: impl ToString) -> Cell {
    Cell::new(text.to_string()).set_alignment(CellAlignment::Right)
}

/// A count of failures, at the right: red when there are some.
pub fn failures(count: impl Into<u64>) -> Cell {
    let count = count.into();
    let text = style::count(count);
    let cell = if count > 0 { styled(&text, Look::Red) } else { Cell::new(text) };
    cell.set_alignment(CellAlignment::Right)
}

/// A time in the local zone: `2026-01-31 12:00:00`.
pub fn local(time: Timestamp) -> String {
    match jiff::Timestamp::from_nanosecond(time.as_nanos().into()) {
        Ok(time) => time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => time.to_string(),
    }
}

/// Width of the terminal, or what pipes get.
pub fn width() -> usize {
    const PIPE: usize = 160;
    Table::new().width().map_or(PIPE, usize::from).max(60)
}
