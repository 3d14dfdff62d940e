//! Decompression of request bodies, with a limit on what comes out.

use std::borrow::Cow;
use std::io::{self, Read};

/// How a request body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip (RFC 1952), also of several members.
    Gzip,
    /// zlib (RFC 1950), which HTTP calls `deflate`; bare deflate (RFC 1951) is accepted as well.
    Deflate,
    /// Zstandard (RFC 8878), also of several frames.
    Zstd,
}

/// A `Content-Encoding` that is not supported; answer it with 415.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read Content-Encoding {0:?}: use gzip, deflate, zstd or none")]
pub struct UnknownCompression(
    /// The header as sent.
    pub String,
);

/// Why a body could not be decompressed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecompressError {
    /// More came out than allowed; answer it with 413 (gRPC `RESOURCE_EXHAUSTED` without `RetryInfo`).
    #[error("the request is larger than the limit of {limit} bytes after decompression; send smaller batches")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The bytes are not what the header says; answer it with 400.
    #[error("cannot decompress the body as {compression}: {problem}")]
    Corrupt {
        /// What the header says.
        compression: &'static str,
        /// What the decoder said.
        problem: String,
    },
}

impl Compression {
    /// From a `Content-Encoding` (or `grpc-encoding`) header; empty and `identity` mean none.
    ///
    /// # Errors
    /// For any other value, also for several encodings on top of each other.
    pub fn from_header(header: &str) -> Result<Self, UnknownCompression> {
        match header.trim().to_ascii_lowercase().as_str() {
            "" | "identity" | "none" => Ok(Self::None),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            "deflate" | "zlib" => Ok(Self::Deflate),
            "zstd" => Ok(Self::Zstd),
            _ => Err(UnknownCompression(header.to_owned())),
        }
    }

    /// From the first bytes of a file: gzip and zstd have a magic number, anything else counts as not compressed.
    pub fn sniff(bytes: &[u8]) -> Self {
        match bytes {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }

    /// The name headers use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "identity",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Zstd => "zstd",
        }
    }
}

/// The body as it was before compression. Bodies that are not compressed are borrowed.
///
/// Never holds more than `limit` bytes (plus the growth of a vector, at most twice that), whatever a bomb would unfold to.
///
/// # Errors
/// [`DecompressError::TooLarge`] when more than `limit` bytes come out, [`DecompressError::Corrupt`] when the bytes are
/// damaged or cut off.
pub fn decompress<'a>(
    compression: Compression,
    body: &'a [u8],
    limit: usize,
) -> Result<Cow<'a, [u8]>, DecompressError> {
    let corrupt =
        |error: io::Error| DecompressError::Corrupt { compression: compression.name(), problem: error.to_string() };
    let unfolded = match compression {
        Compression::None if body.len() > limit => return Err(DecompressError::TooLarge { limit }),
        Compression::None => return Ok(Cow::Borrowed(body)),
        Compression::Gzip => read_limited(flate2::read::MultiGzDecoder::new(body), body.len(), limit),
        Compression::Deflate if is_zlib(body) => read_limited(flate2::read::ZlibDecoder::new(body), body.len(), limit),
        Compression::Deflate => read_limited(flate2::read::DeflateDecoder::new(body), body.len(), limit),
        // The decoder's own default refuses windows above 128 MiB, and pages of a window are only touched as bytes come out.
        Compression::Zstd => {
            zstd::stream::read::Decoder::with_buffer(body).and_then(|decoder| read_limited(decoder, body.len(), limit))
        }
    };
    match unfolded {
        Ok(Some(bytes)) => Ok(Cow::Owned(bytes)),
        Ok(None) => Err(DecompressError::TooLarge { limit }),
        Err(error) => Err(corrupt(error)),
    }
}

/// A body that is one Snappy block, as Loki's and Prometheus' clients send protobuf (they name no `Content-Encoding`).
///
/// # Errors
/// As [`decompress`].
pub fn unsnap(body: &[u8], limit: usize) -> Result<Vec<u8>, DecompressError> {
    let corrupt = |error: snap::Error| DecompressError::Corrupt { compression: "snappy", problem: error.to_string() };
    // The block begins with the length of what comes out.
    if snap::raw::decompress_len(body).map_err(corrupt)? > limit {
        return Err(DecompressError::TooLarge { limit });
    }
    snap::raw::Decoder::new().decompress_vec(body).map_err(corrupt)
}

