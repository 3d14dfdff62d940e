//! Segments of a bucket that were read or written lately, as files in a directory of bounded size.
//!
//! A segment never changes and its path is never used twice, so a copy is as good as the segment. A file is fetched whole
//! at its first read (segments are at most about 64 MiB); what no longer fits goes, the longest unused first.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// Files fetched at the same time, each once.
const FETCHES: usize = 64;

/// An object store with a cache in front.
#[derive(Debug)]
pub(crate) struct Cached {
    inner: Arc<dyn ObjectStore>,
    files: LocalFileSystem,
    root: PathBuf,
    bytes_max: u64,
    entries: Arc<Mutex<Entries>>,
    /// By a hash of the path: who comes second waits for the first one's fetch.
    fetching: Vec<tokio::sync::Mutex<()>>,
    full: AtomicU64,
}

#[derive(Debug, Default)]
struct Entries {
    /// Bytes, and when it was used last.
    files: HashMap<String, (u64, u64)>,
    bytes: u64,
    used: u64,
}

impl Entries {
    fn has(&mut self, path: &str) -> bool {
        self.used += 1;
        let used = self.used;
        self.files.get_mut(path).map(|file| file.1 = used).is_some()
    }

    /// Adds a file; gives back those that have to go.
    fn add(&mut self, path: &str, bytes: u64, bytes_max: u64) -> Vec<String> {
        self.used += 1;
        self.bytes += bytes;
        if let Some((old, _)) = self.files.insert(path.to_owned(), (bytes, self.used)) {
            self.bytes -= old;
        }
        let mut gone = Vec::new();
        while self.bytes > bytes_max {
            let oldest = self.files.iter().min_by_key(|(_, (_, used))| *used).map(|(path, _)| path.clone());
            let Some(oldest) = oldest else { break };
            self.remove(&oldest);
            gone.push(oldest);
        }
        gone
    }

    fn remove(&mut self, path: &str) {
        if let Some((bytes, _)) = self.files.remove(path) {
            self.bytes -= bytes;
        }
    }
}

/// Other objects may change.
fn is_segment(path: &Path) -> bool {
    path.as_ref().starts_with("segments/")
}

impl fmt::Display for Cached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} behind a cache", self.inner)
    }
}

impl Cached {
    /// A cache in `root` (created; what an earlier process left there is used where `listed` has it with the same size,
    /// else removed). Blocks.
    pub fn new(
        inner: Arc<dyn ObjectStore>,
        root: &FilePath,
        bytes_max: u64,
        listed: &HashMap<String, u64>,
    ) -> std::io::Result<Self> {
        std::fs::create_dir_all(root)?;
        let files = LocalFileSystem::new_with_prefix(root)?.with_automatic_cleanup(true);
        let mut entries = Entries::default();
        for (path, bytes) in crate::disk::Disk::list_all(&crate::disk::RealDisk, root)? {
            // The bound may be lower than it was: others may have to go for this one, or it fits no more.
            let gone = match listed.get(&path) == Some(&bytes) && bytes <= bytes_max {
                true => entries.add(&path, bytes, bytes_max),
                false => vec![path],
            };
            for path in gone {
                std::fs::remove_file(root.join(&path))?;
            }
        }
        Ok(Self {
            inner,
            files,
            root: root.to_owned(),
            bytes_max,
            entries: Arc::new(Mutex::new(entries)),
            fetching: (0..FETCHES).map(|_| tokio::sync::Mutex::new(())).collect(),
            full: AtomicU64::new(0),
        })
    }

    /// Bytes of files in the cache.
    pub fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    /// How often a file did not fit, or others had to go for it.
    pub fn full(&self) -> u64 {
        self.full.load(Ordering::Relaxed)
    }

