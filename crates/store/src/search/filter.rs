//! The index of a segment's text: for each block of rows a filter over the four-byte pieces ("grams") of its texts.
//!
//! A filter is a bitmap with one bit a gram's hash, as large as the number of different grams asks for. A text of n bytes
//! has n - 3 grams and every one of them must be there, so single wrong bits hardly matter: with two bits a gram two fifths
//! of the bits are set, and one block in a hundred is looked through in vain for a needle of eight bytes.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::TimestampNanosecondType;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use memchr::memmem::Finder;

use super::{Values, columns};
use crate::schema::Table;

/// Version of the format.
pub(crate) const VERSION: u8 = 1;
const MAGIC: &[u8; 4] = b"TWSI";
/// Bytes of a gram.
const GRAM: usize = 4;
/// A block ends at as many bytes of text …
const BLOCK_BYTES: usize = 128 * 1024;
/// … or as many rows.
const BLOCK_ROWS: u32 = 1024;
/// Binary logarithm of the bits of the largest filter: 32 KiB as bytes while it is built, the first-level cache.
const BITS_MAX: u8 = 15;
/// Its bits.
const SEEN: usize = 1 << BITS_MAX;
/// Of the smallest.
const BITS_MIN: u8 = 6;
/// In the place of a filter's size: the block has too many grams for one, and may hold anything.
const ANYTHING: u8 = 0xff;
/// Bytes of a block's entry: rows, smallest and largest time, size of the filter.
const ENTRY_BYTES: usize = 4 + 8 + 8 + 1;
/// Bytes before the entries: magic, version, gram length, two unused bytes, number of blocks.
const HEADER_BYTES: usize = 12;

/// The hash of a gram, of which a filter uses the low bits. Case is folded by the bit that tells upper from lower case in
/// ASCII; what else shares the rest of its bits falls together, which a filter may do.
fn hash(gram: [u8; GRAM]) -> usize {
    let folded = u64::from(u32::from_le_bytes(gram) | 0x2020_2020);
    // Upper half of a product: every bit of the gram takes part.
    (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize
}

fn grams(text: &[u8]) -> impl Iterator<Item = usize> {
    text.windows(GRAM).map(|gram| hash([gram[0], gram[1], gram[2], gram[3]]))
}

/// Hashes of a needle's grams, each once; none for a needle shorter than a gram, which any block may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grams(Vec<usize>);

impl Grams {
    pub fn of(text: &[u8]) -> Self {
        let mut hashes: Vec<usize> = grams(text).collect();
        hashes.sort_unstable();
        hashes.dedup();
        Self(hashes)
    }
}

/// Builds the index of a segment from its rows, in order.
pub(crate) struct Builder {
    table: Table,
    /// One byte a bit: a store is all it takes to note a gram.
    seen: Box<[u8; SEEN]>,
    bytes: usize,
    rows: u32,
    times: (i64, i64),
    blocks: u32,
    entries: Vec<u8>,
    bits: Vec<u8>,
    names_body: Finder<'static>,
}

impl Builder {
    /// A builder for a table that has text, `None` for others.
    pub fn new(table: Table) -> Option<Self> {
        (!columns(table).is_empty()).then(|| Self {
            table,
            seen: Box::new([0; SEEN]),
            bytes: 0,
            rows: 0,
            times: (i64::MAX, i64::MIN),
            blocks: 0,
            entries: Vec::new(),
            bits: Vec::new(),
            names_body: Finder::new("\"$body\""),
        })
    }

    /// Adds the next rows.
    pub fn push(&mut self, batch: &RecordBatch) {
        let column = |name| batch.column_by_name(name).expect("a column of the table's own schema");
        let times = column(self.table.time_column()).as_primitive::<TimestampNanosecondType>();
        let texts: Vec<_> = columns(self.table).iter().map(|name| column(name).as_string::<i32>()).collect();
        for (row, time) in times.values().iter().enumerate() {
            for text in texts.iter().filter(|text| text.is_valid(row)).map(|text| text.value(row)) {
                // Names of bodies would only fill the filters. Keys do no harm: they are the same in every row.
                if self.table == Table::Spans && self.names_body.find(text.as_bytes()).is_some() {
                    Values::of(text).for_each(|value| self.note(value));
                } else {
                    self.note(text);
                }
            }
            self.rows += 1;
            self.times = (self.times.0.min(*time), self.times.1.max(*time));
            if self.rows >= BLOCK_ROWS || self.bytes >= BLOCK_BYTES {
                self.cut();
            }
        }
    }

    fn note(&mut self, text: &str) {
        self.bytes += text.len();
        let seen = &mut *self.seen;
        for gram in grams(text.as_bytes()) {
            seen[gram & (SEEN - 1)] = 1;
        }
    }

    /// Ends a block.
    fn cut(&mut self) {
        if self.rows == 0 {
            return;
        }
        let grams = self.seen.iter().map(|seen| u32::from(*seen)).sum::<u32>() as usize;
        let enough = (BITS_MIN..BITS_MAX).find(|bits| grams * 2 <= 1 << bits).unwrap_or(BITS_MAX);
        // Even the largest filter would be mostly full: it would tell nothing.
        let bits = if grams * 5 > SEEN * 4 { ANYTHING } else { enough };
        if bits != ANYTHING {
            let (filter, rest) = self.seen.split_at_mut(1 << bits);
            for part in rest.chunks_exact(filter.len()) {
                filter.iter_mut().zip(part).for_each(|(bit, other)| *bit |= other);
            }
            let pack = |eight: &[u8]| eight.iter().enumerate().fold(0, |byte, (at, bit)| byte | (bit << at));
            self.bits.extend(filter.chunks_exact(8).map(pack));
        }
        entry(&mut self.entries, self.rows, self.times, bits);
        self.blocks += 1;
        self.seen.fill(0);
        (self.bytes, self.rows, self.times) = (0, 0, (i64::MAX, i64::MIN));
    }

    /// The encoded index.
    pub fn finish(mut self) -> Vec<u8> {
        self.cut();
        encode(self.blocks, &self.entries, &self.bits)
    }
}

fn encode(blocks: u32, entries: &[u8], bits: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES + entries.len() + bits.len() + 4);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&[VERSION, GRAM as u8, 0, 0]);
    out.extend_from_slice(&blocks.to_le_bytes());
    out.extend_from_slice(entries);
    out.extend_from_slice(bits);
    let sum = crc32fast::hash(&out);
    out.extend_from_slice(&sum.to_le_bytes());
    out
}

