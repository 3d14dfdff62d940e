//! The doors: who a request comes from, what it may do, and which project it is about.
//!
//! [`guard`] stands before every route of the API and asks what the table of rules says; receivers of telemetry ask
//! themselves ([`App::admit`]), because each protocol has its own way to refuse. While no key and no user exists, everything is open, on
//! a loopback address only. The project a request is about is set here, once, and read by [`App::project`].

pub mod credentials;
pub mod declared;
pub mod oidc;
pub mod origin;
pub mod rules;

use std::sync::Arc;

use access::{Caller, Denied, Need, Who};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use model::Tenant;

use crate::app::App;
use crate::ingest::Refusal;
use crate::limits::LimitName;
use crate::problem::Problem;
use crate::series::Sees;
use rules::Rule;

tokio::task_local! {
    /// The project of the request that is being answered.
    static PROJECT: Arc<str>;
    /// Whether who asked has their rights in every project.
    static EVERYWHERE: bool;
}

impl App {
    /// The project that telemetry with these headers belongs to; refuses whoever may not send to it.
    pub fn admit(&self, headers: &HeaderMap) -> Result<Arc<str>, Refusal> {
        self.admitted(headers, Need::Ingest)
    }

    /// The project that an SDK with these headers reads back from; refuses whoever may not read there.
    pub fn admit_reader(&self, headers: &HeaderMap) -> Result<Arc<str>, Refusal> {
        self.admitted(headers, Need::Read)
    }

    fn admitted(&self, headers: &HeaderMap, need: Need) -> Result<Arc<str>, Refusal> {
        let mut shown = credentials::shown(headers);
        if need == Need::Read {
            // Programs show keys: by a session a person would read here without a line in the audit log.
            shown.session = None;
        }
        let caller = self.doors.identify(&shown, Need::Ingest, self.now());
        let caller = caller.and_then(|caller| caller.check(need).map(|()| caller));
        let caller = caller.map_err(|denied| match denied {
            Denied::Missing | Denied::Unknown => Refusal::Unauthorized(denied.to_string()),
            Denied::Name { .. } | Denied::Project { .. } | Denied::Right { .. } | Denied::Everywhere { .. } => {
                Refusal::Forbidden(denied.to_string())
            }
        })?;
        if self.is_over_rate(&caller) {
            return Err(Refusal::Busy {
                limit: LimitName::RequestsPerSecond,
                retry_after: std::time::Duration::from_secs(1),
            });
        }
        Ok(caller.project)
    }

    /// The project the request is about that is being answered; the default one outside of a request.
    pub fn project(&self) -> Arc<str> {
        PROJECT.try_with(Arc::clone).unwrap_or_else(|_| Tenant::DEFAULT_PROJECT.into())
    }

    /// Which series the request may see; all outside of a request.
    pub fn sees(&self) -> Sees {
        if EVERYWHERE.try_with(|everywhere| *everywhere).unwrap_or(true) {
            Sees::Everything
        } else {
            Sees::Of(self.project())
        }
    }

    fn is_over_rate(&self, caller: &Caller) -> bool {
        let Some(buckets) = &self.rate else { return false };
        !buckets.take(&caller.who.to_string(), self.now())
    }
}

