//! Files of destinations: what they mean, and what is said about wrong ones.

use std::io;
use std::path::Path;
use std::time::Duration;

use wire::Signal;

use super::*;

/// Surroundings with one variable and one file.
struct Fake;

impl Surroundings for Fake {
    fn variable(&self, name: &str) -> Option<String> {
        (name == "KEY").then(|| "Basic c2VjcmV0".to_owned())
    }

    fn file(&self, path: &Path, _limit: u64) -> io::Result<String> {
        if path == Path::new("/run/key") { Ok("from-file\n".to_owned()) } else { Err(io::Error::other("no such file")) }
    }
}

#[test]
fn everything_can_be_said() {
    let text = r#"
[[destination]]
name = "langfuse"
url = "https://user:pass@cloud.example/api/public/otel?x=1"
signals = ["traces"]
compression = "gzip"
encoding = "protobuf"
timeout = "5s"
queue = "64MiB"
max_age = "2h"
batch = "1MiB"
headers = { Authorization = { env = "KEY" }, x-api-key = { file = "/run/key" }, x-scope = "tenant" }
keep = [{ service = ["a", "b"], environment = "prod" }]
drop = [{ attribute = { "http.route" = "/healthz" } }]

[[destination]]
name = "tempo"
url = "http://tempo:4317"
protocol = "grpc"
"#;
    let destinations = read("forward.toml", text, &Fake).unwrap();
    let [langfuse, tempo] = &destinations[..] else { panic!("two destinations") };
    assert_eq!(langfuse.address(Signal::Traces).path(), "/api/public/otel/v1/traces");
    assert_eq!(langfuse.shown_url(), "https://cloud.example/api/public/otel");
    assert_eq!((langfuse.timeout, langfuse.max_age), (Duration::from_secs(5), Duration::from_secs(7200)));
    assert_eq!((langfuse.queue_bytes, langfuse.batch_bytes), (64 << 20, 1 << 20));
    assert_eq!(langfuse.headers["authorization"], "Basic c2VjcmV0");
    assert_eq!(langfuse.headers["x-api-key"], "from-file");
    assert!(!format!("{langfuse:?}").contains("c2VjcmV0"), "credentials are never printed");
    assert_eq!((tempo.protocol, tempo.signals.len(), tempo.queue_bytes), (Protocol::Grpc, 3, DEFAULT_QUEUE));
    let whole = read("f", "[[destination]]\nname='x'\nurl='http://h/custom/v1/traces'", &Fake).unwrap();
    assert_eq!(whole[0].address(Signal::Traces).path(), "/custom/v1/traces");
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let one = |more: &str| format!("[[destination]]\nname = \"a\"\nurl = \"http://h:1\"\n{more}\n");
    for (text, line, says) in [
        (String::new(), 1, "no destination"),
        ("[[destination]]\nname = \"a\"\n".into(), 1, "url"),
        ("[[destination]\n".into(), 1, "]"),
        (one("colour = 1"), 4, "colour"),
        ("[[destination]]\nname = \"a b\"\nurl = \"http://h\"".into(), 2, "cannot be a name"),
        ("[[destination]]\nname = \"a\"\nurl = \"h:4318\"".into(), 3, "http://"),
        ("[[destination]]\nname = \"a\"\nprotocol = \"grpc\"\nurl = \"https://h\"".into(), 4, "without TLS"),
        (one("signals = [\"spans\"]"), 4, "`spans`"),
        (one("signals = []"), 4, "no signal"),
        (one("timeout = \"fast\""), 4, "timeout"),
        (one("queue = \"1KiB\""), 4, "too small"),
        (one("headers = { a = { env = \"MISSING\" } }"), 4, "MISSING"),
        (one("headers = { a = { file = \"/none\" } }"), 4, "/none"),
        (one("headers = { a = { env = \"KEY\", file = \"/run/key\" } }"), 4, "either"),
        (one("headers = { \"a b\" = \"x\" }"), 4, "name of a header"),
        (one("[[destination.keep]]\n"), 4, "names nothing"),
        (one("[[destination.drop]]\nsignal = \"spans\""), 4, "`spans`"),
        (format!("{}{}", one(""), one("")), 6, "two destinations"),
    ] {
        let error = read("forward.toml", &text, &Fake).unwrap_err();
        assert!(error.problem.contains(says), "{says}: {error}");
        assert_eq!(error.line, line, "{error}");
        assert!(error.to_string().starts_with(&format!("forward.toml:{line}: ")));
    }
}

#[test]
fn remote_write_takes_nothing_that_it_could_not_do() {
    let with = |more: &str| {
        let text =
            format!("[[destination]]\nname = \"p\"\nurl = \"https://p.example\"\nprotocol = \"remote-write\"\n{more}");
        read("f.toml", &text, &Fake)
    };
    let destination = with("[[destination.keep]]\nproject = \"a\"\n").unwrap().remove(0);
    assert_eq!(destination.address(Signal::Metrics).as_str(), "https://p.example/api/v1/write");
    assert_eq!(destination.signals, [Signal::Metrics]);
    for (more, wanted) in [
        ("compression = \"gzip\"\n", "`compression` is not for protocol = \"remote-write\""),
        ("signals = [\"traces\"]\n", "`signals` is not for"),
        ("batch = \"1MiB\"\n", "`batch` is not for"),
        ("[[destination.drop]]\nservice = \"a\"\n", "can only name `project`"),
    ] {
        let error = with(more).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn errors_about_addresses_leave_passwords_out() {
    for url in ["ftp://me:hunter2@h/x?token=hunter2", "http://me:hunter2@h:port/", "https://hunter2@", "hunter2@h"] {
        let error = read("f", &format!("[[destination]]\nname='x'\nurl='{url}'"), &Fake).unwrap_err().to_string();
        assert!(!error.contains(":hunter2@") && !error.contains("=hunter2"), "{url}: {error}");
        assert!(!url.contains("://") || !error.contains("hunter2"), "{url}: {error}");
    }
}
