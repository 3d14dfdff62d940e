//! Vectors of answers, from an embedding endpoint that the user names: the way out to it and back to the judge.
//!
//! Off unless an endpoint is configured. What is sent is what is kept: a content policy has acted long before. At most [`WAITING_MAX`] answers wait;
//! further ones are not sent and counted. The form is OpenAI's `/v1/embeddings`, which others have taken over.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::Run;
use serde::Deserialize;
use serde_json::json;

use crate::app::App;
use crate::config::Embeddings;

/// Answers that wait to be sent, and vectors that wait for the judge.
pub const WAITING_MAX: usize = 512;
/// Answers of one request.
const BATCH: usize = 32;
/// Bytes of an answer that are sent: about 2,000 tokens, which every model takes.
const ANSWER_BYTES: usize = 8_000;
/// Longest answer of the endpoint, in bytes: 32 vectors of 8,192 numbers as text.
const REPLY_MAX: usize = 8 << 20;
/// How long an answer of the endpoint may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the queue is looked at.
const TICK: Duration = Duration::from_millis(500);
/// Pause after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// What waits, and what became of what was sent.
#[derive(Debug)]
pub struct Embedder {
    settings: Embeddings,
    waiting: Mutex<VecDeque<(Run, String)>>,
    done: Mutex<Vec<(Run, Vec<f32>)>>,
    sent: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

#[derive(Deserialize)]
struct Reply {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    index: usize,
    embedding: Vec<f32>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Embedder {
    /// For an endpoint.
    pub fn new(settings: Embeddings) -> Self {
        Self {
            settings,
            waiting: Mutex::default(),
            done: Mutex::default(),
            sent: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    /// Has the answer of a run made a vector, where there is room.
    pub fn offer(&self, run: &Run, answer: &str) {
        let mut waiting = locked(&self.waiting);
        if waiting.len() >= WAITING_MAX {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.push_back((run.clone(), signals::detect::text::head(answer, ANSWER_BYTES).to_owned()));
    }

    /// Vectors that arrived since this was asked last.
    pub fn take(&self) -> Vec<(Run, Vec<f32>)> {
        std::mem::take(&mut *locked(&self.done))
    }

    /// Answers by what became of them: `sent`, `failed`, `dropped`.
    pub fn counts(&self) -> [(&'static str, u64); 3] {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [("sent", of(&self.sent)), ("failed", of(&self.failed)), ("dropped", of(&self.dropped))]
    }

    async fn ask(&self, client: &reqwest::Client, texts: &[&str]) -> Result<Vec<Item>, String> {
        let body = json!({"model": self.settings.model, "input": texts, "encoding_format": "float"}).to_string();
        let mut request = client.post(&self.settings.url).header("content-type", "application/json").body(body);
        if let Some(key) = &self.settings.key {
            request = request.bearer_auth(key);
        }
        let answer = request.send().await.map_err(|error| error.without_url().to_string())?;
        if !answer.status().is_success() {
            return Err(format!("the endpoint answers {}", answer.status()));
        }
        if answer.content_length().is_some_and(|length| length > REPLY_MAX as u64) {
            return Err(format!("the endpoint's answer is longer than {REPLY_MAX} bytes"));
        }
        let bytes = answer.bytes().await.map_err(|error| error.without_url().to_string())?;
        let reply: Reply = serde_json::from_slice(&bytes)
            .map_err(|error| format!("the endpoint's answer is not of the form of /v1/embeddings: {error}"))?;
        Ok(reply.data)
    }
}

/// Sends what waits; ends with the server.
pub async fn run(app: Arc<App>, embedder: Arc<Embedder>) {
    let agent = concat!("tawny/", env!("CARGO_PKG_VERSION"));
    let builder = reqwest::Client::builder().user_agent(agent).timeout(PATIENCE).no_proxy();
    let Ok(client) = builder.redirect(reqwest::redirect::Policy::none()).build() else { return };
    loop {
        let batch: Vec<(Run, String)> = {
            let mut waiting = locked(&embedder.waiting);
            let count = waiting.len().min(BATCH);
            waiting.drain(..count).collect()
        };
        if batch.is_empty() {
            tokio::time::sleep(TICK).await;
            continue;
        }
        let texts: Vec<&str> = batch.iter().map(|(_, text)| text.as_str()).collect();
        match embedder.ask(&client, &texts).await {
            Ok(items) => {
                app.troubles.set("embeddings", None);
                embedder.sent.fetch_add(batch.len() as u64, Ordering::Relaxed);
                let mut done = locked(&embedder.done);
                for item in items {
                    if let Some((run, _)) = batch.get(item.index).filter(|_| done.len() < WAITING_MAX) {
                        done.push((run.clone(), item.embedding));
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "answers cannot be made vectors");
                embedder.failed.fetch_add(batch.len() as u64, Ordering::Relaxed);
                app.troubles.set("embeddings", Some(format!("answers cannot be made vectors: {error}")));
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}
