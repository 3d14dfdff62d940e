//! Reading the body of a request within limits, and getting rid of one that is refused.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;

use crate::budget::Share;
use crate::ingest::{Ingest, Refusal};

/// Bytes of a refused body that are read and thrown away. A client that is still sending when the connection closes sees a
/// broken connection instead of the answer, and tries again for ever; past this size it has itself to blame.
const DISCARDED: usize = 256 << 20;

/// Instances of Tawny that have passed a request on: see [`forward::VIA`]. A list too long to be one counts as none.
pub fn via(headers: &HeaderMap) -> String {
    const LONGEST: usize = 1 << 10;
    let list = headers.get(forward::VIA).and_then(|value| value.to_str().ok());
    list.filter(|list| list.len() <= LONGEST).unwrap_or_default().to_owned()
}

/// A body on its way in.
pub struct Incoming {
    stream: BodyDataStream,
    /// Bytes the client announced.
    announced: Option<usize>,
    /// The client waits for a go-ahead before it sends (`Expect: 100-continue`): refusing needs no reading.
    waits: bool,
    seen: usize,
    ended: bool,
    /// How long the client may send nothing.
    stalled: Duration,
}

impl Incoming {
    /// The body of a request with these headers, whose client may send nothing for as long as `stalled`.
    pub fn new(body: Body, headers: &HeaderMap, stalled: Duration) -> Self {
        let number = |value: &axum::http::HeaderValue| value.to_str().ok()?.parse().ok();
        Self {
            stream: body.into_data_stream(),
            announced: headers.get(header::CONTENT_LENGTH).and_then(number),
            waits: headers.contains_key(header::EXPECT),
            seen: 0,
            ended: false,
            stalled,
        }
    }

    /// Bytes that came so far.
    pub fn seen(&self) -> usize {
        self.seen
    }

    /// Reads the body, which may have `limit` bytes, taking memory from `share` as it comes.
    pub async fn collect(&mut self, share: &mut Share, limit: usize) -> Result<Bytes, Refusal> {
        let announced = self.announced.unwrap_or(0);
        if announced > limit {
            return Err(Refusal::TooLarge { limit });
        }
        // Small requests come in one piece, which is kept as it is.
        let mut first: Option<Bytes> = None;
        let mut rest = BytesMut::new();
        while let Some(chunk) = self.next().await? {
            if self.seen > limit {
                return Err(Refusal::TooLarge { limit });
            }
            Ingest::reserve(share, chunk.len())?;
            match first.take() {
                None if rest.is_empty() => first = Some(chunk),
                None => rest.extend_from_slice(&chunk),
                Some(piece) => {
                    rest.reserve(announced.max(piece.len() + chunk.len()));
                    rest.extend_from_slice(&piece);
                    rest.extend_from_slice(&chunk);
                }
            }
        }
        Ok(first.unwrap_or_else(|| rest.freeze()))
    }

    /// Reads what is left and throws it away, so that the client gets to read the answer.
    pub async fn discard(&mut self) {
        if self.waits && self.seen == 0 {
            return;
        }
        let mut left = DISCARDED;
        while let Ok(Some(chunk)) = self.next().await {
            let Some(less) = left.checked_sub(chunk.len()) else { return };
            left = less;
        }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        if self.ended {
            return Ok(None);
        }
        let Ok(next) = tokio::time::timeout(self.stalled, self.stream.next()).await else {
            self.ended = true;
            return Err(Refusal::Stalled { seconds: self.stalled.as_secs() });
        };
        match next {
            Some(Ok(chunk)) => {
                self.seen += chunk.len();
                Ok(Some(chunk))
            }
            Some(Err(error)) => {
                self.ended = true;
                Err(Refusal::Aborted(error.to_string()))
            }
            None => {
                self.ended = true;
                Ok(None)
            }
        }
    }
}
