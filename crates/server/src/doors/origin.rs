//! What a browser may be made to do by a page of somebody else, and is kept from.
//!
//! A server on a loopback address trusts whoever can reach it. A page on the Internet can reach it too, through the visitor's browser: by
//! giving its own name this machine's address (DNS rebinding), which the `Host` header shows, or by simply sending a request, which
//! `Origin` shows.

use std::net::IpAddr;

use axum::http::{HeaderMap, Method, Uri, header};

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Foreign {
    /// The name it asks for is none of this server's.
    #[error("this server listens on this machine only and does not answer for the host `{0}`: use localhost or an address, or allow the name with --allow-host (TAWNY_ALLOW_HOSTS)")]
    Host(String),
    /// It comes from a page of another origin.
    #[error("a page of the origin `{0}` may change nothing here: allow it with --allow-origin (TAWNY_ALLOW_ORIGINS)")]
    Origin(String),
}

/// The host without its port.
fn name(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        // An IPv6 address without a port ends in `]`.
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => authority,
    }
}

/// The host and port a request asks for.
fn authority<'r>(headers: &'r HeaderMap, uri: &'r Uri) -> Option<&'r str> {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    host.or_else(|| uri.authority().map(|authority| authority.as_str()))
}

/// Refuses a name that a stranger may have given to this machine. An address as a host is what was typed, and no name.
pub fn check_host(headers: &HeaderMap, uri: &Uri, allowed: &[String]) -> Result<(), Foreign> {
    let Some(authority) = authority(headers, uri) else { return Ok(()) };
    let name = name(authority).trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
    let local = name == "localhost" || name.ends_with(".localhost") || name.parse::<IpAddr>().is_ok();
    if local || allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(&name)) {
        return Ok(());
    }
    Err(Foreign::Host(name))
}

/// Refuses a change that a page of another origin asks for. Programs send no `Origin`.
pub fn check_origin(method: &Method, headers: &HeaderMap, uri: &Uri, allowed: &[String]) -> Result<(), Foreign> {
    if method.is_safe() {
        return Ok(());
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or("(not text)");
    let same = origin.split_once("://").map(|(_, host)| host).zip(authority(headers, uri)).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b));
    if same || allowed.iter().any(|allowed| allowed == origin) { Ok(()) } else { Err(Foreign::Origin(origin.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, value: &str) -> HeaderMap {
        [(name.parse().unwrap(), value.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn only_names_of_this_machine_are_answered() {
        let uri = Uri::from_static("/");
        for host in ["localhost", "localhost:8296", "127.0.0.1:8296", "[::1]:8296", "[::1]", "a.localhost", "LOCALHOST."] {
            assert_eq!(check_host(&with("host", host), &uri, &[]), Ok(()), "{host}");
        }
        for host in ["evil.example", "evil.example:8296", "localhost.evil.example", "127.0.0.1.evil.example"] {
            assert!(check_host(&with("host", host), &uri, &[]).is_err(), "{host}");
        }
        assert_eq!(check_host(&with("host", "tawny.internal:80"), &uri, &["tawny.internal".into()]), Ok(()));
        let http2 = Uri::from_static("http://evil.example/v1/traces");
        assert!(check_host(&HeaderMap::new(), &http2, &[]).is_err());
    }

    #[test]
    fn a_page_of_another_origin_may_look_but_not_change() {
        let uri = Uri::from_static("/");
        let mut headers = with("host", "localhost:8296");
        let mut check = |method: Method, origin: &str, allowed: &[String]| {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
            check_origin(&method, &headers, &uri, allowed).is_ok()
        };
        assert!(check(Method::POST, "http://localhost:8296", &[]));
        for foreign in ["http://evil.example", "null", "http://localhost:9999", "http://localhost:8296.evil.example"] {
            assert!(!check(Method::POST, foreign, &[]), "{foreign}");
            assert!(check(Method::GET, foreign, &[]), "{foreign}");
        }
        assert!(check(Method::DELETE, "https://pages.example", &["https://pages.example".into()]));
    }
}