/// Everything `source` gives, or `None` when that is more than `limit`.
fn read_limited(source: impl Read, compressed: usize, limit: usize) -> io::Result<Option<Vec<u8>>> {
    // Telemetry shrinks four to tenfold; starting there saves most of the growing.
    let mut bytes = Vec::with_capacity(compressed.saturating_mul(5).min(limit));
    source.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= limit).then_some(bytes))
}

/// Whether the first two bytes are a zlib header: method 8, and a checksum that is a multiple of 31 (RFC 1950, 2.2).
fn is_zlib(body: &[u8]) -> bool {
    matches!(body, [first, second, ..] if first & 0x0f == 8 && u16::from_be_bytes([*first, *second]).is_multiple_of(31))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    const TEXT: &[u8] = b"what the agent said, what the agent said, what the agent said";

    fn packed() -> Vec<(Compression, Vec<u8>)> {
        let level = flate2::Compression::default();
        let mut gzip = GzEncoder::new(Vec::new(), level);
        gzip.write_all(TEXT).unwrap();
        let mut zlib = ZlibEncoder::new(Vec::new(), level);
        zlib.write_all(TEXT).unwrap();
        let mut bare = DeflateEncoder::new(Vec::new(), level);
        bare.write_all(TEXT).unwrap();
        vec![
            (Compression::None, TEXT.to_vec()),
            (Compression::Gzip, gzip.finish().unwrap()),
            (Compression::Deflate, zlib.finish().unwrap()),
            (Compression::Deflate, bare.finish().unwrap()),
            (Compression::Zstd, zstd::encode_all(TEXT, 3).unwrap()),
        ]
    }

    #[test]
    fn every_compression_gives_back_what_was_packed() {
        for (compression, body) in packed() {
            assert_eq!(decompress(compression, &body, TEXT.len()).unwrap().as_ref(), TEXT, "{compression:?}");
        }
    }

    #[test]
    fn gzip_members_and_zstd_frames_one_after_another_are_joined() {
        for (compression, body) in packed() {
            if matches!(compression, Compression::Gzip | Compression::Zstd) {
                let twice = [body.as_slice(), body.as_slice()].concat();
                assert_eq!(decompress(compression, &twice, 1_000).unwrap().len(), 2 * TEXT.len(), "{compression:?}");
            }
        }
    }

    #[test]
    fn one_byte_above_the_limit_is_too_large() {
        for (compression, body) in packed() {
            let limit = TEXT.len() - 1;
            assert_eq!(
                decompress(compression, &body, limit),
                Err(DecompressError::TooLarge { limit }),
                "{compression:?}"
            );
        }
    }

    #[test]
    fn a_bomb_is_stopped_at_the_limit() {
        let limit = 1 << 20;
        let bomb = zstd::encode_all(io::repeat(b' ').take(64 << 20), 1).unwrap();
        assert!(bomb.len() < 200_000, "the bomb is small: {}", bomb.len());
        assert_eq!(decompress(Compression::Zstd, &bomb, limit), Err(DecompressError::TooLarge { limit }));
    }

    #[test]
    fn cut_off_and_damaged_bodies_are_corrupt() {
        for (compression, body) in packed() {
            if compression != Compression::None {
                let cut = decompress(compression, &body[..body.len() - 5], 1_000);
                assert!(matches!(cut, Err(DecompressError::Corrupt { .. })), "{compression:?}: {cut:?}");
            }
        }
        let noise = decompress(Compression::Gzip, b"{\"resourceSpans\":[]}", 1_000);
        assert!(noise.unwrap_err().to_string().starts_with("cannot decompress the body as gzip: "));
    }

    #[test]
    fn headers_are_read_in_any_case_and_unknown_ones_named() {
        assert_eq!(Compression::from_header(" GZIP "), Ok(Compression::Gzip));
        assert_eq!(Compression::from_header("identity"), Ok(Compression::None));
        let unknown = Compression::from_header("br").unwrap_err();
        assert_eq!(unknown.to_string(), "cannot read Content-Encoding \"br\": use gzip, deflate, zstd or none");
    }
}
