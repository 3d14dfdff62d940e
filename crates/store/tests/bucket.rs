//! Segments in a bucket: the suites of the store run over it, and what only a bucket can do wrong.

#[path = "it/common/mod.rs"]
mod common;
#[path = "it/compaction.rs"]
mod compaction_suite;
#[path = "it/erase.rs"]
mod erase_suite;
#[path = "it/faults.rs"]
mod faults_suite;
#[path = "it/model.rs"]
mod model_suite;
#[path = "it/retention.rs"]
mod retention_suite;
#[path = "it/store.rs"]
mod store_suite;
#[path = "it/upkeep.rs"]
mod upkeep_suite;
#[path = "it/within.rs"]
mod within_suite;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use common::*;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use store::{Bucket, CommitError, LimitName, Settings, Store, StoreError};

/// A bucket that can be out of reach.
#[derive(Debug, Default)]
struct Remote {
    inner: InMemory,
    down: AtomicBool,
    /// Puts are done, but nobody is told so.
    mute: AtomicBool,
    /// Conditions of puts are not known, and so not kept: Garage is such a server.
    unconditional: AtomicBool,
}

impl Remote {
    /// All objects.
    async fn contents(&self) -> BTreeMap<String, Bytes> {
        let mut all = BTreeMap::new();
        for path in self.inner.list(None).collect_paths().await {
            let found = self.inner.get(&Path::from(path.as_str())).await.unwrap();
            all.insert(path, found.bytes().await.unwrap());
        }
        all
    }

    fn reach(&self) -> Result<&InMemory> {
        let source = || "connection refused".into();
        if self.down.load(Ordering::SeqCst) {
            Err(Error::Generic { store: "S3", source: source() })
        } else {
            Ok(&self.inner)
        }
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a bucket far away")
    }
}

#[async_trait]
impl ObjectStore for Remote {
    async fn put_opts(&self, path: &Path, payload: PutPayload, mut options: PutOptions) -> Result<PutResult> {
        if self.unconditional.load(Ordering::SeqCst) {
            options.mode = PutMode::Overwrite;
        }
        let put = self.reach()?.put_opts(path, payload, options).await?;
        if self.mute.load(Ordering::SeqCst) {
            return Err(Error::Generic { store: "S3", source: "the answer was lost".into() });
        }
        Ok(put)
    }
    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.reach()?.put_multipart_opts(path, options).await
    }
    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.reach()?.get_opts(path, options).await
    }
    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.reach()?.get_ranges(path, ranges).await
    }
    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }
    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.reach()?.list_with_delimiter(prefix).await
    }
    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.reach()?.copy_opts(from, to, options).await
    }
}

fn in_bucket(data: &std::path::Path, remote: &Arc<Remote>) -> Settings {
    Settings { bucket: Some(Bucket::new("s3://bucket/prefix", remote.clone())), ..settings(data) }
}