/// The encoded index of segments put one behind the other, each given with its rows, its smallest and largest time and its
/// index. Where one has none, its rows are a block that may hold anything.
pub(crate) fn joined(parts: &[(u32, (i64, i64), Option<Arc<Index>>)]) -> Vec<u8> {
    let (mut blocks, mut entries, mut bits) = (0, Vec::new(), Vec::new());
    for (rows, times, index) in parts {
        let whole = [Block { first: 0, rows: *rows, times: *times, bits: ANYTHING, at: 0 }];
        let (own, filters) = index.as_ref().map_or((&whole[..], &[][..]), |index| (&index.blocks, &index.bits));
        own.iter().for_each(|block| entry(&mut entries, block.rows, block.times, block.bits));
        bits.extend_from_slice(filters);
        blocks += own.len() as u32;
    }
    encode(blocks, &entries, &bits)
}

fn entry(entries: &mut Vec<u8>, rows: u32, times: (i64, i64), bits: u8) {
    entries.extend_from_slice(&rows.to_le_bytes());
    entries.extend_from_slice(&times.0.to_le_bytes());
    entries.extend_from_slice(&times.1.to_le_bytes());
    entries.push(bits);
}

/// Rows that stand together in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    pub first: u32,
    pub rows: u32,
    /// Smallest and largest value of the table's time column.
    pub times: (i64, i64),
    bits: u8,
    at: usize,
}

/// A decoded index.
#[derive(Debug)]
pub(crate) struct Index {
    blocks: Vec<Block>,
    bits: Bytes,
}

impl Index {
    /// Reads an index of a segment of `rows` rows; `None` where it is damaged, of another version or of another segment.
    pub fn parse(bytes: Bytes, rows: u64) -> Option<Self> {
        let (body, sum) = bytes.split_last_chunk::<4>()?;
        if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
            return None;
        }
        let header = body.get(..HEADER_BYTES)?;
        if &header[..4] != MAGIC || header[4] != VERSION || usize::from(header[5]) != GRAM {
            return None;
        }
        let count = u32::from_le_bytes(header[8..12].try_into().ok()?) as usize;
        let entries = body.get(HEADER_BYTES..HEADER_BYTES.checked_add(count.checked_mul(ENTRY_BYTES)?)?)?;
        let bits = bytes.slice(HEADER_BYTES + entries.len()..body.len());
        let (mut blocks, mut first, mut at) = (Vec::with_capacity(count), 0u32, 0usize);
        for entry in entries.chunks_exact(ENTRY_BYTES) {
            let number = |from: usize| Some(i64::from_le_bytes(entry[from..from + 8].try_into().ok()?));
            let rows = u32::from_le_bytes(entry[..4].try_into().ok()?);
            let block = Block { first, rows, times: (number(4)?, number(12)?), bits: entry[20], at };
            first = first.checked_add(rows)?;
            at += match block.bits {
                ANYTHING => 0,
                BITS_MIN..=BITS_MAX => (1 << block.bits) / 8,
                _ => return None,
            };
            blocks.push(block);
        }
        (at == bits.len() && u64::from(first) == rows).then_some(Self { blocks, bits })
    }

    /// Bytes in memory, about.
    pub fn size(&self) -> usize {
        self.bits.len() + self.blocks.len() * size_of::<Block>()
    }

    /// Blocks, in the order of their rows.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Whether a text with all grams of one of the forms may be in the block: never wrongly false.
    pub fn may_hold(&self, block: &Block, forms: &[Grams]) -> bool {
        if block.bits == ANYTHING {
            return true;
        }
        let bits = &self.bits[block.at..];
        let mask = (1usize << block.bits) - 1;
        let there = |gram: &usize| bits[(gram & mask) / 8] >> ((gram & mask) % 8) & 1 == 1;
        forms.iter().any(|Grams(grams)| grams.iter().all(there))
    }
}

