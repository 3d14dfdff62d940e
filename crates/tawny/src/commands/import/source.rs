//! From a file to requests: what it is compressed with and how it is written is seen from its bytes.

use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::ops::Range;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::value::RawValue;
use wire::{Compression, Encoding, Signal};

/// Lines are put together into requests of about this many bytes: large enough that the wait for the disk is shared,
/// small enough for any server's limit.
const REQUEST_BYTES: usize = 2 << 20;
/// Longest line, and largest document, that is read.
const MAX_LINE_BYTES: u64 = 512 << 20;
/// Largest protobuf file: these are held whole in memory.
const MAX_PROTOBUF_BYTES: u64 = 2 << 30;
/// The zstd window that is accepted, as a power of two. `zstd --long=31` writes the largest there is.
const ZSTD_WINDOW_LOG: u32 = 31;
/// Bytes looked at to tell formats apart.
const LOOK_AHEAD: usize = 1 << 16;

/// What a file yields.
pub enum Piece {
    /// A request to send.
    Request(Request),
    /// A line (or document) that is not a request.
    Unreadable {
        /// Line number, from 1.
        line: u64,
        /// What is wrong.
        problem: String,
    },
}

/// A request to send.
pub struct Request {
    /// What it holds; `None` lets the server see for itself.
    pub signal: Option<Signal>,
    /// How it is written.
    pub encoding: Encoding,
    /// How it is compressed.
    pub compression: Compression,
    /// Its bytes.
    pub body: Vec<u8>,
    /// Where it holds log records as JSON lines instead of OTLP: the number of its first line.
    pub lines_from: Option<u64>,
    /// The parts it was put together from: each is what stands between the brackets of one line's list.
    parts: Vec<(u64, Range<usize>)>,
}

impl Request {
    /// The line it begins at, from 1; 0 where there are no lines.
    pub fn line(&self) -> u64 {
        self.parts.first().map(|(line, _)| *line).or(self.lines_from).unwrap_or(0)
    }

    /// The request taken apart into one for each line; `None` when it is of one line anyway.
    pub fn split(&self) -> Option<impl Iterator<Item = Request>> {
        let signal = self.signal.filter(|_| self.parts.len() > 1)?;
        Some(self.parts.iter().map(move |(line, range)| {
            let mut batch = Batch::new(signal);
            batch.push(*line, &self.body[range.clone()]);
            batch.finish()
        }))
    }
}

/// Reads a file to its end, giving out pieces until `take` answers false. Answers the bytes after decompression.
pub fn read(file: impl Read, mut take: impl FnMut(Piece) -> bool) -> Result<u64> {
    let mut plain = decompressed(file)?;
    let first = plain.fill_buf()?.iter().copied().find(|byte| !byte.is_ascii_whitespace());
    match first {
        None => {}
        Some(b'{' | b'[') => json(&mut plain, &mut take)?,
        Some(_) => protobuf(&mut plain, &mut take)?,
    }
    Ok(plain.into_inner().bytes)
}

/// Reads a file of log records as JSON lines (or one array of objects) likewise. The server reads the lines.
pub fn read_logs(file: impl Read, mut take: impl FnMut(Piece) -> bool) -> Result<u64> {
    let mut plain = decompressed(file)?;
    let first = plain.fill_buf()?.iter().copied().find(|byte| !byte.is_ascii_whitespace());
    let mut lines = LogLines { from: 1, body: Vec::new(), take: &mut take };
    if first == Some(b'[') {
        // The items become lines; their numbers are those of the array.
        let mut text = Vec::new();
        plain.by_ref().take(MAX_LINE_BYTES + 1).read_to_end(&mut text)?;
        if text.len() as u64 > MAX_LINE_BYTES {
            bail!(
                "an array is read whole, and this one is longer than {} MiB: write one object a line",
                MAX_LINE_BYTES >> 20
            );
        }
        let items: Vec<Box<RawValue>> =
            serde_json::from_slice(&text).context("the file begins with [ and is no JSON array")?;
        for (at, item) in items.iter().enumerate() {
            // Line breaks between values are no part of them.
            let line: Vec<u8> = item.get().bytes().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect();
            if !lines.push(at as u64 + 1, &line) {
                return Ok(plain.into_inner().bytes);
            }
        }
    } else {
        let (mut line, mut number) = (Vec::new(), 0);
        while read_line(&mut plain, &mut line)? > 0 {
            number += 1;
            if !lines.push(number, line.trim_ascii_end()) {
                return Ok(plain.into_inner().bytes);
            }
            line.clear();
        }
    }
    lines.finish();
    Ok(plain.into_inner().bytes)
}

