//! Waiting, in the one place where the program does it.

use std::time::Duration;

/// Waits. For commands that were told to come back later, or that send on a timetable.
#[allow(clippy::disallowed_methods, reason = "the edge of the program: there is nothing else to wait on")]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}
