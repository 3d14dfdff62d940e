//! What real clients sent over these protocols (recorded requests in `../shared/captures`, where present), read, merged, understood
//! and resolved into runs: in the order recorded, reversed, twice.

mod common;

use common::{Outcome, captures, partials, play};

/// A capture with what its runs must come to: input and output tokens, model calls, tool calls, spans. Where a script told usage of its
/// own beside the calls it made, that is in the sums and named here.
const EXPECTED: &[(&str, Outcome)] = &[
    // Two calls of the provider (114 and 46), and one told by hand (10 and 5).
    ("langsmith-py/default", Outcome { input: 124, output: 51, llm: 3, tools: 2, steps: 8, runs: 2 }),
    ("langsmith-py/no-multipart", Outcome { input: 124, output: 51, llm: 3, tools: 2, steps: 8, runs: 2 }),
    ("langsmith-py/no-zstd", Outcome { input: 124, output: 51, llm: 3, tools: 2, steps: 8, runs: 2 }),
    ("langsmith-py/no-batch", Outcome { input: 0, output: 0, llm: 0, tools: 1, steps: 2, runs: 1 }),
    ("langsmith-js", Outcome { input: 114, output: 46, llm: 2, tools: 2, steps: 6, runs: 2 }),
    ("langgraph-py/langsmith", Outcome { input: 171, output: 69, llm: 0, tools: 0, steps: 0, runs: 0 }),
    ("openai-agents-py/langsmith", Outcome { input: 228, output: 92, llm: 4, tools: 0, steps: 0, runs: 0 }),
    ("openai-agents-py/native", Outcome { input: 342, output: 138, llm: 7, tools: 2, steps: 0, runs: 3 }),
    // All told by hand: 57 + 5 + 3 and 23 + 6 + 4.
    ("langfuse-py/v2.60", Outcome { input: 65, output: 33, llm: 3, tools: 0, steps: 8, runs: 2 }),
];

#[test]
fn runs_come_to_the_same_totals_whatever_the_order_of_requests() {
    let Some(folder) = captures() else { return };
    let mut wrong = Vec::new();
    for (name, expected) in EXPECTED {
        let requests = partials(&folder.join(name));
        assert!(!requests.is_empty(), "{name}: nothing was read");
        let mut reversed = requests.clone();
        reversed.reverse();
        let twice: Vec<_> = requests.iter().chain(&requests).cloned().collect();
        for (how, requests) in [("recorded", &requests), ("reversed", &reversed), ("twice", &twice)] {
            let found = play(requests);
            if found != *expected {
                wrong.push(format!("{name}, {how}: {found:?}\n    expected {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
