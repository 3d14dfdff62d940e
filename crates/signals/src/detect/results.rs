//! What a tool's result says about the call: it worked, it found nothing, it failed.
//!
//! Many tools report failure as ordinary text while the span is fine, so the result is read. Only its shape and its beginning
//! count: an article about errors is no error.

use serde_json::Value as Json;

use super::text;

/// What came of a tool call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It gave something.
    Ok,
    /// It worked and found nothing.
    Empty,
    /// The result says that it failed, though the span does not.
    SaysError,
    /// The span failed.
    Failed,
    /// Nothing is told of its result.
    Untold,
}

impl State {
    /// It failed, whoever says so.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::SaysError | Self::Failed)
    }
}

/// Beginnings of texts by which tools report failure.
const ERRORS: &[&str] = &[
    "error",
    "err:",
    "exception",
    "traceback (most recent call last)",
    "failed",
    "failure",
    "fatal:",
    "invalid ",
    "unable to ",
    "cannot ",
    "could not connect",
    "permission denied",
    "access denied",
    "unauthorized",
    "forbidden",
    "timeout",
    "timed out",
    "request failed",
    "tool error",
    "tool execution failed",
    "bad request",
    "internal server error",
    "service unavailable",
    "rate limit",
    // German, French, Portuguese, Italian, Dutch, Polish, Russian, Chinese, Japanese, Korean; Spanish has `error`.
    "fehler",
    "fehlgeschlagen",
    "erreur",
    "échec",
    "erro:",
    "falha",
    "errore",
    "fout:",
    "mislukt",
    "błąd",
    "ошибка",
    "错误",
    "錯誤",
    "エラー",
    "오류",
];
/// Words near the beginning that say the same.
const ERROR_WORDS: &[&str] = &[
    "traceback (most recent call last)",
    "error executing",
    "error:",
    "exception:",
    "command not found",
    "no such file or directory",
];
/// Beginnings of texts that say nothing was found.
const NOTHING: &[&str] = &[
    "no results",
    "no result",
    "no matches",
    "no match",
    "no documents",
    "no relevant",
    "no data",
    "no items",
    "no records",
    "no such",
    "no page",
    "not found",
    "nothing found",
    "could not find",
    "couldn't find",
    "did not find",
    "cannot find",
    "0 results",
    "none found",
    "there are no ",
    "does not exist",
    "keine ergebnisse",
    "keine treffer",
    "nichts gefunden",
    "nicht gefunden",
    "aucun résultat",
    "aucun document",
    "rien trouvé",
    "sin resultados",
    "ningún resultado",
    "no se encontr",
    "no se ha encontr",
    "nessun risultato",
    "nenhum resultado",
    "geen resultaten",
    "brak wyników",
    "ничего не найдено",
    "не найдено",
    "未找到",
    "没有找到",
    "見つかりません",
    "검색 결과가 없",
];
/// Bytes of a text in which it must say so.
const BEGINNING: usize = 240;

/// Times a result may be wrapped: as JSON in a text, in a part of content, in a member.
const WRAPPED: usize = 4;

/// What `result` says.
pub fn state(result: &Json) -> State {
    of_value(result, WRAPPED)
}

fn of_value(result: &Json, depth: usize) -> State {
    match result {
        Json::Null => State::Empty,
        Json::Bool(_) | Json::Number(_) => State::Ok,
        Json::String(text) => of_text(text, depth),
        Json::Array(items) if items.is_empty() => State::Empty,
        Json::Array(items) => match items.as_slice() {
            [one @ (Json::Object(_) | Json::String(_))] if depth > 0 => of_value(one, depth - 1),
            _ => State::Ok,
        },
        Json::Object(members) => of_object(members, depth),
    }
}

/// Members that hold the status of an answer over HTTP.
const STATUS: &[&str] = &["status", "statusCode", "status_code", "http_status", "httpStatus"];

