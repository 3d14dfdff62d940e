//! What the searches of a run found, and what its answer cites of it: how much, how well it fits, which document, of which source and version.
//!
//! After a reindex the same questions find other documents; where there are thousands, their source and version tell more than their names.

use model::{Document, StepKind};
use serde_json::Value as Json;

use super::evidence::Evidence;
use super::features::{Features, Value};
use super::text;

/// Shortest name that is looked for in an answer: shorter ones are there by chance.
const LEAST_NAME: usize = 5;
/// Bytes of an answer in which a citation is looked for, and of what is kept of a name.
const LOOKED_AT: usize = 8_000;
const NAME: usize = 80;

/// Adds what searches found to the features of a run.
pub(super) fn retrieved(evidence: &Evidence<'_>, out: &mut Features) {
    let searches: Vec<_> = evidence
        .steps
        .iter()
        .zip(&evidence.contents)
        .filter(|(step, _)| step.span.kind == StepKind::Retriever)
        .map(|(step, content)| (step.span.documents, &content.documents))
        .collect();
    let documents = || searches.iter().flat_map(|(_, found)| found.iter());
    let mut category = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            out.values.insert(name.into(), Value::Category(text::head(&value, NAME).to_owned()));
        }
    };
    category("cited", cited(evidence, documents()));
    if searches.is_empty() {
        return;
    }
    let hits =
        searches.iter().filter(|(count, found)| !found.is_empty() || count.is_some_and(|count| count > 0)).count();
    let hit = match hits {
        0 => "nothing",
        _ if hits < searches.len() => "some",
        _ => "hits",
    };
    category("retrieval", Some(hit.into()));
    let first = documents().next();
    category("document", first.and_then(name));
    category("document_version", first.and_then(|document| of_metadata(document, &["version", "edition", "revision"])));
    category("document_source", first.and_then(source));
    out.values.insert("documents".into(), Value::Number(documents().count() as f64));
    let best = searches.iter().filter_map(|(_, found)| found.iter().filter_map(|one| one.score).reduce(f64::max));
    if let Some(score) = best.reduce(f64::min) {
        out.values.insert("retrieval_score".into(), Value::Number(score));
    }
}

/// The first of some members that a document's metadata has.
fn of_metadata(document: &Document, names: &[&str]) -> Option<String> {
    let data = document.metadata.as_ref()?;
    let told = names.iter().find_map(|name| data.get(*name).filter(|value| !value.is_null()))?;
    Some(text::as_text(told).into_owned())
}

/// What a document is called, with its version where it has one.
fn name(document: &Document) -> Option<String> {
    let version = of_metadata(document, &["version", "source"]);
    let id = document.id.clone().or_else(|| of_metadata(document, &["title"]))?;
    Some(version.map_or_else(|| id.clone(), |version| format!("{id} {version}")))
}

/// Where a document comes from: as it says, else the host of its address, else what its id says before its own name.
fn source(document: &Document) -> Option<String> {
    let address = || of_metadata(document, &["url", "uri", "link"]).as_deref().and_then(host).map(str::to_owned);
    let folder = || {
        let id = document.id.as_deref()?;
        let (folder, _) = id.rsplit_once(['/', '#']).or_else(|| id.split_once(':'))?;
        (!folder.is_empty()).then(|| folder.to_owned())
    };
    of_metadata(document, &["source", "collection", "index"]).or_else(address).or_else(folder)
}

/// The host of an address.
fn host(address: &str) -> Option<&str> {
    let rest = address.split_once("://")?.1;
    let host = rest.split(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-'))).next()?;
    host.contains('.').then_some(host)
}

/// What the answer cites: the first of the documents found that it names, else the host of the first address in it; where something was
/// found and it names nothing, that.
fn cited<'d>(evidence: &Evidence<'_>, documents: impl Iterator<Item = &'d Document>) -> Option<String> {
    let answer = text::head(&evidence.answer.as_ref()?.text, LOOKED_AT);
    let mut found_any = false;
    let mut first: Option<(usize, &Document)> = None;
    for document in documents {
        found_any = true;
        let titles = ["title", "name", "file_name", "source", "url"];
        let told = titles.iter().filter_map(|name| document.metadata.as_ref()?.get(*name).and_then(Json::as_str));
        let names = document.id.as_deref().into_iter().chain(told).filter(|name| name.len() >= LEAST_NAME);
        let Some(at) = names.filter_map(|name| answer.find(name)).min() else { continue };
        if first.is_none_or(|(before, _)| at < before) {
            first = Some((at, document));
        }
    }
    let address = || answer.find("://").and_then(|at| host(&answer[at..])).map(str::to_owned);
    let none = || found_any.then(|| "nothing of it".to_owned());
    first.and_then(|(_, document)| name(document)).or_else(address).or_else(none)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(id: &str, metadata: Json) -> Document {
        Document { id: Some(id.into()), metadata: Some(metadata), ..Document::default() }
    }

    #[test]
    fn the_source_of_a_document_is_told_by_it_its_address_or_its_id() {
        for (id, metadata, expected) in [
            ("12", json!({"source": "handbook"}), Some("handbook")),
            ("12", json!({"url": "https://docs.example.org/a/b"}), Some("docs.example.org")),
            ("archive/2019/rates", json!({}), Some("archive/2019")),
            ("policies:17", json!(null), Some("policies")),
            ("rates", json!({"source": null}), None),
        ] {
            assert_eq!(source(&document(id, metadata)).as_deref(), expected, "{id}");
        }
    }
}