/// Lets through who may pass, with the project set; refuses everybody else.
pub async fn guard(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let settings = &app.settings;
    let (method, headers, uri) = (request.method(), request.headers(), request.uri());
    let foreign = if app.loopback { origin::check_host(headers, uri, &settings.allow_hosts) } else { Ok(()) };
    let foreign = foreign.and_then(|()| origin::check_origin(method, headers, uri, &settings.allow_origins));
    if let Err(foreign) = foreign {
        return Problem::new(StatusCode::FORBIDDEN, "foreign", "Not from there", foreign.to_string()).into_response();
    }
    // What no route answers is a page, or a receiver behind a prefix, which asks itself.
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let shows_content = path.as_deref().is_some_and(rules::shows_content);
    let matched = path.clone();
    let (need, everywhere) = match path.map_or(Rule::Itself, |path| rules::of(method, &path)) {
        Rule::Open | Rule::Itself => return next.run(request).await,
        Rule::Needs(need) => (need, false),
        Rule::Server(need) => (need, true),
    };
    let mut shown = credentials::shown(headers);
    if method == Method::GET {
        shown.project = shown.project.or_else(|| credentials::asked(uri.query()));
    }
    let caller = app.doors.identify(&shown, need, app.now()).and_then(|caller| {
        let checked = if everywhere { caller.check_everywhere(need) } else { caller.check(need) };
        checked.map(|()| caller)
    });
    let caller = match caller {
        Ok(caller) => caller,
        Err(denied) => return refuse(&denied),
    };
    if app.is_over_rate(&caller) {
        app.counters.limit_reached(LimitName::RequestsPerSecond);
        let detail = "too many requests from this key or user (limit requests_per_second); ask again in a moment";
        return Problem::new(StatusCode::TOO_MANY_REQUESTS, "limit", "Too many requests", detail).into_response();
    }
    if shows_content {
        // Owned: a body is not shared between threads, so nothing borrowed of the request may wait here.
        let at = request.uri().path().to_owned();
        if let Err(problem) = note_view(&app, &caller, at).await {
            return problem.into_response();
        }
    }
    let project = Arc::clone(&caller.project);
    let deed = matched.and_then(|path| rules::deed(request.method(), &path));
    let noted = deed.map(|action| {
        let target = format!("{} {}", request.method(), request.uri().path());
        (action, target, caller.who.to_string(), if everywhere { "*".into() } else { Arc::clone(&project) })
    });
    let everywhere = caller.everywhere;
    request.extensions_mut().insert(caller);
    let response = EVERYWHERE.scope(everywhere, PROJECT.scope(project, next.run(request))).await;
    if let Some((action, target, who, project)) = noted.filter(|_| response.status().is_success()) {
        let (open, now) = (Arc::clone(&app.doors), app.now());
        let noted =
            blocking(move || open.state().write(|tx| access::append(tx, now, &project, &who, [action, &target, ""])));
        // It is done: an answer that says otherwise would be wrong.
        let problem =
            noted.await.err().map(|problem| format!("what people change is not written down: {}", problem.detail));
        app.troubles.set("audit", problem);
    }
    response
}

/// Seconds in which a person who looks at the same thing again is written down once: pages ask again while they are open.
const VIEWS_APART: f64 = 600.0;

/// Who looked at what lately.
pub struct Views(access::Buckets);

impl Default for Views {
    fn default() -> Self {
        Self(access::Buckets::new(1.0 / VIEWS_APART))
    }
}

/// Writes down that a person asks to see what was said, before it is shown. What they look for is not written down.
async fn note_view(app: &App, caller: &Caller, path: String) -> Result<(), Problem> {
    let (who, now) = (caller.who.to_string(), app.now());
    if !matches!(caller.who, Who::User(_)) || !app.views.0.take(&format!("{who} {} {path}", caller.project), now) {
        return Ok(());
    }
    let (open, project) = (Arc::clone(&app.doors), Arc::clone(&caller.project));
    blocking(move || open.state().write(|tx| access::append(tx, now, &project, &who, ["view", &path, ""]))).await?;
    Ok(())
}

/// What every page and answer says to browsers: no guessing of types, no frame of another site around it.
pub async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

fn refuse(denied: &Denied) -> Response {
    let (status, title) = match denied {
        Denied::Missing | Denied::Unknown => (StatusCode::UNAUTHORIZED, "Who are you?"),
        Denied::Name { .. } => (StatusCode::BAD_REQUEST, "There is no such project"),
        Denied::Project { .. } | Denied::Right { .. } | Denied::Everywhere { .. } => {
            (StatusCode::FORBIDDEN, "Not allowed")
        }
    };
    let mut response = Problem::new(status, "not-allowed", title, denied.to_string()).into_response();
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// Random bytes of the system, for keys, tokens and salts.
pub fn random<const N: usize>() -> Result<[u8; N], Problem> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Problem::internal(format!("the system gives no random bytes: {error}")))?;
    Ok(bytes)
}

/// Does what takes its time with the state, away from the threads that answer requests.
pub async fn blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, Problem>
where
    T: Send + 'static,
    E: std::fmt::Display + Send + 'static,
{
    let done = tokio::task::spawn_blocking(move || work().map_err(|error| error.to_string())).await;
    match done {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => {
            tracing::error!(error, "the state cannot be used");
            Err(Problem::unavailable(error))
        }
        Err(error) => Err(Problem::internal(format!("the work stopped: {error}"))),
    }
}

#[cfg(test)]
mod tests;
