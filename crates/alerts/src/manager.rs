//! Alertmanager's job: which alerts go together, to whom, when, and what is muted.
//!
//! [`config`] reads an `alertmanager.yml`, [`dispatch`] decides what is sent when, [`message`] writes what is sent.

pub mod config;
pub mod dispatch;
pub mod inhibit;
pub mod intervals;
pub mod matchers;
pub mod message;
mod shown;
pub mod silence;

pub use self::config::{Config, Integration, Kind, Receiver, Route, Secret};
pub use self::dispatch::{Dispatcher, GivenAlert, Notification};
pub use self::matchers::Matchers;
pub use self::shown::shown;
pub use self::silence::Silence;

use promql::Labels;

/// What identifies an alert in Alertmanager's API and payloads: FNV-1a over names and values.
pub fn fingerprint(labels: &Labels) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    for label in labels.iter() {
        label.name.bytes().for_each(&mut add);
        add(0xff);
        label.value.bytes().for_each(&mut add);
        add(0xff);
    }
    hash
}
