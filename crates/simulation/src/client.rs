//! A simulated client: sends, repeats what got no answer, and remembers what it was told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use store::{CommitError, Store};

use crate::look::Sent;
use crate::machine::Machine;
use crate::plain::{Outcome, Plain};
use crate::requests::{Author, Request};

/// Requests without an answer that a client gives up on in one life of the machine: each doubles what may be found.
const GIVEN_UP_MAX: usize = 4;
/// Old requests a client may send again.
const HISTORY: usize = 60;

/// Figures of all clients.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Sending {
    /// Requests acknowledged.
    pub acknowledged: u64,
    /// Requests answered with an error.
    pub refused: u64,
    /// Requests turned away because a bound was reached.
    pub turned_away: u64,
    /// Requests sent again, without an answer or long after one.
    pub repeated: u64,
}

/// What a client knows. It outlives the machine's lives.
pub struct Client {
    pub number: u64,
    pub plain: Plain,
    pub sent: Sent,
    pub sending: Sending,
    author: Author,
    rng: ChaCha8Rng,
    /// Without an answer, to be sent again.
    pending: Option<Arc<Request>>,
    history: Vec<Arc<Request>>,
}

/// A client that tasks share.
pub type Shared = Arc<Mutex<Client>>;

/// The client, locked: nobody waits while it is.
pub fn lock(client: &Shared) -> MutexGuard<'_, Client> {
    client.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Client {
    /// A client that has sent nothing.
    pub fn new(seed: u64, number: u64) -> Shared {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ (number + 1) << 40);
        let author = Author::new(number, &mut rng);
        Arc::new(Mutex::new(Self {
            number,
            plain: Plain::default(),
            sent: Sent::default(),
            sending: Sending::default(),
            author,
            rng,
            pending: None,
            history: Vec::new(),
        }))
    }

    /// Pause before the next request.
    fn pause(&mut self) -> i64 {
        if self.rng.random_range(0..10) == 0 { 0 } else { self.rng.random_range(1..30) * 1_000_000 }
    }

    /// What to send next.
    fn next(&mut self, now: i64) -> Arc<Request> {
        let old = (!self.history.is_empty() && self.rng.random_range(0..5) == 0)
            .then(|| Arc::clone(&self.history[self.rng.random_range(0..self.history.len())]));
        let again = self.pending.take().or(old);
        self.sending.repeated += u64::from(again.is_some());
        let request = again.unwrap_or_else(|| {
            let request = self.author.write(&mut self.rng, now);
            for form in &request.spans {
                self.sent.forms.insert((form.id, form.name.clone()), form.clone());
            }
            self.sent.logs.extend(request.logs.iter().map(|record| (record.id.1, record.clone())));
            Arc::new(request)
        });
        self.plain.send(&request);
        request
    }

    /// Takes an answer; false when the store is closed.
    fn answered(&mut self, request: Arc<Request>, answer: Result<(), CommitError>) -> bool {
        match answer {
            Ok(()) => {
                self.plain.answer(Outcome::Acknowledged);
                self.sending.acknowledged += 1;
                if self.history.len() == HISTORY {
                    let forgotten = self.rng.random_range(0..HISTORY);
                    self.history.swap_remove(forgotten);
                }
                self.history.push(request);
            }
            Err(CommitError::Full { .. }) => {
                self.plain.turned_away();
                self.sending.turned_away += 1;
                self.pending = Some(request);
            }
            Err(CommitError::Closed) => return false,
            Err(_) => {
                self.plain.answer(Outcome::Refused);
                self.sending.refused += 1;
                if self.plain.open() > GIVEN_UP_MAX || self.rng.random_range(0..5) > 0 {
                    self.pending = Some(request);
                }
            }
        }
        true
    }

    /// The machine is up again, and what is there of the last request is known: it may be sent again all the same.
    pub fn restart(&mut self, last: Option<Arc<Request>>) {
        self.pending = self.pending.take().or(last).filter(|_| self.rng.random_range(0..5) > 0);
    }
}

/// Sends until the machine has had its steps, or crashes.
pub async fn work(client: Shared, store: Store, machine: Arc<Machine>) {
    loop {
        let pause = lock(&client).pause();
        machine.turns.sleep(pause).await;
        if machine.is_done() {
            return;
        }
        let now = machine.now();
        let request = lock(&client).next(now.as_nanos());
        let answer = store.commit(request.entry(now)).await.map(drop);
        let kept = answer.is_ok();
        if !lock(&client).answered(Arc::clone(&request), answer) {
            return;
        }
        if kept && let Err(error) = is_visible(&store, &request).await {
            machine.fail(error);
        }
    }
}

/// What was acknowledged can be read at once.
async fn is_visible(store: &Store, request: &Request) -> Result<(), String> {
    use crate::requests::{project, span_id, trace_id};
    let Some(form) = request.spans.first() else { return Ok(()) };
    let id = trace_id(request.client, form.id.0);
    let read = store.trace_narrow(&project(request.client), id).await;
    let spans = read.map_err(|error| format!("what was acknowledged cannot be read: {error}"))?;
    if spans.iter().any(|span| span.span_id == span_id(form.id.1)) {
        return Ok(());
    }
    Err(format!("client {}: span {:?} was acknowledged and is not visible", request.client, form.id))
}
