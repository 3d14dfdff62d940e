//! The page shown where the program was built without the UI: that it runs, how to get the UI, how to send a first trace.

use super::Asset;
use crate::api::types::Endpoints;

const PAGE: &str = include_str!("absent.html");

/// The page, with the addresses in use filled in.
pub fn asset(endpoints: &Endpoints) -> Asset {
    let page = PAGE
        .replace("{version}", crate::VERSION)
        .replace("{http}", &endpoints.http)
        .replace("{otlp_http}", &endpoints.otlp_http)
        .replace("{otlp_grpc}", &endpoints.otlp_grpc);
    Asset {
        bytes: page.into_bytes().into(),
        kind: "text/html; charset=utf-8".into(),
        tag: "\"absent\"".into(),
        packed: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_the_addresses_in_use() {
        let endpoints = Endpoints {
            http: "http://127.0.0.1:1".into(),
            otlp_http: "http://127.0.0.1:2".into(),
            otlp_grpc: "http://127.0.0.1:3".into(),
        };
        let page = String::from_utf8(asset(&endpoints).bytes.into_owned()).unwrap();
        for expected in ["http://127.0.0.1:1/api/v1/runs", "http://127.0.0.1:2", "http://127.0.0.1:3", "cargo xtask ui"]
        {
            assert!(page.contains(expected), "{expected}");
        }
        assert!(!page.contains("{http}") && !page.contains("{version}"));
    }
}
