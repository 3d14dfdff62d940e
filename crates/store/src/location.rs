//! A bucket as the place of segments. The catalog and the log stay in a directory beside it.
//!
//! What a bucket must do: a read after a write sees the write. A conditional put (`If-None-Match: *`) should have one winner;
//! not every server that speaks S3 knows it, and what would go wrong without is looked at first.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ClientConfigKey, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, RetryConfig};

use crate::error::StoreError;

/// Longest wait for a connection to the bucket.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest time for one request.
const REQUEST: Duration = Duration::from_secs(30);
/// A request that failed is tried again for this long; after that whoever asked is told, and tries again in its own time.
const RETRY: Duration = Duration::from_secs(15);
/// Most tries of one request.
const TRIES: usize = 5;

/// Who may write below a prefix.
const OWNER: &str = "owner.json";
/// Which process opened the store below the prefix last.
const PROCESS: &str = "process.json";
/// The copy of the catalog.
pub(crate) const CATALOG_COPY: &str = "catalog-copy.db";

/// Where segments are when they are not in the data directory.
#[derive(Clone)]
pub struct Bucket {
    url: String,
    pub(crate) store: Arc<dyn ObjectStore>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket({})", self.url)
    }
}

impl Bucket {
    /// Whether a place is written as a URL rather than as a directory.
    pub fn is_url(place: &str) -> bool {
        place.contains("://")
    }

    /// The bucket of a URL, `s3://bucket` or `s3://bucket/prefix`. Region, keys and endpoint come from the environment
    /// (`AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_ENDPOINT`, …). Connects to nothing yet.
    ///
    /// # Errors
    /// [`StoreError::Bucket`] when the URL or the environment cannot be used.
    pub fn from_url(url: &str) -> Result<Self, StoreError> {
        let bad = |reason: String| StoreError::Bucket { url: url.to_owned(), reason };
        let rest = url
            .strip_prefix("s3://")
            .ok_or_else(|| bad("this version keeps data in a directory or in s3://bucket/prefix".into()))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(bad("the name of the bucket is missing: write s3://bucket/prefix".into()));
        }
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .with_retry(RetryConfig { max_retries: TRIES, retry_timeout: RETRY, ..RetryConfig::default() })
            .with_config(AmazonS3ConfigKey::Client(ClientConfigKey::ConnectTimeout), seconds(CONNECT))
            .with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), seconds(REQUEST));
        let endpoint = builder.get_config_value(&AmazonS3ConfigKey::Endpoint);
        if endpoint.as_deref().is_some_and(is_loopback) {
            // Nobody listens in between.
            builder = builder.with_allow_http(true);
        }
        let store = builder.build().map_err(|error| bad(error.to_string()))?;
        let prefix = Path::parse(prefix).map_err(|error| bad(error.to_string()))?;
        let store: Arc<dyn ObjectStore> =
            if prefix.as_ref().is_empty() { Arc::new(store) } else { Arc::new(PrefixStore::new(store, prefix)) };
        Ok(Self { url: url.to_owned(), store })
    }

    /// Any object store as a bucket, for tests.
    pub fn new(url: &str, store: Arc<dyn ObjectStore>) -> Self {
        Self { url: url.to_owned(), store }
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn error(&self, reason: impl ToString) -> StoreError {
        StoreError::Bucket { url: self.url.clone(), reason: reason.to_string() }
    }

    /// Makes the prefix ours, or finds that it is: two stores over one prefix would take each other's files for rubbish.
    pub(crate) async fn claim(&self, store_id: u64) -> Result<(), StoreError> {
        let mine = owned_by(store_id);
        // Looked at first: a server that knows no conditional put would write over another store's claim.
        if self.read(OWNER).await?.is_none() {
            match self.create(&Path::from(OWNER), PutPayload::from(mine.clone().into_bytes())).await {
                Ok(()) | Err(object_store::Error::AlreadyExists { .. }) => {}
                Err(error) => return Err(self.error(error)),
            }
        }
        let found = self.read(OWNER).await?;
        if found.as_deref() == Some(mine.as_bytes()) {
            Ok(())
        } else {
            Err(StoreError::OtherOwner { url: self.url.clone() })
        }
    }

    /// The content of a small object; `None` where it is not there.
    async fn read(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        match self.store.get(&Path::from(name)).await {
            Ok(found) => found.bytes().await.map(Some).map_err(|error| self.error(error)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.error(error)),
        }
    }

    /// Puts an object that is not there yet; [`object_store::Error::AlreadyExists`] where it is and the server knows
    /// conditional puts.
    pub(crate) async fn create(&self, path: &Path, payload: PutPayload) -> object_store::Result<()> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let put = match self.store.put_opts(path, payload.clone(), options).await {
            // `AWS_CONDITIONAL_PUT=disabled`, for a server that refuses what it does not know.
            Err(object_store::Error::NotImplemented { .. }) => self.store.put(path, payload).await,
            put => put,
        };
        put.map(drop)
    }

    /// Makes the prefix ours whoever had it: the catalog is made again from what is there.
    pub(crate) async fn take_over(&self, store_id: u64) -> Result<(), StoreError> {
        let put = self.store.put(&Path::from(OWNER), PutPayload::from(owned_by(store_id).into_bytes())).await;
        put.map(drop).map_err(|error| self.error(error))
    }

    /// Notes that a process has the prefix now. One that had it before and still runs learns of it when it looks.
    pub(crate) async fn enter(&self, process: u64) -> Result<(), StoreError> {
        let (path, payload) = (Path::from(PROCESS), PutPayload::from(entered(process).into_bytes()));
        self.store.put(&path, payload.clone()).await.map_err(|error| self.error(error))?;
        // Once more, on condition that it is not there: the same bytes, so that nothing is lost where that is not known.
        match self.create(&path, payload).await {
            Err(object_store::Error::AlreadyExists { .. }) => {}
            Ok(()) => tracing::warn!(
                bucket = %self.url,
                "the bucket's server knows no conditional puts (If-None-Match): do not start two new servers over one prefix at \
                 the same moment"
            ),
            Err(error) => return Err(self.error(error)),
        }
        Ok(())
    }

    /// Whether no other process has entered since.
    pub(crate) async fn is_held_by(&self, process: u64) -> Result<bool, StoreError> {
        let found = self.read(PROCESS).await?;
        // Not there where it was written before there was a note of it.
        Ok(found.is_none_or(|found| found == entered(process).as_bytes()))
    }
}

