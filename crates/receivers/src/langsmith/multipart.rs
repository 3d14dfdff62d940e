//! `POST /runs/multipart`: `multipart/form-data` (RFC 7578) with a part for each run and for each large field of one.
//!
//! Part names are `post.<run>`, `patch.<run>`, `post.<run>.<field>`, `attachment.<run>.<name>` and `feedback.<id>`. Parts may come in
//! any order and runs are put together before they are read. Of a body that is cut off, the parts before the cut are read and the
//! cut one is named. The parts stay slices of the body: nothing is copied to take it apart.

use std::collections::{BTreeMap, BTreeSet};

use memchr::memmem;
use model::Timestamp;

use super::{Attachment, Runs, Verb, member, read_feedback};
use crate::raw_json::Members;
use crate::{DecodeError, ITEMS_MAX};

/// Bytes of the headers of one part.
const PART_HEAD_MAX: usize = 16 << 10;

/// The boundary in a `Content-Type` header; `None` where it is no multipart or names none.
pub fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().to_ascii_lowercase().starts_with("multipart/") {
        return None;
    }
    let parameter = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then_some(value.trim())
    })?;
    let text = parameter.trim_matches('"');
    // RFC 2046, 5.1.1: up to 70 characters.
    (!text.is_empty() && text.len() <= 70).then(|| text.to_owned())
}

/// One part of a body.
#[derive(Debug, PartialEq, Eq)]
struct Part<'a> {
    name: String,
    mime: String,
    /// What the part says its content's length is. JavaScript puts it into the type: `application/json; length=343`.
    announced: Option<usize>,
    content: &'a [u8],
    /// Whether the boundary that ends the part was there.
    whole: bool,
}

/// Reads a body, after decompression.
///
/// # Errors
/// When it does not begin with the boundary. Bad and incomplete parts are refused in [`crate::Told::items`], by name.
pub fn multipart(boundary: &str, body: &[u8], received: Timestamp) -> Result<Runs, DecodeError> {
    let mut runs = Runs::default();
    let mut pending: BTreeMap<(Verb, String), Members<'_>> = BTreeMap::new();
    let mut order: Vec<(Verb, String)> = Vec::new();
    let mut mains: BTreeSet<(Verb, String)> = BTreeSet::new();
    let mut attachments: BTreeMap<String, Vec<Attachment<'_>>> = BTreeMap::new();
    for part in parts(boundary, body)? {
        let part = match part {
            Ok(part) => part,
            Err((name, error)) => {
                runs.told.refuse(name, error);
                continue;
            }
        };
        if let Err(error) = check(&part, order.len()) {
            runs.told.refuse(part.name, error);
            continue;
        }
        match target(&part.name) {
            Some(Target::Run { verb, id, field }) => {
                let key = (verb, id.to_owned());
                let read = match field {
                    None => Members::read(part.content),
                    Some(field) => member(part.content).map(|value| {
                        let mut one = Members::default();
                        one.insert(field, value);
                        one
                    }),
                };
                match read {
                    Ok(members) => {
                        if field.is_none() {
                            mains.insert(key.clone());
                        }
                        let known = pending.entry(key.clone()).or_insert_with(|| {
                            order.push(key);
                            Members::default()
                        });
                        known.extend(members);
                    }
                    Err(error) => runs.told.refuse(part.name, error),
                }
            }
            Some(Target::Attachment { id, name }) => {
                attachments.entry(id.to_owned()).or_default().push((name.to_owned(), part.mime, part.content));
            }
            Some(Target::Feedback { id }) => {
                match Members::read(part.content).and_then(|members| read_feedback(&members, received)) {
                    Ok(score) => {
                        runs.told.scores.push(score);
                        runs.told.take(id);
                    }
                    Err(error) => runs.told.refuse(part.name, error),
                }
            }
            None => runs
                .told
                .refuse(part.name, "no such part: names begin with post., patch., attachment. or feedback. and an id"),
        }
    }
    for key in order {
        let Some(members) = pending.remove(&key) else { continue };
        let (verb, id) = key;
        if !mains.contains(&(verb, id.clone())) && verb == Verb::Post {
            runs.told.refuse(
                format!("post.{id}"),
                "this part is missing: the request has fields of the run, but not the run itself",
            );
            continue;
        }
        let attached = attachments.remove(&id).unwrap_or_default();
        runs.add(verb, Some(&id), &members, &attached, received);
    }
    for (id, _) in attachments {
        runs.told.refuse(format!("attachment.{id}"), "the request has no post or patch of the run it belongs to");
    }
    Ok(runs)
}

