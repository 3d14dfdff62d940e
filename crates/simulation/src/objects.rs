//! The simulated disk as an object store, for those who read segments.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use store::Disk;

use crate::disk::SimDisk;

/// Files below a directory of the disk.
pub struct Objects {
    pub(crate) disk: SimDisk,
    pub(crate) root: PathBuf,
}

impl Objects {
    async fn read(&self, location: &Path) -> Result<Bytes> {
        let delay = self.disk.read_delay();
        self.disk.turns().sleep(delay).await;
        let bytes = self.disk.object(&self.root.join(location.as_ref()));
        bytes.map(Bytes::from).map_err(|source| failed(location, source))
    }
}

fn failed(location: &Path, source: std::io::Error) -> Error {
    match source.kind() {
        std::io::ErrorKind::NotFound => Error::NotFound { path: location.to_string(), source: Box::new(source) },
        _ => Error::Generic { store: "simulated disk", source: Box::new(source) },
    }
}

fn about(location: &Path, size: u64) -> ObjectMeta {
    ObjectMeta { location: location.clone(), last_modified: Default::default(), size, e_tag: None, version: None }
}

fn cut(bytes: &Bytes, range: Option<GetRange>) -> Result<(Bytes, Range<u64>)> {
    let all = bytes.len() as u64;
    let range = match range {
        None => 0..all,
        Some(GetRange::Bounded(range)) => range.start.min(all)..range.end.min(all),
        Some(GetRange::Offset(from)) => from.min(all)..all,
        Some(GetRange::Suffix(length)) => all.saturating_sub(length)..all,
    };
    Ok((bytes.slice(range.start as usize..range.end as usize), range))
}

impl fmt::Display for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the simulated disk")
    }
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Objects")
    }
}

/// The store writes segments through [`Disk`].
fn reads_only<T>() -> Result<T> {
    Err(Error::NotImplemented { operation: "writing".into(), implementer: "the simulated disk".into() })
}

#[async_trait]
impl ObjectStore for Objects {
    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        reads_only()
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        reads_only()
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let bytes = self.read(location).await?;
        let meta = about(location, bytes.len() as u64);
        let (bytes, range) = cut(&bytes, options.range)?;
        let payload = GetResultPayload::Stream(stream::once(async move { Ok(bytes) }).boxed());
        Ok(GetResult { payload, meta, range, attributes: Default::default() })
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let bytes = self.read(location).await?;
        ranges.iter().map(|range| Ok(cut(&bytes, Some(GetRange::Bounded(range.clone())))?.0)).collect()
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        locations.map(|_| reads_only()).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let prefix = prefix.map(ToString::to_string).unwrap_or_default();
        let files = self.disk.list_all(&self.root).unwrap_or_default();
        let files = files.into_iter().filter(move |(path, _)| path.starts_with(&prefix));
        stream::iter(files.map(|(path, size)| Ok(about(&Path::from(path), size)))).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        Err(Error::NotImplemented { operation: "listing folders".into(), implementer: "the simulated disk".into() })
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        reads_only()
    }
}
