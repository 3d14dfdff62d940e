//! What a request shows of itself: keys in the way of each client, a session's cookie, the project it is about.

use access::Credentials;
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Headers that hold a key and nothing else: LangSmith's two, Phoenix', and what others use.
const KEY_HEADERS: &[&str] = &["x-api-key", "x-service-key", "api_key", "api-key", "dd-api-key"];

/// The cookie of a session.
pub const COOKIE: &str = "tawny_session";

/// The header by which somebody with several projects says which one a request is about.
pub const PROJECT: &str = "tawny-project";

/// The project that the query of an address names under the header's name: browsers send no headers of ours with what they ask for by
/// themselves, as streams of events and downloads.
pub fn asked(query: Option<&str>) -> Option<String> {
    let (_, project) = form_urlencoded::parse(query?.as_bytes()).find(|(name, _)| name == PROJECT)?;
    Some(project.trim().to_owned()).filter(|name| !name.is_empty())
}

/// Reads the headers of a request.
pub fn shown(headers: &HeaderMap) -> Credentials {
    let project = headers.get(PROJECT).map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned());
    Credentials { keys: keys(headers), session: session(headers), project: project.filter(|name| !name.is_empty()) }
}

/// The token in the cookie of a session.
pub fn session(headers: &HeaderMap) -> Option<String> {
    cookie(headers, COOKIE)
}

/// The value of a cookie.
pub fn cookie(headers: &HeaderMap, wanted: &str) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|list| list.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == wanted).map(|(_, token)| token.to_owned())
}

/// Everything in the headers that may be a key.
fn keys(headers: &HeaderMap) -> Vec<String> {
    let text = |name: &str| headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>();
    let mut keys: Vec<String> =
        KEY_HEADERS.iter().flat_map(|name| text(name)).map(|key| key.trim().to_owned()).collect();
    for value in text(header::AUTHORIZATION.as_str()) {
        let Some((scheme, credentials)) = value.trim().split_once(' ') else {
            keys.push(value.trim().to_owned());
            continue;
        };
        let credentials = credentials.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            keys.push(credentials.to_owned());
        } else if scheme.eq_ignore_ascii_case("basic")
            && let Ok(pair) = STANDARD.decode(credentials)
            && let Ok(pair) = String::from_utf8(pair)
        {
            // The public half alone opens nothing.
            keys.extend(pair.split_once(':').map(|(_, secret)| secret.to_owned()));
            keys.push(pair);
        }
    }
    keys.retain(|key| !key.is_empty());
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn an_address_may_name_the_project() {
        assert_eq!(asked(Some("from=1h&tawny-project=my+team")).as_deref(), Some("my team"));
        assert_eq!((asked(Some("tawny-project=")), asked(Some("project=a")), asked(None)), (None, None, None));
    }

    #[test]
    fn each_clients_way_of_naming_a_key_is_understood() {
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        for (name, value, expected) in [
            ("authorization", basic("pk-lf-1:sk-lf-1"), vec!["sk-lf-1", "pk-lf-1:sk-lf-1"]),
            ("authorization", "Bearer sk-lf-2".to_owned(), vec!["sk-lf-2"]),
            ("authorization", "sk-3".to_owned(), vec!["sk-3"]),
            ("x-api-key", "lsv2_pt_3".to_owned(), vec!["lsv2_pt_3"]),
            ("api_key", " lsv2_pt_3 ".to_owned(), vec!["lsv2_pt_3"]),
            ("authorization", "Basic not-base64!".to_owned(), vec![]),
            ("x-other", "sk".to_owned(), vec![]),
        ] {
            assert_eq!(shown(&headers(&[(name, &value)])).keys, expected, "{name}: {value}");
        }
    }

    #[test]
    fn a_session_is_found_among_other_cookies_and_a_project_as_it_was_sent() {
        let shown = shown(&headers(&[("cookie", "a=b; tawny_session=abc; c=d"), ("tawny-project", " my team ")]));
        assert_eq!((shown.session.as_deref(), shown.project.as_deref()), (Some("abc"), Some("my team")));
    }
}