fn of_object(members: &serde_json::Map<String, Json>, depth: usize) -> State {
    let says = |value: &Json| match value {
        Json::Null => false,
        Json::Bool(yes) => *yes,
        Json::String(text) => !text.is_empty(),
        Json::Array(items) => !items.is_empty(),
        Json::Object(inner) => !inner.is_empty(),
        Json::Number(number) => number.as_f64() != Some(0.0),
    };
    let flagged = ["error", "errors", "is_error", "isError", "exception", "error_message", "errorMessage"];
    if flagged.iter().any(|name| members.get(*name).is_some_and(says)) {
        return State::SaysError;
    }
    let word = |name: &str| members.get(name).and_then(Json::as_str).map(str::to_ascii_lowercase);
    let failed = |word: String| {
        ["error", "errored", "failed", "failure", "timeout", "timed_out", "denied", "fail"].contains(&word.as_str())
    };
    let refused =
        |name: &&str| members.get(*name).and_then(Json::as_u64).is_some_and(|code| (400..600).contains(&code));
    if word("status").is_some_and(failed)
        || STATUS.iter().any(refused)
        || members.get("success") == Some(&Json::Bool(false))
        || members.get("ok") == Some(&Json::Bool(false))
    {
        return State::SaysError;
    }
    let listed = ["results", "documents", "items", "hits", "matches", "rows", "records", "data"];
    let lists: Vec<&Vec<Json>> = listed.iter().filter_map(|name| members.get(*name).and_then(Json::as_array)).collect();
    if members.is_empty() || (!lists.is_empty() && lists.iter().all(|list| list.is_empty())) {
        return State::Empty;
    }
    if depth == 0 {
        return State::Ok;
    }
    // A part of content: `{"type": "text", "text": …}`.
    if let (Some("text"), Some(text @ Json::String(_))) =
        (members.get("type").and_then(Json::as_str), members.get("text"))
    {
        return of_value(text, depth - 1);
    }
    // A result wrapped once, as MCP and several frameworks do: its only member, or `content` beside what describes it.
    let wrapped = match (members.len(), members.values().next()) {
        (1, Some(only @ Json::String(_))) => Some(only),
        (count, _) => members
            .get("content")
            .filter(|content| content.is_array() && (count == 1 || members.contains_key("isError"))),
    };
    wrapped.map_or(State::Ok, |inner| of_value(inner, depth - 1))
}

fn of_text(text: &str, depth: usize) -> State {
    let text = text.trim();
    if text.is_empty() || text == "[]" || text == "{}" || text == "null" || text == "None" {
        return State::Empty;
    }
    // An object in a text says what the object says.
    if depth > 0
        && text.len() <= text::MOST_BYTES
        && text.starts_with('{')
        && text.ends_with('}')
        && let Ok(value) = serde_json::from_str::<Json>(text)
    {
        return of_value(&value, depth - 1);
    }
    let begins = text::lower(text, BEGINNING);
    let begins = begins.trim_start_matches(['[', '(', '*', '#', '\'', '"', ' ', '<']);
    if ERRORS.iter().any(|word| begins.starts_with(word)) || ERROR_WORDS.iter().any(|word| begins.contains(word)) {
        return State::SaysError;
    }
    if NOTHING.iter().any(|word| begins.starts_with(word)) {
        return State::Empty;
    }
    // Names of exception classes: `ValueError: …`, `KeyError('x')`.
    let first = begins.split([':', '(', ' ', '\n']).next().unwrap_or_default();
    if first.len() > 5 && (first.ends_with("error") || first.ends_with("exception")) {
        return State::SaysError;
    }
    State::Ok
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tools_say_in_many_ways_that_they_failed_or_found_nothing() {
        for (result, expected) in [
            (json!("Error: user not found"), State::SaysError),
            (json!("ValueError: bad date"), State::SaysError),
            (json!({"error": "no such order"}), State::SaysError),
            (json!({"status": "failed", "id": 3}), State::SaysError),
            (json!({"content": "Error: timeout"}), State::SaysError),
            (json!({"error": null, "id": 3}), State::Ok),
            (json!("{\"error\": \"no such order\"}"), State::SaysError),
            (json!("{\"results\": []}"), State::Empty),
            (json!("{\"results\": [{\"id\": 1}]}"), State::Ok),
            (json!("{not json"), State::Ok),
            (json!({"content": [{"type": "text", "text": "Error: timeout"}]}), State::SaysError),
            (json!({"content": [{"type": "text", "text": "3 rooms"}], "isError": false}), State::Ok),
            (json!({"content": [{"type": "text", "text": "No results for Oslo"}], "isError": false}), State::Empty),
            (json!([{"type": "text", "text": "{\"status\": \"failed\"}"}]), State::SaysError),
            (json!({"statusCode": 503, "body": "upstream"}), State::SaysError),
            (json!({"status": 404}), State::SaysError),
            (json!({"status": 200, "body": "fine"}), State::Ok),
            (json!({"status": "shipped", "code": 450}), State::Ok),
            (json!({"orders": [{"status": "failed"}]}), State::Ok),
            (json!("Fehler: Bestellung 12 gibt es nicht"), State::SaysError),
            (json!("Erreur 500"), State::SaysError),
            (json!("错误：订单不存在"), State::SaysError),
            (json!("Keine Treffer für Oslo"), State::Empty),
            (json!("No se encontraron habitaciones"), State::Empty),
            (json!({"success": true}), State::Ok),
            (json!([]), State::Empty),
            (json!({"results": []}), State::Empty),
            (json!("Could not find [Revenge]. Similar: …"), State::Empty),
            (json!("The error rate of the new sensor is small."), State::Ok),
            (json!("42"), State::Ok),
            (json!(0), State::Ok),
        ] {
            assert_eq!(state(&result), expected, "{result}");
        }
    }
}
