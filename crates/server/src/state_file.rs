//! Whether the file of the state is whole: its structure as SQLite checks it, and the chains of the audit logs in it.

use std::path::Path;

use access::Log;
use state::StateError;
use store::Checked;

/// What to do about a damaged file.
const ADVICE: &str =
    "restore it from a backup; without one, stop the server and save what can be read with SQLite's `.recover`";

/// What to do about a chain that is broken.
const CHAIN: &str = "somebody or something changed the log after it was written: `tawny audit verify` says more";

/// Checks the state in `data` and adds what is wrong to `checked`. SQLite keeps no checksums: beside the audit logs only
/// the structure is sure.
pub fn check(data: &Path, checked: &mut Checked) {
    let path = data.join(state::FILE);
    if !path.is_file() {
        return;
    }
    let faults = state::faults(&path).unwrap_or_else(|error| vec![error.to_string()]);
    let damaged = !faults.is_empty();
    for fault in faults {
        checked.fault(state::FILE, fault, ADVICE);
    }
    if damaged {
        return;
    }
    for (log, name) in [(Log::People, "the audit log"), (Log::Agents, "the agents' audit log")] {
        match state::read_file(&path, |connection| access::verify(connection, log, None)) {
            Ok(verified) => {
                for broken in verified.broken {
                    checked.fault(format!("{}: {name}", state::FILE), broken, CHAIN);
                }
            }
            // Of a version that had none.
            Err(error) if no_such_table(&error) => {}
            Err(error) => checked.fault(state::FILE, error, ADVICE),
        }
    }
}

fn no_such_table(error: &StateError) -> bool {
    error.to_string().contains("no such table")
}

#[cfg(test)]
mod tests {
    use state::{Part, State};

    use crate::app::STATE_PARTS;

    /// What is in a state: names of tables and indexes, and how they are made.
    fn schema(state: &State) -> Vec<(String, String)> {
        let read = state.read(|connection| {
            let query = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name";
            connection.prepare(query)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        });
        read.unwrap()
    }

    #[test]
    fn a_state_of_every_earlier_version_comes_to_todays_tables() {
        let today = tempfile::tempdir().unwrap();
        let today = schema(&State::open(today.path(), STATE_PARTS).unwrap());
        let most = STATE_PARTS.iter().map(|part| part.migrations.len()).max().unwrap();
        for steps in 0..=most {
            let dir = tempfile::tempdir().unwrap();
            let cut = |part: &Part| Part { migrations: &part.migrations[..steps.min(part.migrations.len())], ..*part };
            let earlier: Vec<Part> = STATE_PARTS.iter().map(cut).collect();
            drop(State::open(dir.path(), &earlier).unwrap());
            assert_eq!(schema(&State::open(dir.path(), STATE_PARTS).unwrap()), today, "from step {steps}");
        }
    }

    #[test]
    fn parts_steps_and_tables_are_documented() {
        let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats/state.md");
        let page = std::fs::read_to_string(page).unwrap();
        for part in STATE_PARTS {
            let row = format!("| `{}` | {} |", part.name, part.migrations.len());
            assert!(page.contains(&row), "docs/formats/state.md should have a row {row}");
        }
        let dir = tempfile::tempdir().unwrap();
        for (name, made) in schema(&State::open(dir.path(), STATE_PARTS).unwrap()) {
            let documented = !made.starts_with("CREATE TABLE") || page.contains(&format!("`{name}`"));
            assert!(documented, "docs/formats/state.md should name the table {name}");
        }
    }
}
