//! Arguments that break the tool's schema, or depart from how the tool has always been called.
//!
//! Finds: a required argument that is missing, a name the schema does not know, a wrong type, a value outside of an enumeration
//! (by the JSON schema that was offered to the model); and a form of arguments (names, types, formats of dates and numbers) that less
//! than one in a hundred of at least 50 earlier calls had, where the call also failed. Where it did not fail it is worth knowing if a name is
//! new or renamed, always was there and is missing, or has a type or format that it never had.
//!
//! Silent for tools without a schema and without history; on a schema that names no properties.

use std::collections::BTreeMap;

use model::Severity;
use serde_json::Value as Json;

use super::{Detector, Draft, Evidence, Setting, Tuned, When};
use crate::detect::evidence::Call;

pub(super) const DETECTOR: Detector = Detector {
    name: "bad_arguments",
    source: include_str!("bad_arguments.rs"),
    when: When::Steps,
    settings: &[
        Setting { name: "history", default: 50.0, about: "earlier calls before a new form of arguments is unusual" },
        Setting { name: "share", default: 0.01, about: "share of earlier calls below which a form is unusual" },
    ],
    check,
};

fn check(evidence: &Evidence<'_>, tuned: &Tuned) -> Vec<Draft> {
    let mut found = Vec::new();
    for (at, call) in evidence.calls.iter().enumerate() {
        let Some(arguments) = call.arguments.filter(|it| it.is_object() && !is_positional(it)) else { continue };
        let schema = evidence.offered.get(call.name).and_then(|tool| tool.parameters.as_ref());
        if let Some(fault) = schema.and_then(|schema| fault(schema, arguments, "", 0)) {
            let message = format!("`{}` was called against its schema: {fault}", call.name);
            found.push(
                Draft::new(Severity::Warning, format!("{} schema", call.name), message)
                    .spans([evidence.span_id(call.step)])
                    .with("tool", call.name)
                    .with("fault", fault),
            );
        } else if let Some(habit) = evidence.known().and_then(|known| known.tools.get(call.name)) {
            found.extend(evidence.shape(at).and_then(|shape| unusual(evidence, call, shape, &habit.shapes, tuned)));
        }
    }
    found
}

/// Arguments of a form that earlier calls hardly had, where the call failed or the form departs from all of theirs.
fn unusual(
    evidence: &Evidence<'_>,
    call: &Call<'_>,
    shape: &str,
    shapes: &BTreeMap<String, u32>,
    tuned: &Tuned,
) -> Option<Draft> {
    let all: u32 = shapes.values().sum();
    let same = shapes.get(shape).copied().unwrap_or(0);
    if f64::from(all) < tuned.get(0) || f64::from(same) >= tuned.get(1) * f64::from(all) {
        return None;
    }
    let departs = departure(shape, shapes);
    let (severity, kind, how) = match (call.state.is_failure(), &departs) {
        (true, _) => (Severity::Warning, "form", "failed on"),
        (false, Some(_)) => (Severity::Info, "departs", "was called with"),
        (false, None) => return None,
    };
    let usual = shapes.iter().max_by_key(|(_, count)| **count).map_or("", |(shape, _)| shape.as_str());
    let why = departs.map(|departs| format!(", {departs}")).unwrap_or_default();
    let message = format!("`{}` {how} arguments of an unusual form ({shape}){why}; usual is ({usual})", call.name);
    Some(
        Draft::new(severity, format!("{} {kind}", call.name), message)
            .spans([evidence.span_id(call.step)])
            .with("tool", call.name)
            .with("form", shape)
            .with("usual", usual),
    )
}

/// What a form has that no earlier one had, or lacks that all of them had.
fn departure(shape: &str, shapes: &BTreeMap<String, u32>) -> Option<String> {
    fn fields(shape: &str) -> impl Iterator<Item = (&str, &str)> {
        shape.split(',').filter_map(|field| field.rsplit_once(':'))
    }
    let earlier = || shapes.keys().flat_map(|shape| fields(shape));
    for (name, format) in fields(shape) {
        let mut formats: Vec<&str> = earlier().filter(|(known, _)| *known == name).map(|(_, format)| format).collect();
        if formats.is_empty() {
            return Some(format!("where `{name}` is new"));
        }
        // What is left out by sending null, or an empty text, is no new format.
        if !matches!(format, "null" | "empty") && !formats.contains(&format) {
            formats.sort_unstable();
            formats.dedup();
            return Some(format!("where `{name}` is {format} and always was {}", formats.join(" or ")));
        }
    }
    let missing = |name: &&str| {
        let has = |shape: &str| fields(shape).any(|(known, _)| known == *name);
        shapes.keys().all(|shape| has(shape)) && !has(shape)
    };
    let first = shapes.keys().next()?;
    fields(first).map(|(name, _)| name).find(missing).map(|name| format!("where `{name}` is missing"))
}

/// Arguments recorded as a function's list: they have no names to be checked by.
fn is_positional(arguments: &Json) -> bool {
    arguments.get("args").is_some_and(Json::is_array) && arguments.get("kwargs").is_some_and(Json::is_object)
}

/// Deepest level of a schema that is looked at.
const DEEPEST: usize = 8;