    /// Whether a file of a segment fits at all; counts those that do not.
    fn fits(&self, bytes: u64) -> bool {
        let fits = bytes <= self.bytes_max;
        if !fits {
            self.full.fetch_add(1, Ordering::Relaxed);
        }
        fits
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a copy. Failing to only costs speed.
    async fn keep(&self, path: &Path, payload: PutPayload) {
        let bytes = payload.content_length() as u64;
        if !is_segment(path) || !self.fits(bytes) {
            return;
        }
        if let Err(error) = self.files.put(path, payload).await {
            tracing::warn!(%path, %error, "cannot keep a copy of a segment in the cache");
            return;
        }
        let gone = self.lock().add(path.as_ref(), bytes, self.bytes_max);
        if !gone.is_empty() {
            self.full.fetch_add(1, Ordering::Relaxed);
        }
        for path in gone {
            self.drop_file(&path);
        }
    }

    fn drop_file(&self, path: &str) {
        // One that is gone already is fine; one that stays is found at the next start.
        let _ = std::fs::remove_file(self.root.join(path));
    }

    /// Has the file in the cache, fetched if need be; false where it does not fit.
    async fn fetch(&self, path: &Path) -> Result<bool> {
        if !is_segment(path) {
            return Ok(false);
        }
        if self.lock().has(path.as_ref()) {
            return Ok(true);
        }
        let at = crc32fast::hash(path.as_ref().as_bytes()) as usize % FETCHES;
        let _one = self.fetching[at].lock().await;
        if self.lock().has(path.as_ref()) {
            return Ok(true);
        }
        let found = self.inner.get(path).await?;
        if !self.fits(found.meta.size) {
            return Ok(false);
        }
        self.keep(path, PutPayload::from_bytes(found.bytes().await?)).await;
        Ok(self.lock().has(path.as_ref()))
    }

    /// A read from the cache; `None` where it has to come from the bucket.
    async fn read(&self, path: &Path, options: &GetOptions) -> Result<Option<GetResult>> {
        let plain = options.version.is_none() && options.if_match.is_none() && options.if_none_match.is_none();
        if !plain || options.head || !self.fetch(path).await? {
            return Ok(None);
        }
        match self.files.get_opts(path, options.clone()).await {
            Ok(found) => Ok(Some(found)),
            Err(_) => {
                // Somebody tidied up behind our back.
                self.lock().remove(path.as_ref());
                Ok(None)
            }
        }
    }
}

#[async_trait]
impl ObjectStore for Cached {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let put = self.inner.put_opts(path, payload.clone(), options).await?;
        self.keep(path, payload).await;
        Ok(put)
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        match self.read(path, &options).await? {
            Some(found) => Ok(found),
            None => self.inner.get_opts(path, options).await,
        }
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        if self.fetch(path).await?
            && let Ok(found) = self.files.get_ranges(path, ranges).await
        {
            return Ok(found);
        }
        self.inner.get_ranges(path, ranges).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let (entries, root) = (Arc::clone(&self.entries), self.root.clone());
        let forget = move |path: &Path| {
            entries.lock().unwrap_or_else(PoisonError::into_inner).remove(path.as_ref());
            let _ = std::fs::remove_file(root.join(path.as_ref()));
        };
        self.inner.delete_stream(paths.inspect_ok(forget).boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::memory::InMemory;

    #[tokio::test]
    async fn what_was_read_is_read_again_without_the_bucket_within_the_bound() {
        let root = tempfile::tempdir().unwrap();
        let bucket = Arc::new(InMemory::new());
        let cached = Cached::new(bucket.clone(), root.path(), 1000, &HashMap::new()).unwrap();
        let path = |name: &str| Path::from(format!("segments/{name}"));
        for name in ["a", "b", "c", "d"] {
            bucket.put(&path(name), PutPayload::from(name.repeat(400).into_bytes())).await.unwrap();
        }
        for name in ["a", "b", "c"] {
            assert_eq!(cached.get_range(&path(name), 10..12).await.unwrap(), name.repeat(2).as_bytes());
        }
        assert_eq!((cached.bytes(), cached.full()), (800, 1), "the longest unused went");
        for name in ["a", "b", "c", "d"] {
            bucket.delete(&path(name)).await.unwrap();
        }
        assert!(cached.get(&path("a")).await.is_err());
        assert_eq!(cached.get_ranges(&path("b"), &[0..1, 399..400]).await.unwrap(), ["b", "b"]);
        drop(cached);
        let listed = HashMap::from([("segments/b".to_owned(), 400), ("segments/c".to_owned(), 399)]);
        let cached = Cached::new(bucket, root.path(), 1000, &listed).unwrap();
        assert_eq!(cached.bytes(), 400, "only what is listed with this size is believed");
        assert!(cached.get(&path("b")).await.is_ok());
        cached.delete(&path("b")).await.unwrap_or(());
        assert!(cached.get(&path("b")).await.is_err());
    }

    #[tokio::test]
    async fn what_no_longer_fits_at_start_leaves_no_file() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("segments");
        std::fs::create_dir(&folder).unwrap();
        let names = ["a", "b", "c", "d", "large"];
        let bytes = |name: &str| if name == "large" { 2000 } else { 400 };
        let mut listed = HashMap::new();
        for name in names {
            std::fs::write(folder.join(name), vec![1; bytes(name)]).unwrap();
            listed.insert(format!("segments/{name}"), bytes(name) as u64);
        }
        for (bytes_max, files) in [(10_000, 5), (1000, 2), (500, 1), (0, 0)] {
            let cached = Cached::new(Arc::new(InMemory::new()), root.path(), bytes_max, &listed).unwrap();
            let left = crate::disk::Disk::list_all(&crate::disk::RealDisk, root.path()).unwrap();
            let on_disk: u64 = left.iter().map(|(_, bytes)| bytes).sum();
            assert_eq!(cached.bytes(), on_disk, "{bytes_max}");
            assert_eq!(left.len(), files, "{bytes_max}: {left:?}");
            for (path, _) in left {
                assert!(cached.get(&Path::from(path)).await.is_ok(), "{bytes_max}");
            }
        }
    }
}
