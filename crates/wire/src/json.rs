//! OTLP in JSON: protobuf's JSON mapping with hexadecimal ids, read as tolerantly as real senders need.
//!
//! Items are cut out of the request first and read one by one, so that a span that is not readable costs only itself.
//! Scalars are taken as their JSON text and read by [`scalar`]: 64-bit numbers come as text or as numbers, floats must
//! be exact, and text may hold half a surrogate pair where JavaScript cut it.

mod envelope;
mod logs;
mod message;
mod metrics;
mod scalar;
mod traces;
mod value;

pub(crate) use envelope::decode;
