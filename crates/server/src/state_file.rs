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
