//! Signing in and out, and who one is.

use std::sync::Arc;

use access::{Caller, Need};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

use super::types::{Login, LoginWays, Me, Problem};
use crate::app::App;
use crate::doors::oidc::OidcError;
use crate::doors::{self, credentials};
use crate::limits::LimitName;

/// Tries to sign in a minute by one name, and by all names together.
pub const LOGIN_TRIES: (f64, f64) = (10.0, 120.0);

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
            by_name: access::Buckets::with_burst(LOGIN_TRIES.0 / 60.0, LOGIN_TRIES.0),
            all: access::Buckets::with_burst(LOGIN_TRIES.1 / 60.0, LOGIN_TRIES.1),
            permits: tokio::sync::Semaphore::new(2),
        }
    }
}

/// How people sign in.
#[utoipa::path(get, path = "/api/v1/login", operation_id = "getLoginWays", tag = "access", summary = "How people sign in",
    description = "What the page that asks for credentials needs to know; it asks for none itself.",
    responses((status = 200, body = LoginWays, description = "How")))]
pub async fn ways(State(app): State<Arc<App>>) -> Json<LoginWays> {
    Json(LoginWays { oidc: app.oidc.is_some() })
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
        app.counters.limit_reached(LimitName::LoginTries);
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

/// The cookie that ties a sign-in elsewhere to the browser that began it.
const OIDC_COOKIE: &str = "tawny_oidc";

/// Sends the browser to the provider.
#[utoipa::path(get, path = "/api/v1/login/oidc", operation_id = "beginOidc", tag = "access", summary = "Sign in elsewhere (OpenID Connect)",
    description = "Sends the browser to the provider, which sends it back to `/api/v1/login/oidc/callback`.",
    responses((status = 303, description = "To the provider"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No provider is set"),
        (status = 503, body = Problem, content_type = "application/problem+json", description = "The provider cannot be asked")))]
pub async fn oidc_begin(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Problem> {
    let random = [doors::random()?, doors::random()?, doors::random()?];
    let (to, state) = oidc(&app)?.begin(random, app.now()).await.map_err(refused)?;
    let seconds = doors::oidc::PATIENCE / 1_000_000_000;
    let secure = secure(&app, &headers);
    // Lax: the provider's page sends the browser back.
    let cookie =
        format!("{OIDC_COOKIE}={state}; Path=/api/v1/login; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, to), (header::SET_COOKIE, cookie)]).into_response())
}

/// Takes the browser back from the provider.
#[utoipa::path(get, path = "/api/v1/login/oidc/callback", operation_id = "finishOidc", tag = "access",
    summary = "Where the provider sends the browser back to",
    params(("code" = Option<String>, Query, description = "The provider's code"), ("state" = Option<String>, Query, description = "As it was sent there")),
    responses((status = 303, description = "Signed in: to the pages"),
        (status = 401, body = Problem, content_type = "application/problem+json", description = "Not begun here, a token that is not good, or nobody lets the person in"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "Nobody else vouches for people here")))]
pub async fn oidc_finish(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    uri: axum::http::Uri,
) -> Result<Response, Problem> {
    let query: std::collections::HashMap<String, String> =
        form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let given = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    let door = oidc(&app)?;
    let shown = credentials::cookie(&headers, OIDC_COOKIE);
    if given("state").is_empty() || shown.as_deref() != Some(given("state")) {
        return Err(refused(OidcError::Stranger));
    }
    let now = app.now();
    let (identity, name, roles) = door.finish(given("state"), given("code"), now).await.map_err(refused)?;
    let (open, random) = (Arc::clone(&app.doors), doors::random()?);
    let told: Vec<String> = roles.iter().map(|(project, role)| format!("{} of {project}", role.as_str())).collect();
    let token = doors::blocking(move || {
        let token = open.state().write(|tx| {
            let Some(name) = access::admit_identity(tx, &identity, &name, &roles, now)? else { return Ok(None) };
            access::append(
                tx,
                now,
                "*",
                &format!("user:{name}"),
                ["login", &name, &format!("oidc: {}", told.join(", "))],
            )?;
            access::open_session(tx, &name, random, now).map(Some)
        })?;
        open.reload()?;
        Ok::<_, state::StateError>(token)
    });
    let token = token.await?.ok_or_else(|| {
        refused(OidcError::NotAllowed("the name is somebody else's here, or this person may not sign in".into()))
    })?;
    let session = cookie(&app, &headers, &token, access::SESSION_SECONDS);
    let gone =
        format!("{OIDC_COOKIE}=; Path=/api/v1/login; Max-Age=0; HttpOnly; SameSite=Lax{}", secure(&app, &headers));
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, "/")]).into_response();
    for cookie in [session, gone] {
        let value: HeaderValue = cookie.parse().map_err(|_| Problem::internal("a cookie cannot be written"))?;
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    Ok(response)
}

fn oidc(app: &App) -> Result<&doors::oidc::OidcDoor, Problem> {
    app.oidc.as_ref().ok_or_else(|| Problem::not_found("nobody else vouches for people here: start with --oidc FILE"))
}

fn refused(error: OidcError) -> Problem {
    tracing::warn!(%error, "a sign-in elsewhere failed");
    match error {
        OidcError::Provider { .. } => Problem::unavailable(error.to_string()),
        _ => Problem::new(StatusCode::UNAUTHORIZED, "not-allowed", "Who are you?", error.to_string()),
    }
}

/// `; Secure` where there is TLS, here or at a proxy before.
fn secure(app: &App, headers: &HeaderMap) -> &'static str {
    let proxied = headers.get("x-forwarded-proto").is_some_and(|value| value == "https");
    if app.tls.is_some() || proxied { "; Secure" } else { "" }
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
    let secure = secure(app, headers);
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
    let projects = app.doors.projects_of(&caller).unwrap_or_else(|| {
        // Who may ask about all is told of those with a key or with telemetry.
        let stored = app.store().map(|store| store.projects()).unwrap_or_default();
        app.doors.projects().into_iter().chain(stored).collect()
    });
    let rights = all.iter().filter(|(need, _)| caller.rights.meet(*need)).map(|(_, word)| (*word).to_owned());
    Json(Me {
        who: caller.who.to_string(),
        project: caller.project.to_string(),
        projects: projects.iter().map(|project| project.to_string()).collect(),
        rights: rights.collect(),
        everywhere: caller.everywhere,
        closed: app.doors.are_closed(),
        oidc: app.oidc.is_some(),
    })
}
