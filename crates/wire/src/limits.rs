//! What one request may hold. Reaching a limit is visible: in an error, in a reason, or in a `dropped` count.

/// Attributes kept per span, event, link, log record, resource, scope or data point; further ones are dropped and counted.
/// OpenTelemetry's SDKs default to 128; flattened conversations (`llm.input_messages.N.…`) need many more.
pub const MAX_ATTRIBUTES: usize = 2_000;

/// Events kept per span; further ones are dropped and counted. OpenTelemetry's SDKs default to 128.
pub const MAX_EVENTS: usize = 1_024;

/// Links kept per span; further ones are dropped and counted. OpenTelemetry's SDKs default to 128.
pub const MAX_LINKS: usize = 1_024;

/// Lists and maps that may be inside each other in one attribute value; an item with more is rejected.
///
/// Protobuf libraries stop at 100 nested messages, which is 32 maps inside each other; the JSON parser stops at 128
/// levels, which is 30 maps in an attribute of a span event. The smaller holds for both, so that whatever was taken in as
/// protobuf can be written and read back as JSON.
pub const MAX_VALUE_DEPTH: usize = 30;

/// Exemplars kept per metric data point.
pub const MAX_EXEMPLARS: usize = 128;

/// Buckets (or quantiles) of one metric data point; a point with more is rejected.
pub const MAX_BUCKETS: usize = 10_000;

/// Bytes of a metric's name or unit; a metric with a longer one is rejected.
pub const MAX_METRIC_NAME: usize = 1_024;

/// Bytes of a metric's description, which is repeated on each sample; the rest is cut off.
pub const MAX_METRIC_DESCRIPTION: usize = 1_024;

/// Memory one decoded request may take beside its own bytes and its text (text is borrowed from the bytes, or, where JSON
/// escapes it, at most as long as they are).
///
/// An empty value costs two bytes on the wire and up to a hundred in memory, so a limit on the body alone would not bound
/// memory. Lean spans (200 bytes, five attributes) take about four times their bytes: a full request of 64 MiB, OTLP's
/// recommended limit, takes half of this.
pub const MAX_DECODED_BYTES: usize = 512 << 20;