fn owned_by(store_id: u64) -> String {
    format!("{{\"store\":\"{store_id:016x}\"}}\n")
}

fn entered(process: u64) -> String {
    format!("{{\"process\":\"{process:016x}\"}}\n")
}

impl crate::Store {
    /// Whether no other process has opened the store or taken it over since this one opened it. A directory is locked meanwhile; what is in
    /// a bucket can be taken over by a process elsewhere.
    ///
    /// # Errors
    /// When the bucket cannot be asked.
    pub async fn is_ours(&self) -> Result<bool, StoreError> {
        match self.inner.files.must_be_ours().await {
            Ok(()) => Ok(true),
            Err(StoreError::TakenOver { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn seconds(time: Duration) -> String {
    format!("{} seconds", time.as_secs())
}

/// Whether an endpoint is plain HTTP on this machine.
fn is_loopback(endpoint: &str) -> bool {
    let Some(rest) = endpoint.strip_prefix("http://") else { return false };
    let host = rest.split(['/', '?']).next().unwrap_or(rest);
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    host == "localhost"
        || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for endpoint in ["http://127.0.0.1:9000", "http://localhost", "http://[::1]:80/x"] {
            assert!(is_loopback(endpoint), "{endpoint}");
        }
        for endpoint in ["https://127.0.0.1", "http://10.0.0.1:9000", "http://localhost.example.com"] {
            assert!(!is_loopback(endpoint), "{endpoint}");
        }
    }

    #[test]
    fn a_url_that_is_no_bucket_says_what_to_write() {
        for url in ["gs://bucket/x", "s3://", "s3:///x"] {
            let error = Bucket::from_url(url).unwrap_err().to_string();
            assert!(error.contains(url) && error.contains("s3://bucket/prefix"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_prefix_has_one_owner() {
        let bucket = Bucket::new("memory", Arc::new(object_store::memory::InMemory::new()));
        bucket.claim(1).await.unwrap();
        bucket.claim(1).await.unwrap();
        let error = bucket.claim(2).await.unwrap_err();
        assert!(matches!(error, StoreError::OtherOwner { .. }), "{error}");
        bucket.take_over(2).await.unwrap();
        bucket.claim(2).await.unwrap();
    }

    #[tokio::test]
    async fn who_enters_last_holds_a_prefix() {
        let bucket = Bucket::new("memory", Arc::new(object_store::memory::InMemory::new()));
        assert!(bucket.is_held_by(1).await.unwrap(), "nobody entered: written before there was a note of it");
        bucket.enter(1).await.unwrap();
        assert!(bucket.is_held_by(1).await.unwrap());
        bucket.enter(2).await.unwrap();
        assert_eq!((bucket.is_held_by(1).await.unwrap(), bucket.is_held_by(2).await.unwrap()), (false, true));
    }
}
