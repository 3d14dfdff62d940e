//! How a request's bytes are to be read again: kept beside them in the write-ahead log.

use wire::{Compression, Encoding, Signal};

/// What `wire` must be told to read a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    /// What it holds.
    pub signal: Signal,
    /// How it is written.
    pub encoding: Encoding,
    /// How it is compressed.
    pub compression: Compression,
}

/// Version of the number's layout, in its highest byte. The log outlives the program that wrote it: never reuse a number.
const LAYOUT: u32 = 1;

impl Tag {
    /// The number the log keeps: layout version, then a byte each for compression, encoding and signal.
    pub fn to_number(self) -> u32 {
        let signal = match self.signal {
            Signal::Traces => 1,
            Signal::Logs => 2,
            Signal::Metrics => 3,
        };
        let encoding = match self.encoding {
            Encoding::Protobuf => 1,
            Encoding::Json => 2,
        };
        let compression = match self.compression {
            Compression::None => 0,
            Compression::Gzip => 1,
            Compression::Deflate => 2,
            Compression::Zstd => 3,
        };
        LAYOUT << 24 | compression << 16 | encoding << 8 | signal
    }

    /// Reads the number back; `None` for one that this version never wrote.
    pub fn from_number(number: u32) -> Option<Self> {
        let [layout, compression, encoding, signal] = number.to_be_bytes();
        if u32::from(layout) != LAYOUT {
            return None;
        }
        Some(Self {
            signal: match signal {
                1 => Signal::Traces,
                2 => Signal::Logs,
                3 => Signal::Metrics,
                _ => return None,
            },
            encoding: match encoding {
                1 => Encoding::Protobuf,
                2 => Encoding::Json,
                _ => return None,
            },
            compression: match compression {
                0 => Compression::None,
                1 => Compression::Gzip,
                2 => Compression::Deflate,
                3 => Compression::Zstd,
                _ => return None,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_old_logs_keep_their_meaning() {
        let tag = Tag { signal: Signal::Logs, encoding: Encoding::Json, compression: Compression::Zstd };
        assert_eq!(tag.to_number(), 0x0103_0202);
        assert_eq!(Tag::from_number(0x0103_0202), Some(tag));
        assert_eq!(Tag::from_number(0x0203_0202), None);
        assert_eq!(Tag::from_number(0x0100_0009), None);
    }

    #[test]
    fn the_documents_have_the_same_numbers() {
        let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats/log.md");
        let page = std::fs::read_to_string(page).unwrap();
        let some = Tag { signal: Signal::Traces, encoding: Encoding::Protobuf, compression: Compression::None };
        // Every number that can be read back is told, with its word, in the row of its byte.
        let holds = |row: &str, shift: u32, word: fn(Tag) -> &'static str| {
            let others = some.to_number() & !(0xFF << shift);
            let known = (0..=0xFF).filter_map(|byte: u32| Some((byte, Tag::from_number(others | byte << shift)?)));
            let told: Vec<String> = known.map(|(byte, tag)| format!("{byte} {}", word(tag))).collect();
            let row = format!("| {row} | {} |", told.join(", "));
            assert!(page.contains(&row), "docs/formats/log.md should say: {row}");
        };
        holds("signal", 0, |tag| tag.signal.name());
        holds("encoding", 8, |tag| match tag.encoding {
            Encoding::Protobuf => "protobuf",
            Encoding::Json => "JSON",
        });
        holds("compression of the payload", 16, |tag| match tag.compression {
            Compression::None => "none",
            packed => packed.name(),
        });
        assert!(page.contains(&format!("| layout of the other three | {LAYOUT} |")));
        let example = Tag { signal: Signal::Traces, encoding: Encoding::Json, compression: Compression::Gzip };
        assert!(page.contains(&format!("`{:#010x}` is traces as JSON, with gzip", example.to_number())));
    }
}
