//! `tawny sql`: questions in SQL.

use std::io::Read;
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::Value;
use server::api::types::{SqlAnswer, SqlRequest, SqlSchema};

use crate::cli::Sql;
use crate::client::{Client, parse};
use crate::show;
use crate::style::{self, clip, faint, strong};

/// Widest cell of a table; `--json` and `--csv` cut nothing.
const CELL: usize = 80;

/// Asks a question.
pub fn run(args: &Sql) -> Result<ExitCode> {
    let client = Client::new(&args.reading.url)?;
    if args.schema {
        return schema(&client, args.reading.json);
    }
    let query = match args.query.as_deref() {
        Some("-") | None => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
            text
        }
        Some(text) => text.to_owned(),
    };
    let text = client.post_json("/api/v1/sql", &SqlRequest { query, limit: args.limit })?;
    if args.reading.json {
        show::out(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let answer: SqlAnswer = parse(&text)?;
    if args.csv {
        show::out(&csv(&answer))?;
    } else {
        show::out(&table(&answer))?;
    }
    if answer.truncated {
        // Not on standard output: a script would take it for a row.
        eprintln!("{}", faint(&format!("cut off after {} rows; ask for less, or raise --limit", answer.rows.len())));
    }
    Ok(ExitCode::SUCCESS)
}

fn schema(client: &Client, json: bool) -> Result<ExitCode> {
    let text = client.text("/api/v1/sql/schema")?;
    if json {
        show::out(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let schema: SqlSchema = parse(&text)?;
    for view in &schema.views {
        show::out(&format!("{}  {}", strong(&view.name), faint(&view.description)))?;
        let mut table = show::table(&["  COLUMN", "TYPE", ""]);
        for column in &view.columns {
            table.add_row([format!("  {}", column.name), column.r#type.clone(), column.description.clone()]);
        }
        show::out(&show::render(&mut table))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn table(answer: &SqlAnswer) -> String {
    let headers: Vec<&str> = answer.columns.iter().map(|column| column.name.as_str()).collect();
    let mut table = show::table(&headers);
    for row in &answer.rows {
        table.add_row(row.iter().map(|value| match value {
            Value::Number(number) => show::figure(number),
            other => show::cell(clip(&plain(other), CELL)),
        }));
    }
    let rows = answer.rows.len();
    let word = if rows == 1 { "row" } else { "rows" };
    show::render(&mut table) + &faint(&format!("{rows} {word} in {}", style::duration(answer.elapsed_ms)))
}

/// Comma-separated values as RFC 4180 has them.
fn csv(answer: &SqlAnswer) -> String {
    let field = |text: &str| {
        if text.contains(['"', ',', '\n', '\r']) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text.to_owned()
        }
    };
    let mut out = answer.columns.iter().map(|column| field(&column.name)).collect::<Vec<_>>().join(",");
    for row in &answer.rows {
        out.push('\n');
        out.push_str(&row.iter().map(|value| field(&plain(value))).collect::<Vec<_>>().join(","));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn csv_quotes_what_would_break_it() {
        let answer: SqlAnswer = serde_json::from_value(json!({
            "columns": [{"name": "a", "type": "text"}, {"name": "b,c", "type": "number"}],
            "rows": [["x\"y", 1], [null, 2.5], ["two\nlines", ["list"]]],
            "truncated": false, "elapsed_ms": 1.0,
        }))
        .unwrap();
        assert_eq!(csv(&answer), "a,\"b,c\"\n\"x\"\"y\",1\n,2.5\n\"two\nlines\",\"[\"\"list\"\"]\"");
    }
}
