//! What was decoded of files and is kept for the next reader.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex};

/// Decoded parts of files, the ones used last, up to a number of bytes.
pub(crate) struct Kept<K, T> {
    by_key: HashMap<K, (T, usize, u64)>,
    bytes: usize,
    bytes_max: usize,
    used: u64,
}

impl<K: Copy + Eq + Hash, T: Clone> Kept<K, T> {
    /// Nothing yet, and at most so many bytes.
    pub fn new(bytes_max: usize) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self { by_key: HashMap::new(), bytes: 0, bytes_max, used: 0 }))
    }

    /// Bytes that are kept.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// What was kept under a key.
    pub fn get(&mut self, key: K) -> Option<T> {
        self.used += 1;
        let (kept, _, used) = self.by_key.get_mut(&key)?;
        *used = self.used;
        Some(kept.clone())
    }

    /// Keeps a part of `size` bytes; what was used longest ago makes room.
    pub fn put(&mut self, key: K, part: T, size: usize) {
        self.used += 1;
        self.bytes += size;
        if let Some((_, old, _)) = self.by_key.insert(key, (part, size, self.used)) {
            self.bytes -= old;
        }
        while self.bytes > self.bytes_max && self.by_key.len() > 1 {
            let oldest = self.by_key.iter().min_by_key(|(_, (.., used))| *used).map(|(key, _)| *key);
            let Some((_, size, _)) = oldest.and_then(|oldest| self.by_key.remove(&oldest)) else { return };
            self.bytes -= size;
        }
    }
}