fn check(part: &Part<'_>, runs: usize) -> Result<(), String> {
    if runs >= ITEMS_MAX {
        return Err(format!("a request may hold {ITEMS_MAX} runs (ITEMS_MAX); send smaller batches"));
    }
    if !part.whole {
        return Err(format!("the body ends inside of this part, after {} bytes of it", part.content.len()));
    }
    match part.announced {
        Some(announced) if announced != part.content.len() => {
            Err(format!("the part announces {announced} bytes and has {}", part.content.len()))
        }
        _ => Ok(()),
    }
}

/// What a part is about.
enum Target<'p> {
    Run { verb: Verb, id: &'p str, field: Option<&'p str> },
    Attachment { id: &'p str, name: &'p str },
    Feedback { id: &'p str },
}

fn target(name: &str) -> Option<Target<'_>> {
    let (kind, rest) = name.split_once('.')?;
    let (id, field) = match rest.split_once('.') {
        Some((id, field)) => (id, Some(field)),
        None => (rest, None),
    };
    if id.is_empty() {
        return None;
    }
    match (kind, field) {
        ("post", field) => Some(Target::Run { verb: Verb::Post, id, field }),
        ("patch", field) => Some(Target::Run { verb: Verb::Patch, id, field }),
        ("attachment", Some(name)) => Some(Target::Attachment { id, name }),
        ("feedback", None) => Some(Target::Feedback { id }),
        _ => None,
    }
}

/// A part, or the name of one that cannot be taken apart with the reason.
type Found<'a> = Result<Part<'a>, (String, String)>;

/// Takes a body apart.
fn parts<'a>(boundary: &str, body: &'a [u8]) -> Result<Vec<Found<'a>>, DecodeError> {
    let opening = format!("--{boundary}");
    let Some(start) = memmem::find(body, opening.as_bytes()).filter(|start| *start == 0 || body[start - 1] == b'\n')
    else {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Vec::new());
        }
        return Err(DecodeError::Multipart(format!(
            "the boundary {opening:?} of its Content-Type does not occur in it"
        )));
    };
    let delimiter = format!("\r\n{opening}");
    let finder = memmem::Finder::new(&delimiter);
    let mut found = Vec::new();
    let mut rest = &body[start + opening.len()..];
    loop {
        // After a boundary: `--` ends the body, a line break begins a part.
        if rest.starts_with(b"--") {
            return Ok(found);
        }
        let Some(line) = memchr::memchr(b'\n', &rest[..rest.len().min(PART_HEAD_MAX)]) else {
            if !rest.iter().all(u8::is_ascii_whitespace) {
                found.push(Err(("the last part".to_owned(), "the body ends inside of its headers".to_owned())));
            }
            return Ok(found);
        };
        rest = &rest[line + 1..];
        let end = finder.find(rest);
        let raw = &rest[..end.unwrap_or(rest.len())];
        if !(end.is_none() && raw.iter().all(u8::is_ascii_whitespace)) {
            found.push(part(raw, end.is_some()));
        }
        match end {
            Some(end) => rest = &rest[end + delimiter.len()..],
            None => return Ok(found),
        }
    }
}

/// Takes one part apart: headers, an empty line, content.
fn part(raw: &[u8], whole: bool) -> Found<'_> {
    let unreadable = |reason: &str| ("a part".to_owned(), reason.to_owned());
    let (head, content) = if let Some(content) = raw.strip_prefix(b"\r\n") {
        (&raw[..0], content)
    } else {
        match memmem::find(&raw[..raw.len().min(PART_HEAD_MAX)], b"\r\n\r\n") {
            Some(end) => (&raw[..end], &raw[end + 4..]),
            // The body ended before the content began.
            None if !whole => (raw, &raw[raw.len()..]),
            None => return Err(unreadable("it has no empty line between headers and content")),
        }
    };
    let head = std::str::from_utf8(head).map_err(|_| unreadable("its headers are not text"))?;
    let mut name = None;
    let (mut mime, mut announced) = (String::new(), None);
    for line in head.split("\r\n") {
        let Some((header, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match header.trim().to_ascii_lowercase().as_str() {
            "content-disposition" => name = parameter(value, "name"),
            "content-type" => {
                mime = value.to_owned();
                announced = announced.or(parameter(value, "length").and_then(|text| text.parse().ok()));
            }
            "content-length" => announced = value.parse().ok(),
            _ => {}
        }
    }
    let name = name.ok_or_else(|| unreadable("it has no name (Content-Disposition: form-data; name=\"…\")"))?;
    Ok(Part { name, mime, announced, content, whole })
}

/// A parameter of a header's value, in quotes or not.
fn parameter(value: &str, wanted: &str) -> Option<String> {
    value.split(';').skip(1).find_map(|parameter| {
        let (name, text) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case(wanted).then(|| text.trim().trim_matches('"').to_owned())
    })
}
