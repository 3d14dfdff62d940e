//! A stream of bits, written and read highest bit first.

/// Writes bits to the end of a vector.
#[derive(Debug, Clone, Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    /// Bits of the last byte that are still free.
    free: u32,
}

impl BitWriter {
    /// Appends the lowest `count` bits of `value`; `count` is 64 at most.
    pub fn put(&mut self, value: u64, count: u32) {
        let mut left = count;
        while left > 0 {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            let taken = left.min(self.free);
            let part = (value >> (left - taken)) & ((1 << taken) - 1);
            let last = self.bytes.len() - 1;
            self.bytes[last] |= (part as u8) << (self.free - taken);
            self.free -= taken;
            left -= taken;
        }
    }

    /// The bytes so far; bits of the last one that are not written are 0.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes, without room to grow.
    pub fn into_bytes(self) -> Vec<u8> {
        let mut bytes = self.bytes;
        bytes.shrink_to_fit();
        bytes
    }

    /// Bytes it holds on to.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}

/// Reads bits from the start of a slice.
#[derive(Debug, Clone)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    /// Bits read so far.
    at: usize,
}

impl<'a> BitReader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next `count` bits, 64 at most; `None` where fewer are left.
    #[inline]
    pub fn take(&mut self, count: u32) -> Option<u64> {
        if count > 56 {
            let high = self.take(count - 32)?;
            return Some(high << 32 | self.take(32)?);
        }
        if count == 0 {
            return Some(0);
        }
        let (byte, bit) = (self.at / 8, (self.at % 8) as u32);
        if self.at + count as usize > self.bytes.len() * 8 {
            return None;
        }
        let window = match self.bytes.get(byte..byte + 8) {
            Some(eight) => u64::from_be_bytes(eight.try_into().ok()?),
            None => {
                let mut eight = [0; 8];
                let rest = &self.bytes[byte..];
                eight[..rest.len()].copy_from_slice(rest);
                u64::from_be_bytes(eight)
            }
        };
        self.at += count as usize;
        Some((window << bit) >> (64 - count))
    }

    /// The next bit.
    #[inline]
    pub fn bit(&mut self) -> Option<bool> {
        let byte = *self.bytes.get(self.at / 8)?;
        let set = byte & (0x80 >> (self.at % 8)) != 0;
        self.at += 1;
        Some(set)
    }

    /// How many of up to `most` bits are set before the first that is not; that one is read as well.
    #[inline]
    pub fn ones(&mut self, most: u32) -> Option<u32> {
        for count in 0..most {
            if !self.bit()? {
                return Some(count);
            }
        }
        Some(most)
    }
}

/// Small numbers of either sign as small numbers without one.
pub(crate) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The other way round.
pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let parts = [(1, 1), (0b101, 3), (u64::MAX, 64), (0, 5), (0x1234_5678_9abc, 57), (7, 56), (u64::MAX - 1, 63)];
        let mut writer = BitWriter::default();
        for (value, count) in parts {
            writer.put(value, count);
        }
        let mut reader = BitReader::new(writer.bytes());
        for (value, count) in parts {
            let mask = if count == 64 { u64::MAX } else { (1 << count) - 1 };
            assert_eq!(reader.take(count), Some(value & mask), "{count} bits");
        }
        assert_eq!(reader.take(60), None);
    }

    #[test]
    fn numbers_keep_their_sign() {
        for value in [0, 1, -1, i64::MIN, i64::MAX] {
            assert_eq!(unzigzag(zigzag(value)), value);
        }
    }
}
