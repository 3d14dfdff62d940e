//! Signing in and out, and who one is.

use std::sync::Arc;

use access::{Caller, Need};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

use super::types::{Login, Me, Problem};
use crate::app::App;
use crate::doors::{self, credentials};

/// Tries to sign in a minute by one name, and by all names together.
const TRIES: (f64, f64) = (10.0, 120.0);

/// How often passwords may be tried.
pub struct Tries {
    by_name: access::Buckets,
    all: access::Buckets,
    /// Passwords that are compared at the same time: each takes 19 MiB and a while.
    permits: tokio::sync::Semaphore,
}

impl Default for Tries {
    fn default() -> Self {
        Self {
            by_name: access::Buckets::with_burst(TRIES.0 / 60.0, TRIES.0),
            all: access::Buckets::with_burst(TRIES.1 / 60.0, TRIES.1),
            permits: tokio::sync::Semaphore::new(2),
        }
    }
}

/// Signs in.
#[utoipa::path(post, path = "/api/v1/login", operation_id = "logIn", tag = "access", summary = "Sign in with name and password",
    description = "Sets the cookie `tawny_session`, which lasts a week. Scripts use keys instead.",
    request_body = Login,
    responses((status = 204, description = "Signed in"),
        (status = 401, body = Problem, content_type = "application/problem+json", description = "Name and password do not fit"),
        (status = 429, body = Problem, content_type = "application/problem+json", description = "Too many tries")))]
pub async fn log_in(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Result<Response, Problem> {
    // The error of the parser could repeat the password.
    let login: Login = serde_json::from_slice(&body)
        .map_err(|_| Problem::bad_request("send {\"name\": \"…\", \"password\": \"…\"}"))?;
    let now = app.now();
    let busy = || {
        Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "limit",
            "Too many tries",
            "too many tries to sign in (limit login_tries); wait a minute",
        )
    };
    if !app.tries.all.take("", now) || !app.tries.by_name.take(&login.name, now) {
        app.counters.limit_reached("login_tries");
        return Err(busy());
    }
    let _permit = app.tries.permits.acquire().await.map_err(|_| busy())?;
    let (open, random) = (Arc::clone(&app.doors), doors::random()?);
    let token = doors::blocking(move || {
        let fits = open.password_fits(&login.name, &login.password)?;
        // A name that nobody has is not written down: it may be a password in the wrong field.
        let actor = format!("user:{}", login.name);
        let token = open.state().write(|tx| {
            let known = access::users(tx)?.iter().any(|user| user.name == login.name);
            if known {
                let action = if fits { "login" } else { "login.failed" };
                access::append(tx, now, "*", &actor, [action, &login.name, ""])?;
            }
            if fits { access::open_session(tx, &login.name, random, now).map(Some) } else { Ok(None) }
        })?;
        open.reload()?;
        Ok::<_, state::StateError>(token)
    })
    .await?;
    let Some(token) = token else {
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "not-allowed",
            "Who are you?",
            "name and password do not fit",
        ));
    };
    let cookie = cookie(&app, &headers, &token, access::SESSION_SECONDS);
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

/// Signs out.
#[utoipa::path(post, path = "/api/v1/logout", operation_id = "logOut", tag = "access", summary = "Sign out",
    responses((status = 204, description = "The session has ended, if there was one")))]
pub async fn log_out(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Problem> {
    if let Some(token) = credentials::session(&headers) {
        let open = Arc::clone(&app.doors);
        doors::blocking(move || {
            open.state().write(|tx| access::close_session(tx, &token))?;
            open.reload()
        })
        .await?;
    }
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie(&app, &headers, "", 0))]).into_response())
}

/// The cookie: out of reach of scripts, sent to this site only, and over TLS only where there is TLS.
fn cookie(app: &App, headers: &HeaderMap, token: &str, seconds: i64) -> String {
    let proxied = headers.get("x-forwarded-proto").is_some_and(|value| value == "https");
    let secure = if app.tls.is_some() || proxied { "; Secure" } else { "" };
    let name = credentials::COOKIE;
    format!("{name}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

/// Who one is.
#[utoipa::path(get, path = "/api/v1/me", operation_id = "getMe", tag = "access", summary = "Who is asking, and what they may do",
    responses((status = 200, body = Me, description = "Who"),
        (status = 401, body = Problem, content_type = "application/problem+json", description = "Nobody: sign in")))]
pub async fn me(State(app): State<Arc<App>>, Extension(caller): Extension<Caller>) -> Json<Me> {
    let all = [
        (Need::Ingest, "ingest"),
        (Need::Read, "read"),
        (Need::Respond, "respond"),
        (Need::Write, "write"),
        (Need::Admin, "admin"),
    ];
    let rights = all.iter().filter(|(need, _)| caller.rights.meet(*need)).map(|(_, word)| (*word).to_owned());
    Json(Me {
        who: caller.who.to_string(),
        project: caller.project.to_string(),
        rights: rights.collect(),
        closed: app.doors.are_closed(),
    })
}
