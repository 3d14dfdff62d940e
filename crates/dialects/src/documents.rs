//! Documents of retrievers and rerankers, as flattened keys or as lists in JSON.

use model::Document;
use serde_json::Value as Json;

use crate::messages::flat::{Item, list};
use crate::messages::{Object, first_text, opened};
use model::{Attributes, Value};

/// The documents in a list, or in an object that holds one.
pub(crate) fn read(value: &Json) -> Vec<Document> {
    match opened(value).as_ref() {
        Json::Array(items) => items.iter().filter_map(one).collect(),
        Json::Object(object) => {
            let inner = ["documents", "docs", "results", "matches", "nodes", "outputs", "output", "data"];
            match inner.iter().find_map(|key| object.get(*key)).map(|inner| opened(inner)).as_deref() {
                Some(Json::Array(items)) => items.iter().filter_map(one).collect(),
                Some(inner @ Json::Object(_)) => read(inner),
                _ => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}

fn one(value: &Json) -> Option<Document> {
    let object = match value {
        Json::String(text) => return Some(Document { content: Some(text.clone()), ..Document::default() }),
        Json::Object(object) => object,
        _ => return None,
    };
    let score = number(object, &["score", "relevance_score", "similarity", "_score", "distance"]);
    for key in ["document", "node", "kwargs"] {
        if let Some(inner) = object.get(key).and_then(Json::as_object) {
            let mut document = plain(inner);
            document.score = document.score.or(score);
            return Some(document);
        }
    }
    Some(plain(object))
}

fn plain(object: &Object) -> Document {
    let id = ["id", "document_id", "doc_id", "_id", "node_id"].iter().find_map(|key| match object.get(*key) {
        Some(Json::String(id)) => Some(id.clone()),
        Some(Json::Number(id)) => Some(id.to_string()),
        _ => None,
    });
    let content =
        first_text(object, &["content", "text", "page_content", "pageContent", "body", "chunk"]).map(str::to_owned);
    let metadata =
        object.get("metadata").filter(|metadata| !metadata.is_null()).map(|metadata| opened(metadata).into_owned());
    let inner = metadata.as_ref().and_then(Json::as_object);
    let score = number(object, &["score", "relevance_score", "similarity", "_score", "distance"])
        .or_else(|| inner.and_then(|inner| number(inner, &["score", "relevance_score"])));
    Document { id, score, content, metadata: metadata.or_else(|| rest(object)) }
}

/// Members that the vocabulary has no place for, such as `url` and `name`.
fn rest(object: &Object) -> Option<Json> {
    const KNOWN: &[&str] = &[
        "id",
        "document_id",
        "doc_id",
        "_id",
        "node_id",
        "score",
        "relevance_score",
        "similarity",
        "_score",
        "distance",
        "content",
        "text",
        "page_content",
        "pageContent",
        "body",
        "chunk",
        "metadata",
        "type",
        "lc",
    ];
    let rest: Object = object
        .iter()
        .filter(|(key, value)| !KNOWN.contains(&key.as_str()) && !value.is_null())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    (!rest.is_empty()).then_some(Json::Object(rest))
}

fn number(object: &Object, keys: &[&str]) -> Option<f64> {
    keys.iter().find_map(|key| object.get(*key)).and_then(Json::as_f64)
}

/// Documents flattened under `prefix`, as OpenInference has them: `prefix.N.document.…`.
pub(crate) fn flattened(attributes: &Attributes<'_>, prefix: &str) -> Vec<Document> {
    list(attributes, prefix).iter().map(flat).collect()
}

fn flat(item: &Item<'_>) -> Document {
    let metadata = item.get("document.metadata").map(crate::messages::json_of);
    let extra: Object = ["url", "name", "mime_type"]
        .iter()
        .filter_map(|key| Some(((*key).to_owned(), Json::from(item.text(&format!("document.{key}"))?))))
        .collect();
    let score = item
        .get("document.score")
        .and_then(Value::as_f64)
        .or_else(|| metadata.as_ref().and_then(|metadata| metadata.get("score")).and_then(Json::as_f64));
    let metadata = match metadata {
        Some(Json::Object(mut metadata)) => {
            metadata.extend(extra);
            Some(Json::Object(metadata))
        }
        None if !extra.is_empty() => Some(Json::Object(extra)),
        other => other,
    };
    Document {
        id: item.get("document.id").and_then(|id| crate::reading::text_of(id)).map(|id| id.into_owned()),
        score,
        content: item.text("document.content").map(str::to_owned),
        metadata,
    }
}
