//! Time series.
//!
//! [`Head`] holds the last hours of every series in memory, compressed; [`Db`] adds the files: a log, checkpoints, blocks. What a PromQL
//! query needs comes out as [`Found`], compressed, to be unpacked one series at a time. [`otel`] makes series of OpenTelemetry's data points.
//!
//! No clock and no async: times come from the caller, and calls that use the disk block. Everything but `disk` is pure.

mod bits;
mod block;
mod chunk;
mod disk;
pub mod exposition;
mod found;
mod head;
mod histogram;
mod log;
mod memory;
pub mod names;
pub mod otel;
mod texts;
mod thin;
mod varint;
mod write;

pub use chunk::{CHUNK_SAMPLES, Chunk, Damaged, Encoding};
pub use disk::{
    BLOCK, Checked, Db, DbError, EXEMPLARS_MAX, METADATA_MAX, Maintained, SelectLimits, Settings, Stats, Taken,
    Written, check_files,
};
pub use found::Found;
pub use head::{AHEAD_MAX, Bounds, Head, LABEL_BYTES_MAX, LABELS_MAX};
pub use thin::Fill;
pub use write::{Batch, Exemplar, Metadata, MetricType, Mode, Refused, SampleValue, Write};
