//! The thread that commits: waiting requests are appended together, share one sync, become visible, and are answered.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::{Log, record};
use crate::entry::{Committed, Entry};
use crate::error::CommitError;
use crate::threads::Threads;

/// Bytes of requests that are committed together at most: more would keep the first of them waiting.
const GROUP_BYTES: usize = 8 * 1024 * 1024;

/// A request on its way into the log.
pub(crate) struct Waiting {
    pub entry: Entry,
    pub answer: oneshot::Sender<Result<Committed, CommitError>>,
}

/// What the thread is asked to do.
pub(crate) enum Message {
    /// Commit a request.
    Commit(Box<Waiting>),
    /// Log files up to this sequence number are no longer needed.
    Flushed(u64),
    /// Close the file, so that what comes is in another; answer.
    Roll(oneshot::Sender<()>),
    /// Sync, close the file, answer, end.
    Close(oneshot::Sender<io::Result<()>>),
}

/// Makes committed requests visible. Called in order of sequence numbers.
pub(crate) trait Apply: Send + 'static {
    /// Takes over requests that are durable; gives back what to answer each.
    fn apply(&mut self, group: Vec<(u64, Entry)>) -> Vec<Committed>;
    /// Requests that were not kept.
    fn refused(&mut self, group: Vec<Entry>);
}

/// The thread, as others see it. Dropping it waits for the thread to end, so that nothing touches the log files any more
/// when the directory is unlocked.
pub(crate) struct CommitThread {
    sender: Option<UnboundedSender<Message>>,
    /// Closed when the thread has ended.
    ended: Mutex<std::sync::mpsc::Receiver<()>>,
}

impl CommitThread {
    /// Starts the thread. `next` is the sequence number of the next request.
    pub fn start(threads: &Arc<dyn Threads>, log: Log, next: u64, apply: impl Apply) -> io::Result<Self> {
        let (sender, mut receiver) = unbounded_channel();
        let (running, ended) = std::sync::mpsc::channel();
        let committer = Committer { log, next, apply, buffer: Vec::new() };
        let work = {
            let threads = Arc::clone(threads);
            move || {
                committer.run(&*threads, &mut receiver);
                drop(running);
            }
        };
        threads.stay("tawny-commit", Box::new(work))?;
        Ok(Self { sender: Some(sender), ended: Mutex::new(ended) })
    }

    /// Whether the thread is there to take requests: not when it was closed, nor when it ended at a fault.
    pub fn is_running(&self) -> bool {
        self.sender.as_ref().is_some_and(|sender| !sender.is_closed())
    }

    /// Sends a message; false when the thread has ended.
    pub fn send(&self, message: Message) -> bool {
        self.sender.as_ref().is_some_and(|sender| sender.send(message).is_ok())
    }
}

impl Drop for CommitThread {
    fn drop(&mut self) {
        drop(self.sender.take());
        // Nothing is sent: this ends when the thread does.
        let _ = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner).recv();
    }
}

struct Committer<A> {
    log: Log,
    /// Sequence number of the next request.
    next: u64,
    apply: A,
    buffer: Vec<u8>,
}

impl<A: Apply> Committer<A> {
    fn run(mut self, threads: &dyn Threads, receiver: &mut UnboundedReceiver<Message>) {
        while let Some(message) = threads.block_on(receiver.recv()) {
            let mut message = Some(message);
            let mut group = Vec::new();
            let mut bytes = 0;
            // Everything that waited while the last sync ran goes together.
            while let Some(Message::Commit(_)) = &message {
                if let Some(Message::Commit(waiting)) = message.take() {
                    bytes += waiting.entry.payload.len();
                    group.push(waiting);
                }
                if bytes < GROUP_BYTES {
                    message = receiver.try_recv().ok();
                }
            }
            if !group.is_empty() {
                self.commit(group);
            }
            match message {
                Some(Message::Flushed(position)) => self.log.remove_through(position),
                Some(Message::Roll(answer)) => {
                    self.log.roll();
                    // Who asked may have gone away.
                    let _ = answer.send(());
                }
                Some(Message::Close(answer)) => {
                    let _ = answer.send(self.log.close());
                    return;
                }
                Some(Message::Commit(_)) | None => {}
            }
        }
        // The store was dropped without being closed: as after a crash, but what the setting left unsynced need not be lost.
        if let Err(error) = self.log.close() {
            tracing::warn!(%error, "cannot sync the log");
        }
    }

    #[allow(clippy::vec_box, reason = "requests stay where they are while they pass through")]
    fn commit(&mut self, group: Vec<Box<Waiting>>) {
        self.buffer.clear();
        let first = self.next;
        for (sequence, waiting) in (first..).zip(&group) {
            record::write(&mut self.buffer, sequence, &waiting.entry);
        }
        // Numbers are not used again, whether or not the write succeeds.
        self.next = first + group.len() as u64;
        let result = self.log.append(&self.buffer, first, self.next - 1);
        if self.buffer.capacity() > GROUP_BYTES * 2 {
            self.buffer = Vec::new();
        }
        let (entries, answers): (Vec<_>, Vec<_>) =
            group.into_iter().map(|waiting| (waiting.entry, waiting.answer)).unzip();
        match result {
            Ok(()) => {
                let committed = self.apply.apply((first..).zip(entries).collect());
                for (answer, committed) in answers.into_iter().zip(committed) {
                    // Nobody waits any more: the client went away, its request is kept all the same.
                    let _ = answer.send(Ok(committed));
                }
            }
            Err(error) => {
                tracing::error!(%error, requests = entries.len(), "cannot write the log");
                self.apply.refused(entries);
                let error = Arc::new(error);
                for answer in answers {
                    let _ = answer.send(Err(CommitError::Io(Arc::clone(&error))));
                }
            }
        }
    }
}
