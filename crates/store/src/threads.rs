//! Where work runs that blocks: threads of the machine, or of a simulation that lets one of them run at a time.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::error::StoreError;

/// Work for a thread.
pub type Work = Box<dyn FnOnce() + Send>;

/// Threads that may block. The store starts none by itself, so that a simulation can decide which one goes on and when.
pub trait Threads: Send + Sync {
    /// Runs work that ends soon on a thread that may block.
    fn run(&self, work: Work);
    /// Runs work that lasts as long as the store does, on a thread of its own.
    ///
    /// # Errors
    /// When the system has no thread left.
    fn stay(&self, name: &str, work: Work) -> io::Result<()>;
    /// Waits on such a thread until a future is ready.
    fn wait(&self, future: Pin<&mut dyn Future<Output = ()>>);
}

/// The machine's threads: `run` uses those of the Tokio runtime.
#[derive(Debug, Default, Clone, Copy)]
pub struct RealThreads;

impl Threads for RealThreads {
    fn run(&self, work: Work) {
        // Who waits for the work is told by the work.
        drop(tokio::task::spawn_blocking(work));
    }

    fn stay(&self, name: &str, work: Work) -> io::Result<()> {
        std::thread::Builder::new().name(name.into()).spawn(work).map(drop)
    }

    fn wait(&self, future: Pin<&mut dyn Future<Output = ()>>) {
        match Handle::try_current() {
            Ok(runtime) => runtime.block_on(future),
            Err(_) => futures::executor::block_on(future),
        }
    }
}

impl dyn Threads + '_ {
    /// Runs work on a thread that may block and gives its result; work that panicked is an error like another.
    pub(crate) async fn result<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.run(Box::new(move || {
            // Nobody waits any more: fine.
            let _ = answer.send(work());
        }));
        let stopped = |_| Err(StoreError::Stopped("it panicked, or the runtime is ending".into()));
        answered.await.unwrap_or_else(stopped)
    }

    /// Waits on a thread that may block for a future's value.
    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        let mut value = None;
        self.wait(pin!(async { value = Some(future.await) }));
        value.expect("a future that was waited for")
    }
}

/// Blocking work of tools that look after a directory at rest: they run on the machine itself, never in a simulation.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let threads: &dyn Threads = &RealThreads;
    threads.result(work).await
}
