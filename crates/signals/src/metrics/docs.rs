//! The page of documentation, made from the table of families.

use std::fmt::Write;

use super::beside::BESIDE;
use super::exposed::{SOURCE, ZERO_NANOS};
use super::family::{Family, Kind, Layer};
use super::in_sql::IN_SQL;
use super::rates::RATES;
use super::registry::Limits;
use super::table::FAMILIES;

/// `docs/metrics.md`.
pub fn page() -> String {
    let mut page = String::from(HEAD);
    let _ = write!(
        page,
        "Every family has the labels `project`, `environment` and `{}=\"{}\"`, by which what Tawny derives is told from what a client \
         sends under the same name. A series carries a label under each of its names: `workflow` and `workflow_name`, `tool` and \
         `tool_name`, `step_name` and `span_name`. No label names users or conversations. A family has at most {} sets of labels (`--limit \
         label_sets=N`); further ones are counted under the value `other` (by project, environment and our own words, and \
         past twice as many by project alone), and `tawny_signal_folded_total`, by family, and the limit `label_sets` on the \
         page *Status* say how often. A new series is shown as \
         zero for {} seconds before it rises.\n\n",
        SOURCE.0,
        SOURCE.1,
        Limits::default().label_sets,
        ZERO_NANOS / 1_000_000_000
    );
    for (layer, title) in [
        (Layer::Standard, "Standard: is the service alive?"),
        (Layer::Llm, "Models: what do they cost, how fast are they?"),
        (Layer::Agent, "Agents: how good are their decisions?"),
        (Layer::Business, "Business: do they deliver?"),
    ] {
        let _ = writeln!(page, "## {title}\n");
        for family in FAMILIES.iter().filter(|family| family.layer == layer) {
            self::family(&mut page, family);
        }
    }
    page.push_str("## Rates of the last five minutes\n\nFor dashboards without a query language; rules should use the counters behind them.\n\n| name | labels | what it says |\n|---|---|---|\n");
    for rate in RATES {
        let more: String = rate.by.iter().flat_map(|by| by.names()).map(|name| format!(", `{name}`")).collect();
        let _ = writeln!(page, "| `{}` | `agent_id`{more} | {} |", rate.name, rate.help);
    }
    page.push_str("\n## Beside runs\n\nWhat no run gives to.\n\n| name | kind | labels | what it says | from |\n|---|---|---|---|---|\n");
    for beside in BESIDE {
        let labels: Vec<String> = beside.labels.iter().map(|label| format!("`{label}`")).collect();
        let (kind, labels) = (beside.kind.as_str(), labels.join(", "));
        let _ = writeln!(page, "| `{}` | {kind} | {labels} | {} | {} |", beside.name, beside.help, beside.source);
    }
    page.push_str(
        "\nHow many tasks wait is for whoever keeps the queue to tell, as a gauge `workflow_queue_depth`, by OTLP or remote write. A gauge of another name is \
         mapped by a recording rule in a file (`--rules`): `record: workflow_queue_depth`, `expr: sum(celery_queue_length)`.\n",
    );
    page.push_str(
        "\nNames that begin with `tawny_` are about Tawny itself: requests, store, series, watch, limits, budgets, forwarding; each has its meaning on \
         `/metrics`.\n",
    );
    page.push_str(TAIL);
    page
}

const HEAD: &str = "# Metrics\n\nWhat Tawny counts of every run, for `GET /metrics`, PromQL and `tawny metrics`. This page is made from the table in \
`crates/signals/src/metrics/table.rs`.\n\nThe names are those of five guides that teams follow, so that their dashboards and rules find their \
series: A *Workflow Observability*, B *Monitoring and Observability for AI Workflows*, C the chapter with `agent.run.*` metrics, D the article on \
four layers of signals, E *Production Monitoring and Alerting for AI Agent Systems*. Names that mean the same are one family with several \
spellings: `/metrics` and remote write say all of them; Tawny's own series have the first, and queries and rules find them under any.\n\n";

const TAIL: &str = "\n## How far the numbers can be trusted\n\nWhat a late span cannot change is counted as soon as the step has ended and the run's \
root is known; the rest when the run settles. What was counted of each run is kept, in one transaction with the counters and the position in the \
log: a restart neither repeats nor drops, and a run that changes later adds only what is new. Where it turns out to have given less, the \
difference goes to `tawny_signal_corrections_total`, by family, because a counter cannot go down. History (what arrives an hour after it ended) \
is not counted here: it would look like a flood of traffic. So a query in SQL gives the same number where nothing was imported, sampled away or \
erased since counting began, and no run stopped halfway.\n\nOpenTelemetry's own metrics (`gen_ai_*`) are for clients that send spans \
alone. Where a service sent one of them in the last hour, Tawny does not derive that one from its spans as well, so that a sum over the name \
counts a call once. Runs of its first minute may be counted from spans before its first export arrives. A client that sends another of these names itself beside \
its spans (`agent.tokens.total`) is kept with its own labels; a query in PromQL that asks for the name and says neither `source`, `job` nor \
`instance` leaves it out, and `source=\"\"` finds it. Tawny's own page has only what Tawny derives.\n";

fn family(page: &mut String, family: &Family) {
    let _ = writeln!(page, "### `{}`\n\n{}\n", family.name, family.help);
    let labels: Vec<String> =
        family.labels.iter().flat_map(|label| label.names()).map(|name| format!("`{name}`")).collect();
    let unit = if family.unit.is_empty() { String::new() } else { format!(", in {}", family.unit) };
    let _ = writeln!(page, "- {}{unit}; counted {}: {}", family.kind.as_str(), family.when.as_str(), family.source);
    let _ = writeln!(page, "- labels: {}", labels.join(", "));
    if family.kind == Kind::Histogram {
        let bounds: Vec<String> = family.buckets.iter().map(f64::to_string).collect();
        let _ = writeln!(page, "- buckets: {}", bounds.join(", "));
    }
    if !family.used_by.is_empty() {
        let _ = writeln!(page, "- this name: {}", family.used_by);
    }
    for spelling in family.spellings {
        let mut notes = Vec::new();
        for (label, here, there) in spelling.words {
            notes.push(format!("`{}=\"{here}\"` is `{there}`", label.names()[0]));
        }
        for (label, value) in spelling.only {
            notes.push(format!("only `{}=\"{value}\"`", label.names()[0]));
        }
        for (name, value) in spelling.more {
            notes.push(format!("with `{name}=\"{value}\"`"));
        }
        if spelling.sum {
            notes.push("a counter of the sum".to_owned());
        }
        if spelling.scale != 1.0 {
            notes.push(format!("times {}", spelling.scale));
        }
        let notes = if notes.is_empty() { String::new() } else { format!(": {}", notes.join(", ")) };
        let _ = writeln!(page, "- also `{}` ({}){notes}", spelling.name, spelling.used_by);
    }
    for same in IN_SQL.iter().filter(|same| same.family == family.id) {
        let part = if same.part.is_empty() { String::new() } else { format!(" `{}`", same.part) };
        let _ = writeln!(page, "- the same{part} in SQL: `{}`", same.query);
    }
    page.push('\n');
}
