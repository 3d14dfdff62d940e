//! One request as it waits on disk.
//!
//! `length u32, crc u32` (CRC-32 of what follows), then `received i64 (ns), tag (signal, encoding, compression, form: u8 each),
//! items u32, length of project u16, length of via u16, project, via, payload`; little-endian.

use bytes::Bytes;
use model::Timestamp;
use wire::{Compression, Encoding, Signal};

/// Bytes before a record's content.
pub const HEAD: usize = 8;
/// Bytes of its content before the texts.
const FIXED: usize = 8 + 4 + 4 + 2 + 2;

/// What a record holds, and so which destinations take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// A request of OTLP.
    #[default]
    Otlp,
    /// A request of remote write 1.0, in snappy's block format.
    Series,
}

/// A request that was received and is to be passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When it came in.
    pub received: Timestamp,
    /// What it holds.
    pub signal: Signal,
    /// How it is written.
    pub encoding: Encoding,
    /// How it is compressed.
    pub compression: Compression,
    /// Spans, log records or data points that were kept of it.
    pub items: u32,
    /// Whose it is.
    pub project: String,
    /// Instances of Tawny that have passed it on, as the header came, separated by commas.
    pub via: String,
    /// What its bytes are.
    pub form: Form,
    /// Its bytes, as received (as the content policy left them).
    pub payload: Bytes,
}

const SIGNALS: [Signal; 3] = Signal::ALL;
const ENCODINGS: [Encoding; 2] = [Encoding::Protobuf, Encoding::Json];
const FORMS: [Form; 2] = [Form::Otlp, Form::Series];
const COMPRESSIONS: [Compression; 4] = [Compression::None, Compression::Gzip, Compression::Deflate, Compression::Zstd];

/// The number of a word on disk: its place in the list, which only grows.
fn number<T: PartialEq>(list: &[T], word: &T) -> u8 {
    list.iter().position(|known| known == word).unwrap_or(usize::from(u8::MAX)) as u8
}

impl Record {
    /// The record as bytes, or `None` for one too large for its length field.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let (project, via) = (u16::try_from(self.project.len()).ok()?, u16::try_from(self.via.len()).ok()?);
        let length = FIXED + self.project.len() + self.via.len() + self.payload.len();
        let mut out = Vec::with_capacity(HEAD + length);
        out.extend_from_slice(&u32::try_from(length).ok()?.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.received.as_nanos().to_le_bytes());
        out.extend_from_slice(&[
            number(&SIGNALS, &self.signal),
            number(&ENCODINGS, &self.encoding),
            number(&COMPRESSIONS, &self.compression),
            number(&FORMS, &self.form),
        ]);
        out.extend_from_slice(&self.items.to_le_bytes());
        out.extend_from_slice(&project.to_le_bytes());
        out.extend_from_slice(&via.to_le_bytes());
        out.extend_from_slice(self.project.as_bytes());
        out.extend_from_slice(self.via.as_bytes());
        out.extend_from_slice(&self.payload);
        let crc = crc32fast::hash(&out[HEAD..]);
        out[4..HEAD].copy_from_slice(&crc.to_le_bytes());
        Some(out)
    }

    /// Reads a record back from its content; `None` when the bytes are not what was written.
    pub fn decode(crc: u32, content: &Bytes) -> Option<Self> {
        if content.len() < FIXED || crc32fast::hash(content) != crc {
            return None;
        }
        let short = |at: usize| usize::from(u16::from_le_bytes([content[at], content[at + 1]]));
        let (project, via) = (short(16), short(18));
        let text = |from: usize, length: usize| {
            content.get(from..from + length).and_then(|bytes| std::str::from_utf8(bytes).ok()).map(str::to_owned)
        };
        Some(Self {
            received: Timestamp::from_nanos(i64::from_le_bytes(content[..8].try_into().ok()?)),
            signal: *SIGNALS.get(usize::from(content[8]))?,
            encoding: *ENCODINGS.get(usize::from(content[9]))?,
            compression: *COMPRESSIONS.get(usize::from(content[10]))?,
            form: *FORMS.get(usize::from(content[11]))?,
            items: u32::from_le_bytes(content[12..16].try_into().ok()?),
            project: text(FIXED, project)?,
            via: text(FIXED + project, via)?,
            payload: content.slice(FIXED + project + via..),
        })
    }
}

/// Length and checksum out of a record's head.
pub fn head(bytes: [u8; HEAD]) -> (usize, u32) {
    let half = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    (half(0) as usize, half(4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_as_it_was_and_a_changed_one_does_not() {
        let record = Record {
            received: Timestamp::from_nanos(-5),
            signal: Signal::Metrics,
            encoding: Encoding::Json,
            compression: Compression::Zstd,
            items: 7,
            project: "p".into(),
            via: "a,b".into(),
            form: Form::Series,
            payload: Bytes::from_static(b"\x00bytes"),
        };
        let mut bytes = record.encode().unwrap();
        let (length, crc) = head(bytes[..HEAD].try_into().unwrap());
        assert_eq!(length, bytes.len() - HEAD);
        assert_eq!(Record::decode(crc, &Bytes::from(bytes[HEAD..].to_vec())), Some(record));
        *bytes.last_mut().unwrap() ^= 1;
        assert_eq!(Record::decode(crc, &Bytes::from(bytes[HEAD..].to_vec())), None);
    }
}