/// What breaks `schema` (the part of JSON Schema that tools use), or nothing. Whatever the check does not know it lets pass.
fn fault(schema: &Json, value: &Json, path: &str, depth: usize) -> Option<String> {
    if depth > DEEPEST || schema.get("$ref").is_some() {
        return None;
    }
    let here = |text: String| Some(if path.is_empty() { text } else { format!("`{path}` {text}") });
    for name in ["anyOf", "oneOf"] {
        if let Some(options) = schema.get(name).and_then(Json::as_array) {
            let faults: Vec<_> = options.iter().map(|option| fault(option, value, path, depth + 1)).collect();
            return if faults.iter().any(Option::is_none) { None } else { faults.into_iter().flatten().next() };
        }
    }
    if let Some(allowed) = schema.get("enum").and_then(Json::as_array)
        && !allowed.contains(value)
    {
        return here(format!("is {value}, which is none of {}", Json::Array(allowed.clone())));
    }
    let types: Vec<&str> = match schema.get("type") {
        Some(Json::String(one)) => vec![one],
        Some(Json::Array(many)) => many.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    };
    if !types.is_empty() && !types.iter().any(|wanted| is_of(value, wanted)) {
        return here(format!("should be of type {}, found {}", types.join(" or "), type_of(value)));
    }
    if let (Some(items), Json::Array(values)) = (schema.get("items"), value) {
        let faults = values.iter().take(20).enumerate();
        return faults.filter_map(|(at, value)| fault(items, value, &format!("{path}[{at}]"), depth + 1)).next();
    }
    let (Some(Json::Object(properties)), Json::Object(members)) = (schema.get("properties"), value) else {
        return None;
    };
    let required = schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
    if let Some(missing) = required.into_iter().find(|name| !members.contains_key(*name)) {
        return here(format!("`{missing}` is missing"));
    }
    let open = matches!(schema.get("additionalProperties"), Some(Json::Bool(true) | Json::Object(_)));
    for (name, member) in members {
        match properties.get(name) {
            // An argument left out by sending null is no fault.
            Some(_) if member.is_null() => {}
            Some(schema) => {
                let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                if let Some(fault) = fault(schema, member, &inner, depth + 1) {
                    return Some(fault);
                }
            }
            None if open || properties.is_empty() => {}
            None => return here(format!("`{name}` is not an argument it knows")),
        }
    }
    None
}

fn is_of(value: &Json, wanted: &str) -> bool {
    match (wanted, value) {
        ("string", Json::String(_))
        | ("number", Json::Number(_))
        | ("boolean", Json::Bool(_))
        | ("array", Json::Array(_))
        | ("object", Json::Object(_))
        | ("null", Json::Null) => true,
        ("integer", Json::Number(number)) => number.as_f64().is_some_and(|number| number.fract() == 0.0),
        ("string" | "number" | "integer" | "boolean" | "array" | "object" | "null", _) => false,
        _ => true,
    }
}

fn type_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_form_departs_by_what_no_earlier_one_had_or_all_had() {
        let forms = ["day:date y-m-d,order:text", "day:date y-m-d,note:text,order:text", "day:date y-m-d,order:digits"];
        let shapes: BTreeMap<String, u32> = forms.iter().map(|form| ((*form).to_string(), 20)).collect();
        for (form, expected) in [
            ("day:date y-m-d,note:text,order:digits", None),
            ("day:date y-m-d,note:null,order:text", None),
            ("day:date y-m-d,order_id:text", Some("where `order_id` is new")),
            ("day:date d/m/y,order:text", Some("where `day` is date d/m/y and always was date y-m-d")),
            ("day:date y-m-d,order:list", Some("where `order` is list and always was digits or text")),
            ("order:text", Some("where `day` is missing")),
        ] {
            assert_eq!(departure(form, &shapes).as_deref(), expected, "{form}");
        }
    }

    #[test]
    fn a_schema_is_checked_as_far_as_tools_use_it() {
        let schema = json!({"type": "object", "required": ["order"], "properties": {
            "order": {"type": "string"}, "count": {"type": "integer"}, "speed": {"enum": ["slow", "fast"]},
            "lines": {"type": "array", "items": {"type": "object", "required": ["sku"], "properties": {"sku": {"type": "string"}}}},
            "when": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        }});
        for (value, expected) in [
            (json!({"order": "A", "count": 3, "speed": "fast", "when": null}), None),
            (json!({"count": 3}), Some("`order` is missing")),
            (json!({"order": 7}), Some("`order` should be of type string, found number")),
            (json!({"order": "A", "count": 1.5}), Some("`count` should be of type integer, found number")),
            (
                json!({"order": "A", "speed": "medium"}),
                Some("`speed` is \"medium\", which is none of [\"slow\",\"fast\"]"),
            ),
            (json!({"order": "A", "order_id": "A"}), Some("`order_id` is not an argument it knows")),
            (json!({"order": "A", "lines": [{"sku": "x"}, {}]}), Some("`lines[1]` `sku` is missing")),
        ] {
            assert_eq!(fault(&schema, &value, "", 0).as_deref(), expected, "{value}");
        }
        assert_eq!(fault(&json!({}), &json!({"x": 1}), "", 0), None);
    }
}
