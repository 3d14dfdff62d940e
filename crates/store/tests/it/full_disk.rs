//! A disk that fills up. A bucket does not, so that this is not among the suites that run over one.

use std::sync::atomic::Ordering;

use crate::common::mortal::{MortalDisk, open_on};
use crate::common::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_flushes_but_not_reads_and_goes_on_by_itself() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let disk = MortalDisk::new(i64::MAX);
    let store = open_on(&disk, data.path(), &clock).await.unwrap();
    send(&store, &clock, &[Sent::new(1, 1)]).await.unwrap();
    store.flush().await.unwrap();
    send(&store, &clock, &[Sent::new(1, 1).named("newer"), Sent::new(2, 1)]).await.unwrap();
    disk.full.store(true, Ordering::SeqCst);
    assert!(store.flush().await.is_err());
    assert!(store.flush_due(), "the next turn tries again");
    send(&store, &clock, &[Sent::new(2, 1).named("newest"), Sent::new(3, 1)]).await.unwrap();
    assert!(store.flush().await.is_err());
    let expected = ["newer", "newest", "span 1"];
    let found = |names: Vec<(String, String)>| names.into_iter().map(|(_, name)| name).collect::<Vec<_>>();
    assert_eq!(found(names(&store).await), expected);
    disk.full.store(false, Ordering::SeqCst);
    store.flush().await.unwrap();
    assert_eq!(found(names(&store).await), expected);
    store.flush().await.unwrap();
    assert_eq!(found(names(&store).await), expected);
    assert_eq!(runs(&store).await.len(), 3);
    drop(store);
    let store = open(data.path(), &clock).await;
    assert_eq!(found(names(&store).await), expected);
    assert_eq!(store.stats().replayed, 0);
}