/// Puts log lines together into requests.
struct LogLines<'t, F> {
    from: u64,
    body: Vec<u8>,
    take: &'t mut F,
}

impl<F: FnMut(Piece) -> bool> LogLines<'_, F> {
    fn push(&mut self, number: u64, line: &[u8]) -> bool {
        if !self.body.is_empty() && self.body.len() + line.len() > REQUEST_BYTES && !self.finish() {
            return false;
        }
        if self.body.is_empty() {
            self.from = number;
        }
        // Empty lines too: the server names bad lines by their number.
        self.body.extend_from_slice(line);
        self.body.push(b'\n');
        true
    }

    fn finish(&mut self) -> bool {
        let body = std::mem::take(&mut self.body);
        if body.iter().all(u8::is_ascii_whitespace) {
            return true;
        }
        (self.take)(Piece::Request(Request {
            signal: Some(Signal::Logs),
            encoding: Encoding::Json,
            compression: Compression::None,
            body,
            lines_from: Some(self.from),
            parts: Vec::new(),
        }))
    }
}

/// What a file holds after decompression, and a byte order mark.
fn decompressed<'f>(file: impl Read + 'f) -> Result<BufReader<Counted<Box<dyn Read + 'f>>>> {
    let mut file = BufReader::with_capacity(LOOK_AHEAD, file);
    let compression = Compression::sniff(file.fill_buf()?);
    let plain: Box<dyn Read + 'f> = match compression {
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
        Compression::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(file).context("cannot begin to decompress")?;
            decoder.window_log_max(ZSTD_WINDOW_LOG).context("cannot set the window of decompression")?;
            Box::new(decoder)
        }
        Compression::None | Compression::Deflate => Box::new(file),
    };
    let mut plain = BufReader::with_capacity(1 << 20, Counted { inner: plain, bytes: 0 });
    skip_mark(&mut plain)?;
    Ok(plain)
}

/// Skips the byte order mark that some editors put before JSON.
fn skip_mark(source: &mut impl BufRead) -> io::Result<()> {
    if source.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        source.consume(3);
    }
    Ok(())
}

fn protobuf(source: &mut impl Read, take: &mut impl FnMut(Piece) -> bool) -> Result<()> {
    let mut file = Vec::new();
    source.take(MAX_PROTOBUF_BYTES + 1).read_to_end(&mut file)?;
    if file.len() as u64 > MAX_PROTOBUF_BYTES {
        bail!(
            "a protobuf file is held whole in memory, and this one is larger than {} GiB; split it",
            MAX_PROTOBUF_BYTES >> 30
        );
    }
    let split = wire::split_protobuf_file(&file)?;
    for bytes in split.requests {
        let request = Request {
            signal: wire::sniff_protobuf(bytes),
            encoding: Encoding::Protobuf,
            compression: Compression::sniff(bytes),
            body: bytes.to_vec(),
            lines_from: None,
            parts: Vec::new(),
        };
        if !take(Piece::Request(request)) {
            return Ok(());
        }
    }
    if split.torn > 0 {
        let problem = format!("the last {} bytes are not a whole request; the rest was read", split.torn);
        take(Piece::Unreadable { line: 0, problem });
    }
    Ok(())
}

fn json(source: &mut impl BufRead, take: &mut impl FnMut(Piece) -> bool) -> Result<()> {
    let mut first = Vec::new();
    let mut line = 0;
    while first.iter().all(u8::is_ascii_whitespace) {
        line += 1;
        first.clear();
        if read_line(source, &mut first)? == 0 {
            return Ok(());
        }
    }
    if serde_json::from_slice::<serde::de::IgnoredAny>(&first).is_err_and(|error| error.is_eof()) {
        // The first line is only the beginning of something: documents that run over several lines.
        return documents(Cursor::new(first).chain(source), line, take);
    }
    let mut lines = Lines { batches: Vec::new(), take };
    let mut text = first;
    loop {
        if !lines.push(line, &text) {
            return Ok(());
        }
        line += 1;
        text.clear();
        if read_line(source, &mut text)? == 0 {
            break;
        }
    }
    lines.finish();
    Ok(())
}

/// Reads a line of at most [`MAX_LINE_BYTES`].
fn read_line(source: &mut impl BufRead, line: &mut Vec<u8>) -> Result<usize> {
    let read = source.take(MAX_LINE_BYTES + 1).read_until(b'\n', line)?;
    if read as u64 > MAX_LINE_BYTES {
        bail!("a line is longer than {} MiB", MAX_LINE_BYTES >> 20);
    }
    Ok(read)
}