async fn try_open(settings: Settings, clock: &Arc<TestClock>) -> std::result::Result<Store, StoreError> {
    Store::open(settings, Arc::clone(clock) as _, Arc::new(CountingResolver), replay()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_bucket_ingest_goes_on_until_memory_is_full_and_recovers_by_itself() {
    let data = tempfile::tempdir().unwrap();
    let (clock, remote) = (TestClock::new(), Arc::new(Remote::default()));
    let settings = Settings { hot_bytes_max: 300_000, ..in_bucket(data.path(), &remote) };
    let store = open_with(settings, &clock).await;
    send(&store, &clock, &[Sent::new(1000, 1).text("kept ".repeat(100))]).await.unwrap();
    store.flush().await.unwrap();
    remote.down.store(true, Ordering::SeqCst);
    let mut accepted = 0u64;
    let refused = loop {
        let sent = send(&store, &clock, &[Sent::new(accepted, 1).text(format!("{accepted} ").repeat(2000))]).await;
        match sent {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
        if accepted == 5 {
            let error = store.flush().await.unwrap_err();
            assert!(error.to_string().contains("s3://bucket/prefix"), "{error}");
        }
        assert!(accepted < 1000);
    };
    assert!(accepted > 10 && matches!(refused, CommitError::Full { limit: LimitName::HotBytesMax, .. }), "{refused}");
    // What is in memory is read, and so is what was written through the cache.
    assert_eq!(names(&store).await.len() as u64, accepted + 1);
    assert_eq!(
        store.trace("default", trace_id(1000)).await.unwrap()[0].raw,
        Sent::new(1000, 1).text("kept ".repeat(100)).raw()
    );
    remote.down.store(false, Ordering::SeqCst);
    store.flush().await.unwrap();
    send(&store, &clock, &[Sent::new(5000, 1)]).await.unwrap();
    store.flush().await.unwrap();
    drop(store);
    let store = open_with(in_bucket(data.path(), &remote), &clock).await;
    assert_eq!(names(&store).await.len() as u64, accepted + 2);
    let checked = store.check().await.unwrap();
    assert!(checked.faults.is_empty(), "{:?}", checked.faults);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_belongs_to_one_store_and_can_be_taken_over_when_its_directory_is_lost() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (clock, remote) = (TestClock::new(), Arc::new(Remote::default()));
    let store = open_with(in_bucket(first.path(), &remote), &clock).await;
    for trace in 0..6 {
        send(&store, &clock, &[Sent::new(trace, 1).text("text ".repeat(100)), Sent::new(trace / 2, 2)]).await.unwrap();
        store.flush().await.unwrap();
    }
    compact_all(&store).await;
    assert!(store.copy_catalog().await.unwrap());
    assert!(!store.copy_catalog().await.unwrap(), "nothing changed since");
    let before = (spans(&store).await, runs(&store).await);
    send(&store, &clock, &[Sent::new(99, 1).named("in the log only")]).await.unwrap();
    drop(store);
    let error = try_open(in_bucket(second.path(), &remote), &clock).await.err().unwrap();
    assert!(matches!(error, StoreError::OtherOwner { .. }) && error.to_string().contains("rebuild"), "{error}");
    assert_eq!(
        remote.inner.list(None).collect_paths().await.iter().filter(|path| path.contains("quarantine")).count(),
        0
    );

    let had = open_with(in_bucket(first.path(), &remote), &clock).await;
    assert!(had.is_ours().await.unwrap());
    let rebuilt = store::rebuild(in_bucket(second.path(), &remote), store::Clock::now(&*clock)).await.unwrap();
    assert_eq!((rebuilt.unreadable.len(), rebuilt.lost.len()), (0, 0), "{rebuilt:?}");
    // Its directory was not lost after all: it learns that it has the bucket no more.
    assert!(!had.is_ours().await.unwrap());
    drop((had, first));
    let store = open_with(in_bucket(second.path(), &remote), &clock).await;
    assert_eq!((spans(&store).await, runs(&store).await), before, "all but what was in the log");
    send(&store, &clock, &[Sent::new(1, 1).named("goes on")]).await.unwrap();
    assert_eq!(names(&store).await.len(), before.0.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_displaced_process_changes_nothing_in_the_bucket_and_takes_nothing_in() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (clock, remote) = (TestClock::new(), Arc::new(Remote::default()));
    let old = open_with(in_bucket(first.path(), &remote), &clock).await;
    // As many files as are merged; one more change than the copy of the catalog knows; and something in memory only.
    for trace in 0..10 {
        send(&old, &clock, &[Sent::new(trace, 1).text("text ".repeat(100))]).await.unwrap();
        old.flush().await.unwrap();
        if trace == 8 {
            assert!(old.copy_catalog().await.unwrap());
        }
    }
    send(&old, &clock, &[Sent::new(20, 1)]).await.unwrap();
    store::rebuild(in_bucket(second.path(), &remote), store::Clock::now(&*clock)).await.unwrap();
    let new = open_with(in_bucket(second.path(), &remote), &clock).await;
    // Both count their files on from the same number.
    for trace in 30..33 {
        send(&new, &clock, &[Sent::new(trace, 1)]).await.unwrap();
        new.flush().await.unwrap();
    }
    let before = remote.contents().await;
    assert!(old.takes_requests(), "it has not looked yet");
    let displaced = |error: StoreError| assert!(matches!(error, StoreError::TakenOver { .. }), "{error}");
    displaced(old.flush().await.unwrap_err());
    displaced(old.compact().await.unwrap_err());
    displaced(old.copy_catalog().await.unwrap_err());
    assert!(!old.takes_requests() && !old.is_ours().await.unwrap());
    let refused = send(&old, &clock, &[Sent::new(40, 1)]).await.unwrap_err();
    assert!(matches!(refused, CommitError::TakenOver), "{refused}");
    assert_eq!(names(&old).await.len(), 11, "what it has can still be read");
    old.close().await;
    assert_eq!(remote.contents().await, before);
    assert_eq!(names(&new).await.len(), 13);
    let checked = new.check().await.unwrap();
    assert!(checked.faults.is_empty(), "{:?}", checked.faults);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_knows_no_conditional_puts_does_not_let_a_store_take_anothers_prefix() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (clock, remote) = (TestClock::new(), Arc::new(Remote::default()));
    remote.unconditional.store(true, Ordering::SeqCst);
    let store = open_with(in_bucket(first.path(), &remote), &clock).await;
    // Before there is a segment, which would tell as well.
    let error = try_open(in_bucket(second.path(), &remote), &clock).await.err().unwrap();
    assert!(matches!(error, StoreError::OtherOwner { .. }), "{error}");
    assert!(store.is_ours().await.unwrap());
    send(&store, &clock, &[Sent::new(1, 1)]).await.unwrap();
    store.flush().await.unwrap();
    store.close().await;
    let store = open_with(in_bucket(first.path(), &remote), &clock).await;
    assert_eq!(names(&store).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_whose_answer_was_lost_leaves_no_object_behind() {
    let data = tempfile::tempdir().unwrap();
    let (clock, remote) = (TestClock::new(), Arc::new(Remote::default()));
    let store = open_with(in_bucket(data.path(), &remote), &clock).await;
    send(&store, &clock, &[Sent::new(1, 1).text("text ".repeat(100))]).await.unwrap();
    let segments = async || remote.contents().await.into_keys().filter(|path| path.starts_with("segments/")).count();
    remote.mute.store(true, Ordering::SeqCst);
    for attempt in 1..4 {
        store.flush().await.unwrap_err();
        assert_eq!(segments().await, attempt, "each attempt writes under a new name");
    }
    remote.mute.store(false, Ordering::SeqCst);
    store.flush().await.unwrap();
    let checked = store.check().await.unwrap();
    assert!(checked.faults.is_empty(), "{:?}", checked.faults);
    assert_eq!(segments().await as u64, checked.segments);
    assert_eq!(names(&store).await.len(), 1);
}

trait CollectPaths {
    async fn collect_paths(self) -> Vec<String>;
}

impl CollectPaths for BoxStream<'static, Result<ObjectMeta>> {
    async fn collect_paths(self) -> Vec<String> {
        use futures::TryStreamExt;
        self.map_ok(|object| object.location.to_string()).try_collect().await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_too_small_for_anything_costs_speed_only() {
    let data = tempfile::tempdir().unwrap();
    let (clock, remote) = (TestClock::new(), Arc::new(Remote::default()));
    for cache_bytes_max in [0, 30_000, 1 << 20] {
        let store = open_with(Settings { cache_bytes_max, ..in_bucket(data.path(), &remote) }, &clock).await;
        for trace in 0..5 {
            send(&store, &clock, &[Sent::new(trace, 1).text("t".repeat(300))]).await.unwrap();
            store.flush().await.unwrap();
        }
        compact_all(&store).await;
        assert_eq!(names(&store).await.len(), 5);
        assert!(store.report().unwrap().cache_bytes <= cache_bytes_max);
        assert!(cache_bytes_max > 0 || store.stats().cache_limit_reached >= 5, "each file did not fit");
        assert_eq!(
            store.trace("default", trace_id(3)).await.unwrap()[0].raw,
            Sent::new(3, 1).text("t".repeat(300)).raw()
        );
    }
}
