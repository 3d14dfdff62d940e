//! Numbers and texts in files: LEB128 for lengths and counts, little-endian for the rest.

use crate::bits::{unzigzag, zigzag};

/// Appends to bytes.
pub(crate) trait Put {
    fn put_u64(&mut self, value: u64);
    fn put_i64(&mut self, value: i64);
    fn put_f64(&mut self, value: f64);
    fn put_number(&mut self, value: f64);
    fn put_text(&mut self, text: &str);
}

impl Put for Vec<u8> {
    fn put_u64(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.push(value as u8);
    }

    fn put_i64(&mut self, value: i64) {
        self.put_u64(zigzag(value));
    }

    fn put_f64(&mut self, value: f64) {
        self.extend_from_slice(&value.to_bits().to_le_bytes());
    }

    /// A float that is mostly a whole number: twice it plus one, else 0 and its bits.
    fn put_number(&mut self, value: f64) {
        if value >= 0.0 && value.trunc() == value && value < (1u64 << 53) as f64 && value.is_sign_positive() {
            self.put_u64((value as u64) << 1 | 1);
        } else {
            self.put_u64(0);
            self.put_f64(value);
        }
    }

    fn put_text(&mut self, text: &str) {
        self.put_u64(text.len() as u64);
        self.extend_from_slice(text.as_bytes());
    }
}

/// Reads from the start of bytes; `None` where they end too early or make no sense.
#[derive(Debug, Clone)]
pub(crate) struct Take<'a>(pub &'a [u8]);

impl<'a> Take<'a> {
    pub fn u64(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for at in 0..10 {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f).checked_shl(7 * at)?;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    pub fn i64(&mut self) -> Option<i64> {
        self.u64().map(unzigzag)
    }

    pub fn usize(&mut self) -> Option<usize> {
        usize::try_from(self.u64()?).ok()
    }

    /// A count of things that take a byte each at least: more cannot be there.
    pub fn count(&mut self) -> Option<usize> {
        self.usize().filter(|&count| count <= self.0.len())
    }

    pub fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    pub fn f64(&mut self) -> Option<f64> {
        let (bytes, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(f64::from_bits(u64::from_le_bytes(*bytes)))
    }

    pub fn number(&mut self) -> Option<f64> {
        match self.u64()? {
            0 => self.f64(),
            coded => Some((coded >> 1) as f64),
        }
    }

    pub fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub fn text(&mut self) -> Option<&'a str> {
        let length = self.usize()?;
        str::from_utf8(self.bytes(length)?).ok()
    }
}
