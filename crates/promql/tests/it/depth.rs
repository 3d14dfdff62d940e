//! Queries as deep as allowed must fit into the stack of a worker thread, unoptimised.

use promql::{Limits, MAX_HEIGHT, MAX_NESTING, Params, evaluate, parse};

/// What Rust and tokio give a thread.
const STACK_BYTES: usize = 2 * 1024 * 1024;

#[test]
fn the_deepest_queries_fit() {
    let nested = |open: &str, close: &str| {
        let times = MAX_NESTING as usize - 1;
        open.repeat(times) + "a" + &close.repeat(times)
    };
    let half = (MAX_NESTING / 2) as usize;
    let chain = |operator: &str| vec!["a"; MAX_HEIGHT as usize - 1].join(operator);
    let queries = [
        nested("(", ")"),
        nested("-", ""),
        nested("abs(", ")"),
        nested("sum(", ")"),
        nested("topk(1, ", ")"),
        "a + (".repeat(half - 1) + "a" + &")".repeat(half - 1),
        "max_over_time(".repeat(half) + "a" + &"[5m:1m])".repeat(half),
        chain(" + "),
        chain(" or "),
        chain(" and "),
        format!("{} ^ 2", chain(" - ")),
    ];
    for text in queries {
        let work = move || {
            let query = parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            let params = Params::range(0, 60_000, 60_000);
            let needs = query.selectors(&params).unwrap();
            evaluate(&query, &vec![Vec::new(); needs.len()], &params, &Limits::default()).unwrap();
            assert_eq!(query.root.to_string(), parse(&query.root.to_string()).unwrap().root.to_string());
        };
        std::thread::Builder::new().stack_size(STACK_BYTES).spawn(work).unwrap().join().unwrap();
    }
}
