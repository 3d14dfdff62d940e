//! The pages of the browser UI: embedded in the program with the cargo feature `ui`, else one page that says how to get them.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::problem::Problem;

#[cfg(not(feature = "ui"))]
#[path = "ui/absent.rs"]
mod assets;
#[cfg(feature = "ui")]
#[path = "ui/embedded.rs"]
mod assets;

mod absent_page;

/// A file of the UI.
pub struct Asset {
    /// Its bytes.
    pub bytes: std::borrow::Cow<'static, [u8]>,
    /// MIME type.
    pub kind: String,
    /// Changes when the bytes do.
    pub tag: String,
    /// The bytes are compressed with Brotli.
    pub packed: bool,
}

/// Where the bundler puts files whose name holds a hash of their content.
const HASHED: &str = "assets/";
/// Nothing is loaded from other places, even if a prompt holds an image address: what an agent said must not phone home.
const CONTENT_POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; font-src 'self' data:; \
    object-src 'none'; base-uri 'self'; frame-ancestors 'none'";

/// `GET /`
pub async fn index(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    page(&app, "/", &headers)
}

/// A file of the UI, or its entry page for every path that is not a file: the UI finds its way by the path itself.
pub fn page(app: &App, path: &str, headers: &HeaderMap) -> Response {
    let path = path.trim_start_matches('/');
    if let Some(asset) = file(path, headers).filter(|_| !path.is_empty()) {
        return answer(asset, path.starts_with(HASHED), headers);
    }
    let is_file = path.starts_with(HASHED) || path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    if is_file {
        return Problem::not_found(format!("there is no file /{path}")).into_response();
    }
    match file("index.html", headers) {
        Some(asset) => answer(asset, false, headers),
        None => answer(absent_page::asset(&app.endpoints), false, headers),
    }
}

/// A file, in the form that its build compressed where the reader takes it.
fn file(path: &str, headers: &HeaderMap) -> Option<Asset> {
    let asset = assets::get(path)?;
    let packed = takes_brotli(headers).then(|| assets::get(&format!("{path}.br"))).flatten();
    Some(match packed {
        Some(packed) => Asset { kind: asset.kind, packed: true, ..packed },
        None => asset,
    })
}

fn takes_brotli(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|list| list.split(',')).any(|one| {
        let (name, weight) = one.split_once(';').unwrap_or((one, ""));
        name.trim() == "br" && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    })
}

fn answer(asset: Asset, immutable: bool, headers: &HeaderMap) -> Response {
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == asset.tag.as_bytes());
    let packed = asset.packed;
    let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { asset.bytes.into_response() };
    let out = response.headers_mut();
    let caching = if immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    out.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    out.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_POLICY));
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if packed {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
    }
    for (name, text) in [(header::CONTENT_TYPE, &asset.kind), (header::ETAG, &asset.tag)] {
        if let Ok(value) = HeaderValue::from_str(text) {
            out.insert(name, value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressed_files_go_to_those_who_take_them() {
        let takes = |text: &'static str| {
            takes_brotli(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(text))]))
        };
        assert!(takes("gzip, deflate, br, zstd") && takes("br;q=0.5"));
        assert!(!takes("gzip") && !takes("br;q=0") && !takes_brotli(&HeaderMap::new()));
    }
}
