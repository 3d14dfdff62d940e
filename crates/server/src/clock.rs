//! The one clock: everything that needs the time is given this.

use model::Timestamp;

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl SystemClock {
    /// The current time.
    #[allow(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn time() -> Timestamp {
        let nanos = jiff::Timestamp::now().as_nanosecond();
        Timestamp::from_nanos(nanos.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
    }
}

impl store::Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Self::time()
    }
}
