//! Error answers of the API: `application/problem+json` with what was wrong and what to do.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

pub use crate::api::types::Problem;

impl Problem {
    /// A problem of a sort.
    pub fn new(status: StatusCode, sort: &str, title: &str, detail: impl Into<String>) -> Self {
        Self { r#type: sort.to_owned(), title: title.to_owned(), status: status.as_u16(), detail: detail.into() }
    }

    /// A parameter or body that cannot be read.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "The request cannot be understood", detail)
    }

    /// Something that is not there.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
    }

    /// The server cannot answer now.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The server cannot answer now", detail)
    }

    /// A fault of the server.
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The server made a mistake", detail)
    }
}

impl From<query::QueryError> for Problem {
    fn from(error: query::QueryError) -> Self {
        let detail = error.to_string();
        match error {
            query::QueryError::Invalid { .. } => Self::bad_request(detail),
            query::QueryError::Limit { .. } => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "limit", "A limit was reached", detail)
            }
            query::QueryError::Store(_) => {
                tracing::error!(%detail, "a query cannot read the store");
                Self::unavailable(detail)
            }
            query::QueryError::Internal(_) => {
                tracing::error!(%detail, "a query failed");
                Self::internal(detail)
            }
        }
    }
}

impl From<store::StoreError> for Problem {
    fn from(error: store::StoreError) -> Self {
        tracing::error!(%error, "the store cannot be read");
        Self::unavailable(error.to_string())
    }
}

/// Seconds after which a client should ask again when the server is busy or starting.
const RETRY_AFTER_SECONDS: u64 = 1;

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
        }
        response
    }
}

/// What a handler answers when it panics; the panic is logged, the process lives on.
pub fn on_panic(cause: Box<dyn std::any::Any + Send + 'static>) -> Response {
    let message = cause
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| cause.downcast_ref::<&str>().copied())
        .unwrap_or("unknown");
    tracing::error!(message, "a request handler panicked");
    Problem::internal("a fault in Tawny itself; the server's log has the details").into_response()
}