#[cfg(test)]
mod tests {
    use model::{Tenant, Timestamp, TraceId};

    use super::*;
    use crate::BodyHash;
    use crate::rows::bodies::{BodyRow, to_batch};

    fn bodies(texts: &[String]) -> RecordBatch {
        let row = |(at, text): (usize, &String)| BodyRow {
            tenant: Tenant { project: "p".into(), environment: "e".into() },
            trace_id: TraceId::from_array([1; 16]),
            hash: BodyHash::of(text),
            version: 1,
            started: Timestamp::from_nanos(at as i64),
            text: Arc::from(text.as_str()),
        };
        let rows: Vec<BodyRow> = texts.iter().enumerate().map(row).collect();
        to_batch(&rows.iter().collect::<Vec<_>>())
    }

    fn index(texts: &[String]) -> Index {
        let mut builder = Builder::new(Table::Bodies).unwrap();
        builder.push(&bodies(texts));
        Index::parse(Bytes::from(builder.finish()), texts.len() as u64).unwrap()
    }

    fn held(index: &Index, needle: &str) -> Vec<usize> {
        let forms = [Grams::of(needle.as_bytes())];
        let blocks = index.blocks().iter().enumerate();
        blocks.filter(|(_, block)| index.may_hold(block, &forms)).map(|(at, _)| at).collect()
    }

    #[test]
    fn a_block_with_the_text_is_never_skipped_and_most_others_are() {
        let word = |at: usize| format!("{:x}", (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let texts: Vec<String> = (0..4000).map(|at| format!("Order {at} is {} today", word(at))).collect();
        let index = index(&texts);
        assert_eq!(index.blocks().iter().map(|block| block.rows).collect::<Vec<_>>(), [1024, 1024, 1024, 928]);
        assert_eq!(index.blocks()[1].times, (1024, 2047));
        let mut looked_through = 0;
        for at in (0..4000).step_by(97) {
            let found = held(&index, &word(at).to_uppercase());
            assert!(found.contains(&(at / 1024)), "{at}");
            looked_through += found.len();
        }
        assert!(looked_through < 60, "{looked_through} blocks for 42 needles");
        assert_eq!(held(&index, "order").len(), 4);
        assert_eq!(held(&index, "the").len(), 4, "shorter than a gram: anywhere");
        assert!(held(&index, "no such text").is_empty());
    }

    #[test]
    fn a_block_of_noise_may_hold_anything() {
        let mut state = 7u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b' ' + (state >> 33) as u8 % 90)
        };
        let index = index(&[(0..200_000).map(|_| noise()).collect()]);
        assert_eq!(held(&index, "anything at all"), [0]);
        assert!(index.size() < 100);
    }

    #[test]
    fn indexes_of_segments_put_one_behind_the_other_are_one() {
        let texts = |word: &str| (0..1500).map(|at| format!("{word} {at}")).collect::<Vec<_>>();
        let (owls, bats) = (Arc::new(index(&texts("owls"))), Arc::new(index(&texts("bats"))));
        let parts = [(1500, (0, 1499), Some(owls)), (10, (5, 7), None), (1500, (0, 1499), Some(bats))];
        let both = Index::parse(Bytes::from(joined(&parts)), 3010).unwrap();
        assert_eq!(held(&both, "owls"), [0, 1, 2]);
        assert_eq!(held(&both, "bats"), [2, 3, 4]);
        let unknown = both.blocks()[2];
        assert_eq!((unknown.first, unknown.rows, unknown.times), (1500, 10, (5, 7)));
    }

    #[test]
    fn a_damaged_index_is_no_index() {
        let mut builder = Builder::new(Table::Bodies).unwrap();
        builder.push(&bodies(&["some text that is kept".to_owned()]));
        let bytes = builder.finish();
        assert!(Index::parse(Bytes::from(bytes.clone()), 1).is_some());
        assert!(Index::parse(Bytes::from(bytes.clone()), 2).is_none(), "of another segment");
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x40;
            assert!(Index::parse(Bytes::from(bytes), 1).is_none(), "byte {at}");
        }
        assert!(Index::parse(Bytes::new(), 0).is_none());
        assert!(Builder::new(Table::Runs).is_none());
    }
}
