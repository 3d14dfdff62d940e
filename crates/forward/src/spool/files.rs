//! The files of the queue: `<place>-<number of the first record>.spool`, each a magic and then records one after the other.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::Place;
use crate::record::{HEAD, Record, head};

/// First bytes of a file: what it is, and the version of its form.
pub(super) const MAGIC: &[u8; 8] = b"TWNYFWD1";

/// A file of the spool.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    /// The place of its beginning.
    pub first: Place,
    /// Bytes in it.
    pub length: u64,
}

/// The file that holds the record at a place, and where the next file begins.
pub(super) fn segment(segments: &VecDeque<Segment>, at: Place) -> Option<(Segment, Option<Place>)> {
    let after = segments.partition_point(|segment| segment.first <= at);
    let found = segments.get(after.checked_sub(1)?)?;
    Some((*found, segments.get(after).map(|next| next.first)))
}

/// The name of the file that begins at a place.
pub(super) fn path(dir: &Path, first: Place) -> PathBuf {
    dir.join(format!("{:020}-{:016}.spool", first.offset, first.number))
}

/// Begins a file at `tail` and gives the new tail. The file's first record is behind the magic; its own place is before it.
pub(super) fn begin(dir: &Path, segments: &mut VecDeque<Segment>, tail: Place) -> io::Result<(File, Place)> {
    let mut file = OpenOptions::new().create_new(true).append(true).open(path(dir, tail))?;
    file.write_all(MAGIC)?;
    file.sync_all()?;
    // The name must last as well.
    File::open(dir)?.sync_all()?;
    segments.push_back(Segment { first: tail, length: MAGIC.len() as u64 });
    Ok((file, Place { offset: tail.offset + MAGIC.len() as u64, number: tail.number }))
}

/// The files there are, in order. One that does not begin as ours do is set aside under another name, never read and never cut.
pub(super) fn list(dir: &Path) -> io::Result<VecDeque<Segment>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(numbers) = name.to_str().and_then(|name| name.strip_suffix(".spool")) else { continue };
        let Some((offset, number)) = numbers.split_once('-') else { continue };
        if let (Ok(offset), Ok(number)) = (offset.parse(), number.parse()) {
            if !is_ours(&entry.path())? {
                set_aside(&entry.path())?;
                continue;
            }
            segments.push(Segment { first: Place { offset, number }, length: entry.metadata()?.len() });
        }
    }
    segments.sort_by_key(|segment| segment.first);
    Ok(segments.into())
}

/// Whether a file begins with [`MAGIC`], as far as its beginning is there: a crash may leave a part of it, or zeros for its bytes.
fn is_ours(path: &Path) -> io::Result<bool> {
    let mut start = Vec::with_capacity(MAGIC.len());
    File::open(path)?.take(MAGIC.len() as u64).read_to_end(&mut start)?;
    Ok(MAGIC.starts_with(&start) || start.iter().all(|byte| *byte == 0))
}

/// Gives a file that is not ours a name that nothing looks for.
fn set_aside(path: &Path) -> io::Result<()> {
    let free = |number: u32| {
        let suffix = if number == 0 { "foreign".to_owned() } else { format!("foreign-{number}") };
        Some(path.with_extension(suffix)).filter(|free| !free.exists())
    };
    // As many names as there are numbers: one is free.
    let aside = (0..=u32::MAX).find_map(free).ok_or_else(|| io::Error::other("no name is free"))?;
    tracing::error!(
        path = %path.display(), aside = %aside.display(),
        "a file of the forward queue does not begin as this version writes it (another version, another program, or damage): \
         set aside, its requests are not passed on"
    );
    fs::rename(path, aside)
}

/// Finds the end of the last file and cuts off what is behind it.
pub(super) fn recover(dir: &Path, last: &mut Segment) -> io::Result<Place> {
    let file = OpenOptions::new().read(true).write(true).open(path(dir, last.first))?;
    if last.length < MAGIC.len() as u64 {
        file.set_len(0)?;
        last.length = MAGIC.len() as u64;
    }
    // A crash may have left another beginning than was written; this is ours.
    file.write_all_at(MAGIC, 0)?;
    let mut place = last.first;
    while let Found::Record(_, next) = read(dir, *last, place)? {
        place = next;
    }
    if place == last.first {
        place.offset += MAGIC.len() as u64;
    }
    last.length = place.offset - last.first.offset;
    file.set_len(last.length)?;
    file.sync_all()?;
    Ok(place)
}

/// What is at a place.
pub(super) enum Found {
    /// A record, and the place after it.
    Record(Record, Place),
    /// The file ends here.
    End,
    /// Something that was not written so.
    Damaged,
}

/// Where in its file a place is. The place of a file itself is before its magic.
pub(super) fn within(segment: Segment, at: Place) -> u64 {
    (at.offset - segment.first.offset).max(MAGIC.len() as u64)
}

/// What is at a place.
pub(super) fn read(dir: &Path, segment: Segment, at: Place) -> io::Result<Found> {
    let position = within(segment, at);
    if position >= segment.length {
        return Ok(Found::End);
    }
    let mut file = File::open(path(dir, segment.first))?;
    file.seek(SeekFrom::Start(position))?;
    let mut start = [0; HEAD];
    if position + HEAD as u64 > segment.length || file.read_exact(&mut start).is_err() {
        return Ok(Found::Damaged);
    }
    let (length, crc) = head(start);
    let end = position + (HEAD + length) as u64;
    if end > segment.length {
        return Ok(Found::Damaged);
    }
    let mut content = vec![0; length];
    file.read_exact(&mut content)?;
    let next = Place { offset: segment.first.offset + end, number: at.number + 1 };
    Ok(Record::decode(crc, &Bytes::from(content)).map_or(Found::Damaged, |record| Found::Record(record, next)))
}

/// The first place between records that is not before `target`, by the records' heads alone; `None` when the file ends before.
pub(super) fn skip(dir: &Path, segment: Segment, mut at: Place, target: u64) -> io::Result<Option<Place>> {
    let file = File::open(path(dir, segment.first))?;
    while at.offset < target {
        let position = within(segment, at);
        let mut start = [0; HEAD];
        if position + HEAD as u64 > segment.length {
            return Ok(None);
        }
        file.read_exact_at(&mut start, position)?;
        let end = position + (HEAD + head(start).0) as u64;
        if end > segment.length {
            return Ok(None);
        }
        at = Place { offset: segment.first.offset + end, number: at.number + 1 };
    }
    Ok(Some(at))
}
