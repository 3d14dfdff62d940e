//! Which traces a segment may hold: a resident filter, so that opening a run opens no file that lacks it.
//!
//! A split-block Bloom filter (Putze, Sanders, Singler 2007; the same construction and constants as Parquet's): 32-byte
//! blocks, eight bits a key. With [`BITS_PER_TRACE`] bits a trace about one lookup in a thousand is wrongly positive.

use std::fmt;

use model::TraceId;

/// Size of the filter: two bytes a distinct trace.
const BITS_PER_TRACE: usize = 16;
const BLOCK_BITS: usize = 256;
const WORDS: usize = 8;

/// Constants of the Parquet specification (BloomFilter.md), one a word of a block.
const SALT: [u32; WORDS] =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];

/// A filter over trace ids.
#[derive(Clone, PartialEq, Eq)]
pub struct TraceBloom {
    /// `None`: the segment has no filter, every trace may be in it.
    blocks: Option<Vec<[u32; WORDS]>>,
}

impl TraceBloom {
    /// A filter that rules nothing out, for tables whose rows belong to no trace.
    pub const fn all() -> Self {
        Self { blocks: None }
    }

    /// A filter over the given traces.
    pub fn new(traces: impl ExactSizeIterator<Item = TraceId>) -> Self {
        let blocks = (traces.len() * BITS_PER_TRACE).div_ceil(BLOCK_BITS);
        let mut blocks = vec![[0u32; WORDS]; blocks];
        for trace in traces {
            let (at, mask) = place(trace, blocks.len());
            blocks[at].iter_mut().zip(mask).for_each(|(word, bit)| *word |= bit);
        }
        Self { blocks: Some(blocks) }
    }

    /// Whether the trace may be among those the filter was made of. Never wrongly false.
    pub fn may_contain(&self, trace: TraceId) -> bool {
        let Some(blocks) = &self.blocks else { return true };
        if blocks.is_empty() {
            return false;
        }
        let (at, mask) = place(trace, blocks.len());
        blocks[at].iter().zip(mask).all(|(word, bit)| word & bit == bit)
    }

    /// Bytes it takes in memory.
    pub fn size(&self) -> usize {
        self.blocks.as_ref().map_or(0, |blocks| blocks.len() * BLOCK_BITS / 8)
    }

    /// The form kept in the catalog: one byte (0: no filter, 1: filter), then the words, little endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Some(blocks) = &self.blocks else { return vec![0] };
        let mut bytes = Vec::with_capacity(1 + self.size());
        bytes.push(1);
        blocks.iter().flatten().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
        bytes
    }

    /// Reads the catalog's form. What cannot be read rules nothing out: slower, never wrong.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let Some((1, words)) = bytes.split_first().map(|(kind, words)| (*kind, words)) else { return Self::all() };
        if words.len() % (BLOCK_BITS / 8) != 0 {
            return Self::all();
        }
        let block = |bytes: &[u8]| {
            let mut block = [0u32; WORDS];
            for (word, bytes) in block.iter_mut().zip(bytes.chunks_exact(4)) {
                *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            }
            block
        };
        Self { blocks: Some(words.chunks_exact(BLOCK_BITS / 8).map(block).collect()) }
    }
}

impl fmt::Debug for TraceBloom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceBloom({} bytes)", self.size())
    }
}

/// The block of a trace and its bit in each word.
fn place(trace: TraceId, blocks: usize) -> (usize, [u32; WORDS]) {
    let hash = mix(u128::from_be_bytes(*trace.as_bytes()));
    // Upper half chooses the block by multiplication instead of division, lower half the bits.
    let at = (((hash >> 32) * blocks as u64) >> 32) as usize;
    (at, SALT.map(|salt| 1 << ((hash as u32).wrapping_mul(salt) >> 27)))
}

/// Ids should be random but some senders count: spread them (the finalizer of SplitMix64, over both halves).
fn mix(id: u128) -> u64 {
    let split = |mut word: u64| {
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    };
    split((id as u64).wrapping_add(split((id >> 64) as u64)).wrapping_add(0x9e37_79b9_7f4a_7c15))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(number: u64) -> TraceId {
        TraceId::from_array(u128::from(number).to_be_bytes())
    }

    #[test]
    fn a_filter_knows_its_traces_and_few_others_even_where_ids_are_counted_up() {
        let filter = TraceBloom::new((1..=10_000).map(trace).collect::<Vec<_>>().into_iter());
        let filter = TraceBloom::from_bytes(&filter.to_bytes());
        assert!((1..=10_000).all(|number| filter.may_contain(trace(number))));
        let wrong = (10_001..=110_000).filter(|number| filter.may_contain(trace(*number))).count();
        assert!(wrong < 300, "{wrong} of 100,000 wrongly positive");
    }

    #[test]
    fn no_filter_rules_nothing_out_and_an_empty_one_everything() {
        assert!(TraceBloom::all().may_contain(trace(1)));
        assert!(!TraceBloom::new(std::iter::empty::<TraceId>().collect::<Vec<_>>().into_iter()).may_contain(trace(1)));
        assert_eq!(TraceBloom::from_bytes(&[1, 2, 3]), TraceBloom::all());
    }
}
