//! What handlers share about bodies: reading JSON with an error that shows what would be right, and writing CSV.

use serde::de::DeserializeOwned;

use super::types::Problem;

/// Reads a body of JSON, an object; `example` is one that would be right.
pub fn json<T: DeserializeOwned>(body: &[u8], example: &str) -> Result<T, Problem> {
    // A list would be read as the fields in their order.
    if body.trim_ascii_start().first() == Some(&b'[') {
        return Err(Problem::bad_request(format!("the body is a list: send an object, {example}")));
    }
    serde_json::from_slice(body)
        .map_err(|error| Problem::bad_request(format!("cannot read the body: {error}; send {example}")))
}

/// A body as text.
pub fn utf8(body: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(body).map_err(|_| Problem::bad_request("the body is not UTF-8 text"))
}

/// A text of a body that may have at most `most` characters and not be empty; `name` is its field.
pub fn short(name: &str, text: &str, most: usize) -> Result<(), Problem> {
    let long = text.chars().count();
    if (1..=most).contains(&long) && !text.trim().is_empty() {
        return Ok(());
    }
    Err(Problem::bad_request(format!("`{name}` has {long} characters: give 1 to {most}")))
}

/// A field of CSV, in quotes where it needs them. A text that a spreadsheet would take for a formula gets a quote in front.
pub fn csv_field(value: &str) -> String {
    let formula = value.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let value = if formula { format!("'{value}") } else { value.to_owned() };
    if value.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", value.replace('"', "\"\"")) } else { value }
}
