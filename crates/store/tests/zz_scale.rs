mod common;
use common::*;
use std::time::Instant;
#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::disallowed_methods)]
async fn scale() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    let t = Instant::now();
    let (mut tc, mut ts, mut tf, mut tk, mut te) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for req in 0..150u64 {
        let spans: Vec<Sent> = (0..1000u64).map(|i| { let n = req * 1000 + i; let mut s = Sent::new(n / 12, n % 12 + 1).text("short"); s.start = NOON + (n as i64) * 1_000_000; s.end = s.start + 5; s }).collect();
        let q = Instant::now();
        let e = entry(0, &spans, &clock);
        te += q.elapsed().as_secs_f64();
        let q = Instant::now();
        store.commit(e).await.unwrap();
        tc += q.elapsed().as_secs_f64();
        if req % 5 == 0 { let q = Instant::now(); let s = store.snapshot().await.unwrap(); s.table(store::Table::Spans); s.table(store::Table::Runs); ts += q.elapsed().as_secs_f64(); }
        if req % 20 == 19 { let q = Instant::now(); store.flush().await.unwrap(); tf += q.elapsed().as_secs_f64();
            let q = Instant::now(); while store.compact().await.unwrap().inputs > 0 {} tk += q.elapsed().as_secs_f64(); }
    }
    println!("all {:?} entry {te:.2} commit {tc:.2} snapshot {ts:.2} flush {tf:.2} compact {tk:.2}", t.elapsed());
    println!("{:#?}", store.stats());
    for n in [0u64, 500, 9000] { let q = Instant::now(); let s = store.trace("default", trace_id(n)).await.unwrap(); println!("trace {} {:?}", s.len(), q.elapsed()); let q = Instant::now(); store.trace_narrow("default", trace_id(n)).await.unwrap(); println!("again narrow {:?}", q.elapsed());}
    drop(store);
    let q = Instant::now();
    let store = open(data.path(), &clock).await;
    println!("open {:?}", q.elapsed());
    let q = Instant::now(); store.snapshot().await.unwrap(); println!("snapshot {:?}", q.elapsed());
}
