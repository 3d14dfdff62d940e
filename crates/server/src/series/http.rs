//! Parameters and errors as Prometheus' HTTP API has them.

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::Timestamp;

use super::ask::AskError;
use super::{json, millis};

/// Bytes of a form: a query may be long, a list of matchers longer.
const FORM_BYTES_MAX: usize = 1 << 20;

/// Parameters of the query string and of a form in the body, as Go's `Request.Form` joins them: those of the body come first.
#[derive(Debug, Default)]
pub struct Form(Vec<(String, String)>);

impl<S: Sync> FromRequest<S> for Form {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let (head, body) = request.into_parts();
        let form = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let mut pairs = Vec::new();
        if form.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded")) {
            let bytes = to_bytes(body, FORM_BYTES_MAX).await.map_err(|_| {
                ApiError::bad(format!("the form is longer than {FORM_BYTES_MAX} bytes (FORM_BYTES_MAX)"))
            })?;
            pairs.extend(form_urlencoded::parse(&bytes).into_owned());
        }
        let query = head.uri.query().unwrap_or_default();
        pairs.extend(form_urlencoded::parse(query.as_bytes()).into_owned());
        Ok(Self(pairs))
    }
}

impl Form {
    /// The first value of a parameter; empty where it is not given.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// All values of a parameter.
    pub fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A time in milliseconds; `None` where it is not given.
    pub fn time(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let text = self.get(name);
        let unreadable = || ApiError::parameter(name, format!("cannot parse {text:?} to a valid timestamp"));
        if text.is_empty() { Ok(None) } else { parse_time(text).map(Some).ok_or_else(unreadable) }
    }

    /// A duration in milliseconds: seconds, or as PromQL writes it.
    pub fn duration(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let text = self.get(name);
        if text.is_empty() {
            return Ok(None);
        }
        if let Ok(seconds) = text.parse::<f64>() {
            let millis = seconds * 1e3;
            if millis.is_nan() || millis.abs() >= i64::MAX as f64 / 2.0 {
                let message = format!("cannot parse {text:?} to a valid duration. It overflows int64");
                return Err(ApiError::parameter(name, message));
            }
            return Ok(Some(millis as i64));
        }
        let unreadable = || ApiError::parameter(name, format!("cannot parse {text:?} to a valid duration"));
        promql::parse_duration(text).map(Some).ok_or_else(unreadable)
    }

    /// A limit; `None` for none.
    pub fn limit(&self) -> Result<Option<usize>, ApiError> {
        let text = self.get("limit");
        match text.parse() {
            _ if text.is_empty() => Ok(None),
            Ok(0) => Ok(None),
            Ok(limit) => Ok(Some(limit)),
            Err(_) => Err(ApiError::parameter("limit", format!("limit must be a non-negative number, got {text:?}"))),
        }
    }
}

/// Unix seconds with a fraction, or RFC 3339; in milliseconds.
pub fn parse_time(text: &str) -> Option<i64> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && seconds.abs() < 1e15 => Some((seconds * 1e3).round() as i64),
        Ok(_) => None,
        Err(_) => Timestamp::parse_rfc3339(text).map(millis),
    }
}

/// An error in the API's shape.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    kind: &'static str,
    message: String,
}

impl ApiError {
    /// Something in the request is wrong.
    pub fn bad(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, kind: "bad_data", message: message.into() }
    }

    /// A parameter is wrong.
    pub fn parameter(name: &str, message: impl std::fmt::Display) -> Self {
        Self::bad(format!("invalid parameter {name:?}: {message}"))
    }

    /// There is no such address.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, kind: "not_found", message: message.into() }
    }
}

impl From<AskError> for ApiError {
    fn from(error: AskError) -> Self {
        let message = error.to_string();
        let (status, kind) = match error {
            AskError::Bad(_) => (StatusCode::BAD_REQUEST, "bad_data"),
            AskError::Execution(_) | AskError::Limit(..) => (StatusCode::UNPROCESSABLE_ENTITY, "execution"),
            AskError::Timeout(_) => (StatusCode::SERVICE_UNAVAILABLE, "timeout"),
            AskError::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            AskError::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        };
        Self { status, kind, message }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut body = format!("{{\"status\":\"error\",\"errorType\":\"{}\",\"error\":", self.kind);
        json::text(&mut body, &self.message);
        body.push('}');
        answer(self.status, body)
    }
}

/// An answer of the API.
pub type ApiResult = Result<Response, ApiError>;

/// Data that was found, as JSON, with what is to be said about it.
pub fn success(data: &str, warnings: &[String], infos: &[String]) -> Response {
    let mut body = String::with_capacity(data.len() + 64);
    body.push_str("{\"status\":\"success\",\"data\":");
    body.push_str(data);
    for (key, notes) in [("warnings", warnings), ("infos", infos)] {
        if !notes.is_empty() {
            body.push_str(&format!(",\"{key}\":"));
            json::list(&mut body, notes, |out, note| json::text(out, note));
        }
    }
    body.push('}');
    answer(StatusCode::OK, body)
}

fn answer(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_rfc_3339() {
        assert_eq!(parse_time("1435781451.781"), Some(1_435_781_451_781));
        assert_eq!(parse_time("2015-07-01T20:10:51.781Z"), Some(1_435_781_451_781));
        assert_eq!((parse_time("soon"), parse_time("NaN"), parse_time("1e300")), (None, None, None));
    }

    #[test]
    fn durations_are_seconds_or_written_out() {
        let form = Form(vec![("a".into(), "15".into()), ("b".into(), "1m30s".into()), ("c".into(), "x".into())]);
        assert_eq!((form.duration("a").unwrap(), form.duration("b").unwrap()), (Some(15_000), Some(90_000)));
        assert_eq!(form.duration("d").unwrap(), None);
        let error = form.duration("c").unwrap_err().message;
        assert_eq!(error, r#"invalid parameter "c": cannot parse "x" to a valid duration"#);
    }
}
