//! The embedded pages (only with the feature `ui`, which needs them built).

use std::fs;
use std::path::Path;

use crate::support::Server;

#[test]
fn files_are_served_with_the_caching_they_deserve() {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/dist");
    let server = Server::start();
    let index = server.get("/").ok();
    assert_eq!(index.body, fs::read(dist.join("index.html")).unwrap());
    assert_eq!(index.header("cache-control"), "no-cache");
    assert_eq!(server.get("/runs/some/deep/link").ok().body, index.body);
    for entry in fs::read_dir(dist.join("assets")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let asset = server.get(&format!("/assets/{name}")).ok();
        assert_eq!(asset.header("cache-control"), "public, max-age=31536000, immutable");
        assert!(!asset.header("content-type").starts_with("text/html"), "{name}");
        let etag = asset.header("etag").to_owned();
        assert!(etag.len() > 10);
    }
    assert_eq!(server.get("/assets/gone-12345678.js").status, 404);
}
