//! Durable requests become rows in memory.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::entry::{Committed, Entry};
use crate::resolver::RunResolver;
use crate::store::Shared;
use crate::threads::Threads;
use crate::wal::committer::Apply;

/// Takes durable requests into memory, on the commit thread.
pub(crate) struct Applier {
    pub shared: Arc<Shared>,
    pub resolver: Arc<dyn RunResolver>,
    pub threads: Arc<dyn Threads>,
}

impl Applier {
    fn release(&self, payload: usize, rows: usize) {
        self.shared.queue_bytes.fetch_sub(payload, Ordering::Relaxed);
        self.shared.reserved_bytes.fetch_sub(rows, Ordering::Relaxed);
    }
}

impl Apply for Applier {
    fn apply(&mut self, group: Vec<(u64, Entry)>) -> Vec<Committed> {
        let mut answers = Vec::with_capacity(group.len());
        let mut changes = Vec::new();
        {
            let _gate = self.threads.block_on(self.shared.gate.lock());
            let mut state = self.shared.state();
            for (sequence, entry) in group {
                let (payload, rows) = (entry.payload.len(), entry.rows.bytes());
                let (committed, changed) = state.apply(sequence, entry.received, entry.rows, &*self.resolver);
                answers.push(committed);
                changes.extend(changed);
                self.release(payload, rows);
            }
            self.shared.measure(&state);
        }
        for change in changes {
            // Nobody listens: fine.
            let _ = self.shared.changed.send(change);
        }
        answers
    }

    fn refused(&mut self, group: Vec<Entry>) {
        for entry in group {
            self.release(entry.payload.len(), entry.rows.bytes());
        }
    }
}
