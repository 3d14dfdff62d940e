//! OTLP in protobuf. Source: <https://github.com/open-telemetry/opentelemetry-proto>, version 1.11.

mod envelope;
mod file;
mod logs;
mod metrics;
pub(crate) mod reader;
mod sniff;
mod traces;
mod value;

pub(crate) use envelope::decode;
pub use file::{SplitFile, split_protobuf_file};
pub(crate) use logs::severity;
pub use sniff::sniff_protobuf;
pub(crate) use traces::{span_kind, status_code};
