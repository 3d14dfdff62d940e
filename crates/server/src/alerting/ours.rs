//! One server: where another process has the data now, this one evaluates no rules and tells nobody any more, and (the store sees to
//! that) takes nothing in and changes nothing in the bucket.
//!
//! A data directory is locked, so that this only happens to a bucket: it was taken over because its directory was thought lost, or a
//! copy of the directory is open elsewhere. Two that evaluate would page twice.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::app::App;

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(15);

/// Looks whether the data is still this process's, until the server stops.
pub async fn follow(app: Arc<App>) {
    let Ok(opened) = app.opened() else { return };
    loop {
        tokio::time::sleep(EVERY).await;
        match opened.store.is_ours().await {
            Ok(true) => {}
            Ok(false) => break,
            // A bucket out of reach must not silence alerts as well.
            Err(error) => tracing::debug!(%error, "who has the bucket cannot be asked; rules are evaluated on"),
        }
    }
    opened.alerting.taken_over.store(true, Ordering::Relaxed);
    let what = "another process has taken over the bucket: it takes requests and evaluates the rules; here nothing is taken in, no \
                rule is evaluated and nobody is told. Stop this one; started anew over its directory it takes them back where the \
                bucket is still its own";
    tracing::error!("{what}");
    app.troubles.set("alerts_elsewhere", Some(what.to_owned()));
    std::future::pending::<()>().await;
}
