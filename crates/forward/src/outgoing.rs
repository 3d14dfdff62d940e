//! From what waits to what is sent: filters, encoding, compression, batches, halves.

use std::borrow::Cow;
use std::io::Write;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use wire::{Compression, Encoding, Signal};

use crate::config::{self, Destination, Protocol};
use crate::filter::Filtered;
use crate::record::{Form, Record};

/// Level of zstd: the fast end, as the Collector uses it.
const ZSTD_LEVEL: i32 = 3;

/// A request to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// What it holds.
    pub signal: Signal,
    /// What its bytes are; encoding and compression are those of OTLP.
    pub form: Form,
    /// How it is written.
    pub encoding: Encoding,
    /// How it is compressed.
    pub compression: Compression,
    /// Its bytes.
    pub body: Bytes,
    /// Spans, log records or data points in it.
    pub items: u64,
    /// Instances that have passed it on before.
    pub via: String,
}

/// What became of records.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Prepared {
    /// Requests to send, in order.
    pub requests: Vec<Outgoing>,
    /// Items that filters took away.
    pub filtered: u64,
    /// Requests that could not be read, with the reason of the last.
    pub unreadable: Option<(u64, String)>,
}

impl Prepared {
    fn unreadable(&mut self, reason: String) {
        let (count, last) = self.unreadable.get_or_insert_with(|| (0, String::new()));
        *count += 1;
        *last = reason;
    }
}

/// Makes requests out of records: each as it came where nothing asks for more.
pub fn prepare(destination: &Destination, records: &[Record]) -> Prepared {
    let mut prepared = Prepared::default();
    for record in records {
        if record.form != destination.protocol.form() || !destination.signals.contains(&record.signal) {
            continue;
        }
        if record.form == Form::Series {
            if destination.filter.passes_project(&record.project) {
                prepared.requests.push(as_received(record));
            } else {
                prepared.filtered += u64::from(record.items);
            }
            continue;
        }
        match one(destination, record) {
            Ok((request, filtered)) => {
                prepared.filtered += filtered;
                prepared.requests.extend(request);
            }
            Err(reason) => prepared.unreadable(reason),
        }
    }
    if destination.protocol.form() == Form::Series {
        return prepared;
    }
    if destination.batch_bytes > 0 {
        prepared.requests = batches(destination, std::mem::take(&mut prepared.requests));
    }
    for request in &mut prepared.requests {
        // What batches left alone is still written as it was received.
        match finish(destination, request) {
            Ok(Some(finished)) => *request = finished,
            Ok(None) => {}
            Err(reason) => tracing::warn!(reason, "a request is passed on as it was received"),
        }
    }
    prepared
}

fn as_received(record: &Record) -> Outgoing {
    Outgoing {
        signal: record.signal,
        form: record.form,
        encoding: record.encoding,
        compression: record.compression,
        body: record.payload.clone(),
        items: u64::from(record.items),
        via: record.via.clone(),
    }
}

fn one(destination: &Destination, record: &Record) -> Result<(Option<Outgoing>, u64), String> {
    let items = u64::from(record.items);
    let as_received = as_received(record);
    if destination.filter.is_empty() {
        return Ok((Some(as_received), 0));
    }
    let protobuf = protobuf(&as_received)?;
    Ok(match destination.filter.apply(record.signal, &record.project, &protobuf)? {
        Filtered::All => (Some(as_received), 0),
        Filtered::Nothing => (None, items),
        Filtered::Part(body, gone) => {
            let part = Outgoing { encoding: Encoding::Protobuf, compression: Compression::None, ..as_received };
            let part = Outgoing { body: body.into(), items: items.saturating_sub(gone), ..part };
            // What is left is compressed as the whole was.
            (Some(compress(part, record.compression)?), gone)
        }
    })
}

/// The request in protobuf, not compressed.
fn protobuf(request: &Outgoing) -> Result<Cow<'_, [u8]>, String> {
    // Its size was checked when it came in.
    let text =
        wire::decompress(request.compression, &request.body, usize::MAX >> 1).map_err(|error| error.to_string())?;
    match request.encoding {
        Encoding::Protobuf => Ok(text),
        Encoding::Json => {
            wire::json_to_protobuf(request.signal, &text).map(Cow::Owned).map_err(|error| error.to_string())
        }
    }
}

/// Writes a request the way the destination wants it; `None` when it is written so already.
fn finish(destination: &Destination, request: &Outgoing) -> Result<Option<Outgoing>, String> {
    let grpc = destination.protocol == Protocol::Grpc;
    let wanted = match destination.compression {
        // A gRPC message is compressed by the client below us.
        _ if grpc => Compression::None,
        config::Compression::AsReceived => request.compression,
        config::Compression::None => Compression::None,
        config::Compression::Gzip => Compression::Gzip,
        config::Compression::Zstd => Compression::Zstd,
    };
    let recode = request.encoding == Encoding::Json && (grpc || destination.encoding == config::Encoding::Protobuf);
    if !recode && wanted == request.compression {
        return Ok(None);
    }
    let (body, encoding) = if recode {
        (protobuf(request)?.into_owned(), Encoding::Protobuf)
    } else {
        let text = wire::decompress(request.compression, &request.body, usize::MAX >> 1);
        (text.map_err(|error| error.to_string())?.into_owned(), request.encoding)
    };
    let plain = Outgoing { body: body.into(), encoding, compression: Compression::None, ..request.clone() };
    compress(plain, wanted).map(Some)
}

