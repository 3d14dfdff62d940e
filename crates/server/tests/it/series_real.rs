//! A real Prometheus and its `promtool`, where they are installed: it scrapes Tawny, writes to it remotely, and asks it the same questions.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Server, agent_run};

fn installed(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !there {
        println!("skipped: {program} is not installed (Debian: apt-get install prometheus)");
    }
    there
}

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn promtool_queries_tawny() {
    if !installed("promtool") {
        return;
    }
    let server = Server::start();
    server.post_proto("/v1/traces", &agent_run(9)).ok();
    let url = format!("{}/prometheus", server.http);
    let run = |args: &[&str]| {
        let output = Command::new("promtool").arg("query").args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let began = Instant::now();
    while run(&["instant", &url, "tawny_build_info"]).trim().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(20), "no sample of Tawny's own metrics");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(run(&["instant", &url, "tawny_build_info"]).contains("job=\"tawny\""));
    assert!(run(&["instant", &url, "vector(1) + 2"]).contains("=> 3 @"));
    let now = crate::support::now() / 1_000_000_000;
    let range = run(&[
        "range",
        "--start",
        &(now - 60).to_string(),
        "--end",
        &now.to_string(),
        "--step",
        "15s",
        &url,
        "vector(7)",
    ]);
    assert_eq!(range.matches("7 @").count(), 5, "{range}");
    assert!(run(&["series", "--match", "tawny_ready", &url]).contains("tawny_ready"));
    assert!(run(&["labels", &url, "job"]).contains("tawny"));
    // Errors come through as Prometheus' own do.
    let output = Command::new("promtool").args(["query", "instant", &url, "sum("]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("bad_data"), "{output:?}");
}

#[test]
fn a_prometheus_scrapes_tawny_and_writes_to_it_and_both_say_the_same() {
    if !installed("prometheus") {
        return;
    }
    let server = Server::start();
    server.post_proto("/v1/traces", &agent_run(9)).ok();
    let dir = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = dir.path().join("prometheus.yml");
    let target = server.http.trim_start_matches("http://");
    let text = format!(
        "global: {{scrape_interval: 1s}}\n\
         scrape_configs: [{{job_name: scraped, static_configs: [{{targets: ['{target}']}}]}}]\n\
         remote_write: [{{url: '{}/prometheus/api/v1/write', queue_config: {{batch_send_deadline: 500ms}}, metadata_config: {{send_interval: 1s}}}}]\n",
        server.http
    );
    std::fs::write(&config, text).unwrap();
    let child = Command::new("prometheus")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _prometheus = Process(child);
    let theirs = format!("http://127.0.0.1:{port}/api/v1/query");
    let ours = format!("{}/prometheus/api/v1/query", server.http);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let ask = |url: &str, query: &str, time: f64| -> Option<Value> {
        let answer = ureq::post(url).header(form[0].0, form[0].1).send(format!("query={query}&time={time}").as_bytes());
        let text = answer.ok()?.into_body().read_to_string().ok()?;
        let answer: Value = serde_json::from_str(&text).ok()?;
        Some(answer["data"]["result"].clone())
    };
    let count = |url: &str| {
        let time = crate::support::now() as f64 / 1e9;
        let found = ask(url, "count_over_time(tawny_ready%7Bjob=%22scraped%22%7D%5B1m%5D)", time)?;
        found[0]["value"][1].as_str()?.parse::<u32>().ok()
    };
    let began = Instant::now();
    while count(&ours).unwrap_or(0) < 4 {
        assert!(began.elapsed() < Duration::from_secs(60), "Prometheus wrote nothing: {:?}", count(&theirs));
        std::thread::sleep(Duration::from_millis(200));
    }
    // At a time both have samples of.
    let time = (crate::support::now() / 1_000_000_000) as f64 - 2.0;
    for query in ["sum by (signal) (tawny_requests_accepted_total{job=\"scraped\"})", "count({job=\"scraped\"})", "up"]
    {
        let query: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let (found, expected) = (ask(&ours, &query, time).unwrap(), ask(&theirs, &query, time).unwrap());
        assert!(!expected.as_array().unwrap().is_empty());
        let sorted = |value: Value| {
            let mut rows: Vec<String> = value.as_array().unwrap().iter().map(Value::to_string).collect();
            rows.sort();
            rows
        };
        assert_eq!(sorted(found), sorted(expected));
    }
}
