//! Bounds on the bytes of requests that are being received or decoded.
//!
//! Two of them. What a request really holds is counted, and past the bound it is refused: nothing waits for memory that another
//! one holds. Before that, a request of some size waits for its turn before its body is read ([`Share::wait_for_turn`]): many large
//! ones at once would hold memory side by side for work that two processors do one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Turns are counted in pieces of so many bytes.
const TURN_BYTES: usize = 1 << 10;

/// Bytes in use, and how many may be.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    used: AtomicUsize,
    turns: Arc<Semaphore>,
    /// All turns there are.
    all_turns: u32,
    waited: AtomicU64,
}

/// The budget is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted;

impl Budget {
    /// A budget of `limit` bytes, of which requests of `intake` bytes are let in at once.
    pub fn new(limit: usize, intake: usize) -> Arc<Self> {
        let all_turns = u32::try_from(intake / TURN_BYTES).unwrap_or(u32::MAX).max(1);
        let turns = Arc::new(Semaphore::new(all_turns as usize));
        Arc::new(Self { limit, used: AtomicUsize::new(0), turns, all_turns, waited: AtomicU64::new(0) })
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Bytes of requests that have their turn.
    pub fn let_in(&self) -> usize {
        (self.all_turns as usize).saturating_sub(self.turns.available_permits()) * TURN_BYTES
    }

    /// Requests that did not have their turn at once, so far.
    pub fn waited(&self) -> u64 {
        self.waited.load(Ordering::Relaxed)
    }

    /// An empty share, to be grown as bytes come in.
    pub fn share(self: &Arc<Self>) -> Share {
        Share { budget: Arc::clone(self), bytes: 0, turn: None }
    }

    /// The turns of a request of `bytes` bytes: all there are for one that is larger than that, which then is alone.
    fn turns_for(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.div_ceil(TURN_BYTES)).unwrap_or(u32::MAX).clamp(1, self.all_turns)
    }
}

/// What one request holds of a budget; given back when dropped.
#[derive(Debug)]
pub struct Share {
    budget: Arc<Budget>,
    bytes: usize,
    turn: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// Waits until the requests before leave room for one of `bytes` bytes. They are let in in the order in which they came, so
    /// that a large one is not passed by small ones for ever. The turn ends with the share.
    ///
    /// # Errors
    /// When it did not come within `patience`.
    pub async fn wait_for_turn(&mut self, bytes: usize, patience: Duration) -> Result<(), Exhausted> {
        let (turns, wanted) = (&self.budget.turns, self.budget.turns_for(bytes));
        let turn = match Arc::clone(turns).try_acquire_many_owned(wanted) {
            Ok(turn) => turn,
            Err(_) => {
                self.budget.waited.fetch_add(1, Ordering::Relaxed);
                let turn = tokio::time::timeout(patience, Arc::clone(turns).acquire_many_owned(wanted)).await;
                // The semaphore is never closed.
                turn.map_err(|_| Exhausted)?.map_err(|_| Exhausted)?
            }
        };
        self.turn = Some(turn);
        Ok(())
    }

    /// Leaves its turn to the next.
    pub fn leave_turn(&mut self) {
        self.turn = None;
    }

    /// Takes `bytes` more. Never waits: two requests that wait for each other's memory would wait for ever.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Exhausted> {
        self.take(bytes, false)
    }

    /// The same for a request that is there already: when it is the only one it gets what it asks for, because it would
    /// otherwise be put off for ever.
    pub fn grow_once_alone(&mut self, bytes: usize) -> Result<(), Exhausted> {
        self.take(bytes, true)
    }

    fn take(&mut self, bytes: usize, even_alone: bool) -> Result<(), Exhausted> {
        let (budget, own) = (&self.budget, self.bytes);
        let grown = budget.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(bytes).filter(|sum| *sum <= budget.limit || (even_alone && used == own))
        });
        grown.map_err(|_| Exhausted)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Bytes it holds.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Gives back all but `bytes`.
    pub fn shrink_to(&mut self, bytes: usize) {
        let less = self.bytes.saturating_sub(bytes);
        self.budget.used.fetch_sub(less, Ordering::Relaxed);
        self.bytes -= less;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_request_held_is_free_again_when_it_ends() {
        let budget = Budget::new(100, 100);
        let mut first = budget.share();
        first.grow(80).unwrap();
        let mut second = budget.share();
        assert_eq!(second.grow(21), Err(Exhausted));
        second.grow(20).unwrap();
        first.shrink_to(70);
        assert_eq!(budget.used(), 90);
        drop(first);
        assert_eq!(budget.used(), 20);
        second.grow(80).unwrap();
    }

    #[test]
    fn a_request_that_needs_more_than_the_budget_gets_it_when_it_is_alone() {
        let budget = Budget::new(100, 100);
        let (mut small, mut large) = (budget.share(), budget.share());
        small.grow(1).unwrap();
        large.grow(50).unwrap();
        assert_eq!(large.grow_once_alone(100), Err(Exhausted));
        drop(small);
        assert_eq!(large.grow(100), Err(Exhausted));
        large.grow_once_alone(100).unwrap();
        assert_eq!(budget.share().grow(1), Err(Exhausted));
    }

    #[tokio::test]
    async fn large_requests_are_let_in_one_after_the_other_in_their_order() {
        const NOT: Duration = Duration::from_millis(20);
        const LONG: Duration = Duration::from_secs(60);
        let budget = Budget::new(1 << 30, 10 << 10);
        let mut first = budget.share();
        first.wait_for_turn(6 << 10, NOT).await.unwrap();
        assert_eq!(budget.share().wait_for_turn(5 << 10, NOT).await, Err(Exhausted));
        assert_eq!((budget.let_in(), budget.waited()), (6 << 10, 1), "who gave up holds nothing");
        // Larger than all there is: it gets all, once it is its turn, and who came later waits behind it.
        let (mut huge, mut small) = (budget.share(), budget.share());
        let order = std::sync::Mutex::new(Vec::new());
        let huge = async {
            huge.wait_for_turn(1 << 20, LONG).await.unwrap();
            order.lock().unwrap().push("huge");
            assert_eq!(budget.let_in(), 10 << 10);
            drop(huge);
        };
        let small = async {
            small.wait_for_turn(1, LONG).await.unwrap();
            order.lock().unwrap().push("small");
        };
        let end = async { drop(first) };
        tokio::join!(huge, small, end);
        assert_eq!(*order.lock().unwrap(), ["huge", "small"]);
    }

    #[tokio::test]
    async fn who_leaves_its_turn_keeps_its_memory_and_nobody_waiting() {
        let budget = Budget::new(100, 10 << 10);
        let (mut slow, mut next) = (budget.share(), budget.share());
        slow.grow(40).unwrap();
        slow.wait_for_turn(10 << 10, Duration::ZERO).await.unwrap();
        slow.leave_turn();
        next.wait_for_turn(1 << 20, Duration::ZERO).await.unwrap();
        assert_eq!((budget.let_in(), budget.waited(), budget.used()), (10 << 10, 0, 40));
        drop((slow, next));
        assert_eq!((budget.let_in(), budget.used()), (0, 0));
    }
}
