//! `tawny backup`: a copy of everything, checked as it comes.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use server::SystemClock;
use store::{Offline, Restored};

use super::store::{offline, runtime};
use crate::cli::Backup;
use crate::client::Client;
use crate::show;
use crate::style::{bytes, count, plural};

/// Makes a backup.
pub fn run(args: &Backup) -> Result<ExitCode> {
    let restored = match offline(&args.source)? {
        Some(settings) => {
            let (reader, writer) = io::pipe().context("cannot make a pipe")?;
            let runtime = runtime()?;
            let writing = runtime.spawn(async move {
                let plan = Offline::open(settings).await?.backup(SystemClock::time()).await?;
                let write = move || plan.write(io::BufWriter::new(writer));
                tokio::task::spawn_blocking(write)
                    .await
                    .map_err(|error| store::StoreError::Stopped(error.to_string()))?
            });
            let kept = keep(reader, &args.to);
            // Why nothing came says more than that nothing came.
            runtime.block_on(writing)??;
            kept?
        }
        None => keep(Client::new(&args.source.reading.url)?.get("/api/v1/store/backup")?, &args.to)?,
    };
    say(args.source.reading.json, &restored, &format!("Backed up to {}", args.to.display()))
}

/// Writes an archive to a file, or unpacks it into a directory; both are checked as they come.
fn keep(from: impl Read, to: &Path) -> Result<Restored> {
    if to.extension().is_none_or(|extension| extension != "tar") {
        return Ok(store::unpack(from, to)?);
    }
    if to.exists() {
        bail!("{} is there already; name a file that is not", to.display());
    }
    let partial = to.with_extension("tar.partial");
    let write = || -> Result<Restored> {
        let file = File::create(&partial).with_context(|| format!("cannot write {}", partial.display()))?;
        let mut tee = Tee { from, to: io::BufWriter::new(file) };
        let checked = store::verify(&mut tee)?;
        io::copy(&mut tee, &mut io::sink())?;
        tee.to.flush()?;
        tee.to.get_ref().sync_all()?;
        fs::rename(&partial, to)?;
        Ok(checked)
    };
    write().inspect_err(|_| _ = fs::remove_file(&partial))
}

/// Writes down what is read through it.
struct Tee<R, W> {
    from: R,
    to: W,
}

impl<R: Read, W: Write> Read for Tee<R, W> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into)?;
        self.to.write_all(&into[..read])?;
        Ok(read)
    }
}

/// Says what a backup holds.
pub(super) fn say(json: bool, restored: &Restored, what: &str) -> Result<ExitCode> {
    if json {
        show::out(&serde_json::to_string(restored)?)?;
    } else {
        let about = &restored.about;
        show::out(&format!(
            "{what}: {}, {}, as of {}. Every checksum holds.\n{} segments, {} of log.\n",
            plural(restored.files, "file"),
            bytes(restored.bytes),
            show::local(about.taken_at),
            count(about.segments),
            bytes(about.log_bytes),
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
