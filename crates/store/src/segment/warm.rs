//! Footers of segments, read before somebody asks: the first who opens a run in a segment would wait for its footer.

use std::cmp::Reverse;
use std::sync::{Arc, PoisonError};

use crate::schema::Table;
use crate::segment::read::{FOOTER_BYTES_MAX, Reader};
use crate::snapshot::SegmentMeta;

/// Bytes of footers up to which they are read ahead: the rest is for what somebody asks for.
const WARM_BYTES_MAX: usize = FOOTER_BYTES_MAX / 2;

impl Reader {
    fn footer_bytes(&self) -> usize {
        self.footers.lock().unwrap_or_else(PoisonError::into_inner).bytes()
    }
}

impl crate::Store {
    /// Reads the footers of the segments a run is read from, the newest first, while they take up to half of the room for footers;
    /// says of how many segments. Of none where segments are in a bucket: whoever reads part of a file there fetches all of it.
    pub async fn warm(&self) -> u64 {
        if self.inner.settings.bucket.is_some() {
            return 0;
        }
        let mut segments: Vec<Arc<SegmentMeta>> = Vec::new();
        {
            let state = self.inner.shared.state();
            for table in [Table::Spans, Table::Bodies, Table::Logs] {
                segments.extend(state.segments[table as usize].values().map(|segment| Arc::clone(&segment.meta)));
            }
        }
        segments.sort_unstable_by_key(|meta| Reverse(meta.max_version));
        let mut read = 0;
        for meta in segments {
            if self.inner.reader.footer_bytes() >= WARM_BYTES_MAX {
                break;
            }
            match self.inner.reader.footer(&meta).await {
                Ok(_) => read += 1,
                // Whoever needs it learns of it; compaction may have replaced it meanwhile.
                Err(error) => tracing::debug!(path = %meta.path, %error, "cannot read a footer ahead"),
            }
        }
        read
    }
}