/// JSON documents one after another, pretty-printed for example. What follows a damaged one cannot be told from it.
fn documents(source: impl Read, line: u64, take: &mut impl FnMut(Piece) -> bool) -> Result<()> {
    let mut lines = Lines { batches: Vec::new(), take };
    for document in serde_json::Deserializer::from_reader(BufReader::new(source)).into_iter::<Box<RawValue>>() {
        let go_on = match document {
            Ok(document) => lines.push(line, document.get().as_bytes()),
            Err(error) => {
                (lines.take)(Piece::Unreadable { line: line + error.line() as u64 - 1, problem: error.to_string() });
                break;
            }
        };
        if !go_on {
            return Ok(());
        }
    }
    lines.finish();
    Ok(())
}

/// One request as it stands in a line; its lists are not looked into.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default, rename = "resourceSpans", alias = "resource_spans")]
    traces: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "resourceLogs", alias = "resource_logs")]
    logs: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "resourceMetrics", alias = "resource_metrics")]
    metrics: Option<&'a RawValue>,
}

/// Puts lines together into requests.
struct Lines<'t, F> {
    batches: Vec<Batch>,
    take: &'t mut F,
}

impl<F: FnMut(Piece) -> bool> Lines<'_, F> {
    fn push(&mut self, line: u64, text: &[u8]) -> bool {
        if text.iter().all(u8::is_ascii_whitespace) {
            return true;
        }
        let envelope: Envelope<'_> = match serde_json::from_slice(text) {
            Ok(envelope) => envelope,
            Err(error) => {
                return (self.take)(Piece::Unreadable {
                    line,
                    problem: format!("not an OTLP request in JSON: {error}"),
                });
            }
        };
        let lists =
            [(Signal::Traces, envelope.traces), (Signal::Logs, envelope.logs), (Signal::Metrics, envelope.metrics)];
        let mut found = false;
        for (signal, list) in lists {
            let Some(list) = list else { continue };
            found = true;
            let Some(inside) = list.get().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else {
                let problem = format!("not an OTLP request: {signal} are no list");
                if !(self.take)(Piece::Unreadable { line, problem }) {
                    return false;
                }
                continue;
            };
            if !inside.trim().is_empty() && !self.add(signal, line, inside.as_bytes()) {
                return false;
            }
        }
        let empty = !found && text.iter().filter(|byte| !byte.is_ascii_whitespace()).count() == 2;
        if !found && !empty {
            let problem = "not an OTLP request: neither resourceSpans, resourceLogs nor resourceMetrics".to_owned();
            return (self.take)(Piece::Unreadable { line, problem });
        }
        true
    }

    fn add(&mut self, signal: Signal, line: u64, inside: &[u8]) -> bool {
        let at = match self.batches.iter().position(|batch| batch.signal == signal) {
            Some(at) => at,
            None => {
                self.batches.push(Batch::new(signal));
                self.batches.len() - 1
            }
        };
        if !self.batches[at].is_empty() && self.batches[at].body.len() + inside.len() > REQUEST_BYTES {
            let full = std::mem::replace(&mut self.batches[at], Batch::new(signal));
            if !(self.take)(Piece::Request(full.finish())) {
                return false;
            }
        }
        self.batches[at].push(line, inside);
        true
    }

    fn finish(self) {
        for batch in self.batches.into_iter().filter(|batch| !batch.is_empty()) {
            if !(self.take)(Piece::Request(batch.finish())) {
                return;
            }
        }
    }
}

/// A request in the making.
struct Batch {
    signal: Signal,
    body: Vec<u8>,
    parts: Vec<(u64, Range<usize>)>,
}

impl Batch {
    fn new(signal: Signal) -> Self {
        let key = match signal {
            Signal::Traces => "resourceSpans",
            Signal::Logs => "resourceLogs",
            Signal::Metrics => "resourceMetrics",
        };
        Self { signal, body: format!("{{\"{key}\":[").into_bytes(), parts: Vec::new() }
    }

    fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    fn push(&mut self, line: u64, inside: &[u8]) {
        if !self.is_empty() {
            self.body.push(b',');
        }
        let start = self.body.len();
        self.body.extend_from_slice(inside);
        self.parts.push((line, start..self.body.len()));
    }

    fn finish(mut self) -> Request {
        self.body.extend_from_slice(b"]}");
        Request {
            signal: Some(self.signal),
            encoding: Encoding::Json,
            compression: Compression::None,
            body: self.body,
            lines_from: None,
            parts: self.parts,
        }
    }
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
