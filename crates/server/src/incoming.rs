//! Reading the body of a request within limits, when it is its turn, and getting rid of one that is refused.

use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use tokio::time::Sleep;

use crate::budget::Share;
use crate::ingest::{Ingest, Refusal};
use crate::otlp_grpc;

/// Bytes of a refused body that are read and thrown away. A client that is still sending when the connection closes sees a
/// broken connection instead of the answer, and tries again for ever; past this size it has itself to blame.
const DISCARDED: usize = 256 << 20;

/// Requests up to so many bytes wait for no turn: they take little, and whoever sends little is to be answered at once however
/// much others send.
const SMALL: usize = 64 << 10;
/// The turn of a request of which nobody says how long it is (`Transfer-Encoding: chunked`), once it is longer than [`SMALL`].
const UNANNOUNCED: usize = 4 << 20;
/// What a compressed byte counts for. Text of agents is four to eight times as long as it is sent, but only the requests at the
/// decoders are ever there at length; the others hold what was sent, and rows, in which what is said twice is kept once.
const COMPRESSED: usize = 4;
/// A request that has not come whole so long after its turn began leaves it to the next.
const ARRIVAL: Duration = Duration::from_secs(2);
/// The same of one of which nothing came for so long. Streams of one HTTP/2 connection share a window: what is unread of one that
/// waits can keep back another that has its turn.
const SILENCE: Duration = Duration::from_millis(500);

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
    /// Whether it is a gRPC call, whose first bytes announce it.
    framed: bool,
    /// Whether it says that it is compressed.
    compressed: bool,
    /// When the turn of a body that is still coming is over.
    overdue: Option<Pin<Box<Sleep>>>,
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
            framed: otlp_grpc::is_grpc(headers),
            compressed: [header::CONTENT_ENCODING.as_str(), "grpc-encoding"]
                .iter()
                .any(|name| headers.get(*name).is_some_and(|encoding| encoding != "identity")),
            overdue: None,
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

    /// Reads the body, which may have `limit` bytes, taking memory from `share` as it comes. One that is not small first waits for
    /// its turn, unread where its length is announced.
    pub async fn collect(&mut self, share: &mut Share, limit: usize) -> Result<Bytes, Refusal> {
        let mut has_asked = false;
        if let Some(announced) = self.announced {
            self.turn(share, announced, limit).await?;
            has_asked = true;
        }
        // Small requests come in one piece, which is kept as it is.
        let mut first: Option<Bytes> = None;
        let mut rest = BytesMut::new();
        while let Some(chunk) = self.piece(share).await? {
            if self.seen > limit {
                return Err(Refusal::TooLarge { limit });
            }
            Ingest::reserve(share, chunk.len())?;
            if !has_asked {
                if let Some((compressed, length)) = self.frame(&chunk) {
                    (self.compressed, self.announced) = (compressed, Some(length));
                }
                if self.announced.is_some() || self.seen > SMALL {
                    self.turn(share, self.announced.unwrap_or(UNANNOUNCED.max(self.seen)), limit).await?;
                    has_asked = true;
                }
            }
            match first.take() {
                None if rest.is_empty() => first = Some(chunk),
                None => rest.extend_from_slice(&chunk),
                Some(piece) => {
                    rest.reserve(self.announced.unwrap_or(0).max(piece.len() + chunk.len()));
                    rest.extend_from_slice(&piece);
                    rest.extend_from_slice(&chunk);
                }
            }
        }
        Ok(first.unwrap_or_else(|| rest.freeze()))
    }

    /// Waits until a body of `length` bytes has its turn.
    async fn turn(&mut self, share: &mut Share, length: usize, limit: usize) -> Result<(), Refusal> {
        if self.announced.is_some_and(|announced| announced > limit) {
            return Err(Refusal::TooLarge { limit });
        }
        if self.weight(length) > SMALL {
            Ingest::wait_for_turn(share, self.weight(length)).await?;
            self.overdue = Some(Box::pin(tokio::time::sleep(ARRIVAL)));
        }
        Ok(())
    }

    fn weight(&self, bytes: usize) -> usize {
        if self.compressed { bytes.saturating_mul(COMPRESSED) } else { bytes }
    }

    /// What the first piece of a gRPC call says of it: whether it is compressed, and its length with the frame.
    fn frame(&self, first: &[u8]) -> Option<(bool, usize)> {
        let is_first = self.framed && self.seen == first.len();
        let head = first.get(..otlp_grpc::FRAME_HEAD).filter(|_| is_first)?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        Some((head[0] != 0, length.saturating_add(otlp_grpc::FRAME_HEAD)))
    }

    /// The next piece. A body that is long in coming leaves its turn: others need not wait for a slow sender, and what it holds is
    /// counted piece by piece all the same.
    async fn piece(&mut self, share: &mut Share) -> Result<Option<Bytes>, Refusal> {
        if let Some(mut overdue) = self.overdue.take() {
            tokio::select! {
                biased;
                next = self.next() => {
                    self.overdue = Some(overdue);
                    return next;
                }
                () = &mut overdue => {}
                () = tokio::time::sleep(SILENCE) => {}
            }
            share.leave_turn();
        }
        self.next().await
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
