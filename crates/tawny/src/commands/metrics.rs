//! `tawny metrics`: the families of metrics, what each means, and how many series it has.

use std::process::ExitCode;

use anyhow::Result;
use server::api::types::{MetricFamilies, MetricFamily};

use crate::cli::Metrics;
use crate::client::{Client, parse};
use crate::show;
use crate::style::{self, Look, count};

/// Lists the families.
pub fn run(args: &Metrics) -> Result<ExitCode> {
    let text = Client::new(&args.reading.url)?.text("/api/v1/signals/families")?;
    let mut answer: MetricFamilies = parse(&text)?;
    answer.families.retain(|family| args.text.as_deref().is_none_or(|text| says(family, text)));
    if args.reading.json {
        show::out(&serde_json::to_string(&answer)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = show::table(&["FAMILY", "KIND", "UNIT", "SETS", "WHAT IT SAYS"]);
    for family in &answer.families {
        let full = family.label_sets_max > 0 && family.label_sets >= family.label_sets_max;
        table.add_row(vec![
            show::cell(&family.name),
            show::cell(&family.kind),
            show::cell(&family.unit),
            if full {
                show::styled(&count(family.label_sets), Look::Red)
            } else {
                show::figure(count(family.label_sets))
            },
            show::cell(&family.help),
        ]);
        for spelling in &family.spellings {
            let indented = format!("  {spelling}");
            table.add_row(vec![show::styled(&indented, Look::Faint)]);
        }
    }
    let mut out = show::render(&mut table);
    let most = answer.families.first().map_or(0, |family| family.label_sets_max);
    let note = format!(
        "\nSETS: sets of labels, at most {} a family. Indented: other names of the family above. docs/metrics.md says more.\n",
        count(most)
    );
    out.push_str(&style::faint(&note));
    show::out(&out)?;
    Ok(ExitCode::SUCCESS)
}

/// Whether a family is about a text.
fn says(family: &MetricFamily, text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let names = family.spellings.iter().chain([&family.name, &family.help]);
    names.into_iter().any(|name| name.to_ascii_lowercase().contains(&text))
}
