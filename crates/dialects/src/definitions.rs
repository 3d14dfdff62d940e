//! Definitions of the tools a model was offered, in any API's form.

use model::ToolDefinition;
use serde_json::Value as Json;

use crate::messages::{Object, first_text, opened, text};

/// The definitions in a list; JSON text inside is opened.
pub(crate) fn read(value: &Json) -> Vec<ToolDefinition> {
    match opened(value).as_ref() {
        Json::Array(items) => items.iter().flat_map(read).collect(),
        Json::Object(object) => match ["functionDeclarations", "function_declarations", "function_tools", "tools"]
            .iter()
            .find_map(|key| object.get(*key).filter(|inner| inner.is_array()))
        {
            Some(inner) => read(inner),
            None => one(object).into_iter().collect(),
        },
        _ => Vec::new(),
    }
}

fn one(object: &Object) -> Option<ToolDefinition> {
    let inner =
        ["function", "toolSpec"].iter().find_map(|key| object.get(*key)).and_then(Json::as_object).unwrap_or(object);
    let schema = ["parameters", "inputSchema", "input_schema", "parameters_json_schema", "json_schema", "schema"];
    let parameters = schema.iter().find_map(|key| inner.get(*key)).filter(|schema| !schema.is_null()).map(|schema| {
        match opened(schema).into_owned() {
            // Bedrock wraps the schema once more.
            Json::Object(mut wrapped) if wrapped.len() == 1 && wrapped.contains_key("json") => {
                wrapped.remove("json").unwrap_or_default()
            }
            other => other,
        }
    });
    Some(ToolDefinition {
        name: first_text(inner, &["name", "type"])?.to_owned(),
        description: text(inner, "description").map(str::to_owned),
        parameters,
    })
}