fn compress(plain: Outgoing, wanted: Compression) -> Result<Outgoing, String> {
    let level = flate2::Compression::fast();
    let compressed = match wanted {
        Compression::None => return Ok(plain),
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(&plain.body).and_then(|()| encoder.finish())
        }
        Compression::Deflate => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(&plain.body).and_then(|()| encoder.finish())
        }
        Compression::Zstd => zstd::bulk::compress(&plain.body, ZSTD_LEVEL),
    };
    let body = compressed.map_err(|error| error.to_string())?;
    Ok(Outgoing { body: body.into(), compression: wanted, ..plain })
}

/// Puts neighbours of one signal together: protobuf messages of one type written one after the other are one message.
fn batches(destination: &Destination, requests: Vec<Outgoing>) -> Vec<Outgoing> {
    let mut batches: Vec<(Outgoing, Option<Vec<u8>>)> = Vec::new();
    for request in requests {
        let Ok(body) = protobuf(&request).map(Cow::into_owned) else {
            batches.push((request, None));
            continue;
        };
        let room = batches.iter_mut().find_map(|(first, bytes)| {
            let fits = bytes.as_ref().is_some_and(|bytes| bytes.len() + body.len() <= destination.batch_bytes);
            (fits && first.signal == request.signal && first.via == request.via).then_some((first, bytes))
        });
        match room {
            Some((first, Some(bytes))) => {
                bytes.extend_from_slice(&body);
                first.items += request.items;
            }
            _ => batches.push((request, Some(body))),
        }
    }
    let batches = batches.into_iter().map(|(first, bytes)| match bytes {
        Some(bytes) => {
            let plain = Outgoing {
                body: bytes.into(),
                encoding: Encoding::Protobuf,
                compression: Compression::None,
                ..first.clone()
            };
            compress(plain, first.compression).unwrap_or(first)
        }
        None => first,
    });
    batches.collect()
}

/// Two halves of a request that its receiver finds too large; `None` for one that cannot be cut.
pub fn halves(request: &Outgoing) -> Option<[Outgoing; 2]> {
    // Series are sent in small requests from the start.
    if request.form == Form::Series {
        return None;
    }
    let body = protobuf(request).ok()?;
    let halves = match request.signal {
        Signal::Traces => {
            let mut first = ExportTraceServiceRequest::decode(&*body).ok()?;
            let mut second = first.clone();
            if !cut(&mut first.resource_spans, &mut second.resource_spans) {
                let (a, b) = (first.resource_spans.first_mut()?, second.resource_spans.first_mut()?);
                if !cut(&mut a.scope_spans, &mut b.scope_spans)
                    && !cut(&mut a.scope_spans.first_mut()?.spans, &mut b.scope_spans.first_mut()?.spans)
                {
                    return None;
                }
            }
            [first.encode_to_vec(), second.encode_to_vec()]
        }
        Signal::Logs => {
            let mut first = ExportLogsServiceRequest::decode(&*body).ok()?;
            let mut second = first.clone();
            if !cut(&mut first.resource_logs, &mut second.resource_logs) {
                let (a, b) = (first.resource_logs.first_mut()?, second.resource_logs.first_mut()?);
                if !cut(&mut a.scope_logs, &mut b.scope_logs)
                    && !cut(&mut a.scope_logs.first_mut()?.log_records, &mut b.scope_logs.first_mut()?.log_records)
                {
                    return None;
                }
            }
            [first.encode_to_vec(), second.encode_to_vec()]
        }
        Signal::Metrics => {
            let mut first = ExportMetricsServiceRequest::decode(&*body).ok()?;
            let mut second = first.clone();
            if !cut(&mut first.resource_metrics, &mut second.resource_metrics) {
                let (a, b) = (first.resource_metrics.first_mut()?, second.resource_metrics.first_mut()?);
                if !cut(&mut a.scope_metrics, &mut b.scope_metrics)
                    && !cut(&mut a.scope_metrics.first_mut()?.metrics, &mut b.scope_metrics.first_mut()?.metrics)
                {
                    return None;
                }
            }
            [first.encode_to_vec(), second.encode_to_vec()]
        }
    };
    let items = [request.items / 2, request.items - request.items / 2];
    let mut made = halves.into_iter().zip(items).map(|(body, items)| {
        let plain = Outgoing {
            body: body.into(),
            items,
            encoding: Encoding::Protobuf,
            compression: Compression::None,
            ..request.clone()
        };
        compress(plain, request.compression).ok()
    });
    Some([made.next()??, made.next()??])
}

/// Leaves the first half of a list in one, the second in the other; false where there is nothing to cut.
fn cut<T>(first: &mut Vec<T>, second: &mut Vec<T>) -> bool {
    let middle = first.len() / 2;
    if middle == 0 {
        return false;
    }
    first.truncate(middle);
    second.drain(..middle);
    true
}
