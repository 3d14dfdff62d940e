//! Files of OTLP requests in protobuf.

use super::reader::Reader;
use super::sniff_protobuf;
use crate::{Compression, DecodeError};

/// The requests of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitFile<'a> {
    /// One OTLP request each. The Collector compresses each one by itself when told to compress:
    /// [`Compression::sniff`] tells.
    pub requests: Vec<&'a [u8]>,
    /// Bytes at the end that are not a whole request: the writer was stopped in the middle of one.
    pub torn: usize,
}

/// Splits a file of OTLP protobuf into requests. Three forms are known: one request; requests with their length before each
/// as 4 bytes big-endian (the Collector's file exporter, `format: proto`); requests with their length as a varint
/// (protobuf's `writeDelimitedTo`).
///
/// # Errors
/// [`DecodeError::UnknownFile`] when the file is none of these.
pub fn split_protobuf_file(file: &[u8]) -> Result<SplitFile<'_>, DecodeError> {
    if file.is_empty() || sniff_protobuf(file).is_some() {
        let requests = if file.is_empty() { Vec::new() } else { vec![file] };
        return Ok(SplitFile { requests, torn: 0 });
    }
    [big_endian_length as Length, varint_length as Length]
        .into_iter()
        .find_map(|length| split(file, length).filter(|split| split.requests.iter().any(|bytes| is_request(bytes))))
        .or_else(|| is_request(file).then(|| SplitFile { requests: vec![file], torn: 0 }))
        .ok_or(DecodeError::UnknownFile)
}

/// Reads the length before a request: the size of the prefix, and the length it gives.
type Length = fn(&[u8]) -> Option<(usize, usize)>;

/// Whether the bytes can be a request: of a known signal, or compressed.
fn is_request(bytes: &[u8]) -> bool {
    Compression::sniff(bytes) != Compression::None || sniff_protobuf(bytes).is_some()
}

/// Cuts the file by lengths; `None` when not even the first request is whole.
fn split(file: &[u8], length: Length) -> Option<SplitFile<'_>> {
    let (mut rest, mut requests) = (file, Vec::new());
    while let Some((prefix, length)) = length(rest) {
        let Some(request) = prefix.checked_add(length).and_then(|end| rest.get(prefix..end)) else { break };
        rest = &rest[prefix + length..];
        // An empty request is valid and holds nothing.
        if !request.is_empty() {
            requests.push(request);
        }
    }
    (!requests.is_empty()).then_some(SplitFile { requests, torn: rest.len() })
}

fn big_endian_length(bytes: &[u8]) -> Option<(usize, usize)> {
    let prefix = bytes.first_chunk::<4>()?;
    Some((4, u32::from_be_bytes(*prefix) as usize))
}

fn varint_length(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut reader = Reader::new(bytes);
    let length = usize::try_from(reader.varint().ok()?).ok()?;
    Some((bytes.len() - reader.remaining(), length))
}
