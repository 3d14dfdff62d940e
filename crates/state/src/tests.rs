//! What is written stays, a failed write leaves nothing, files grow with the program and are refused by an older one.

use super::*;

const FIRST: Part = Part { name: "notes", migrations: &["CREATE TABLE notes (text TEXT NOT NULL) STRICT"] };
const SECOND: Part = Part {
    name: "notes",
    migrations: &[FIRST.migrations[0], "ALTER TABLE notes ADD COLUMN colour TEXT NOT NULL DEFAULT 'grey'"],
};

fn add(state: &State, text: &str) {
    state.write(|tx| tx.execute("INSERT INTO notes (text) VALUES (?1)", [text])).unwrap();
}

fn all(state: &State, column: &str) -> Vec<String> {
    let statement = format!("SELECT {column} FROM notes ORDER BY rowid");
    state.read(|conn| conn.prepare(&statement)?.query_map([], |row| row.get(0))?.collect()).unwrap()
}

#[test]
fn what_was_written_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    add(&State::open(dir.path(), &[FIRST]).unwrap(), "one");
    assert_eq!(all(&State::open(dir.path(), &[FIRST]).unwrap(), "text"), ["one"]);
}

#[test]
fn a_write_that_fails_half_way_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(dir.path(), &[FIRST]).unwrap();
    let failed = state.write(|tx| {
        tx.execute("INSERT INTO notes (text) VALUES ('half')", [])?;
        tx.execute("INSERT INTO nowhere VALUES (1)", [])
    });
    assert!(failed.unwrap_err().to_string().contains("nowhere"));
    assert!(all(&state, "text").is_empty());
}

#[test]
fn a_fault_inside_of_a_write_does_not_stop_later_ones() {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(dir.path(), &[FIRST]).unwrap();
    let fault = std::panic::AssertUnwindSafe(|| state.write::<()>(|_| panic!("a fault")));
    assert!(std::panic::catch_unwind(fault).is_err());
    add(&state, "later");
    assert_eq!(all(&state, "text"), ["later"]);
}

#[test]
fn an_older_file_is_brought_up_to_date_and_keeps_its_rows() {
    let dir = tempfile::tempdir().unwrap();
    add(&State::open(dir.path(), &[FIRST]).unwrap(), "one");
    assert_eq!(all(&State::open(dir.path(), &[SECOND]).unwrap(), "colour"), ["grey"]);
}

#[test]
fn a_file_of_a_newer_version_is_refused_with_advice() {
    let dir = tempfile::tempdir().unwrap();
    drop(State::open(dir.path(), &[SECOND]).unwrap());
    let refused = State::open(dir.path(), &[FIRST]).unwrap_err().to_string();
    assert!(refused.contains("newer version") && refused.contains("`notes` is at step 2"), "{refused}");
}

#[test]
fn readers_see_one_moment_while_others_write() {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(dir.path(), &[FIRST]).unwrap();
    add(&state, "before");
    let counts: (i64, i64) = state
        .read(|conn| {
            let count = || conn.query_row("SELECT count(*) FROM notes", [], |row| row.get(0));
            let first = count()?;
            add(&state, "meanwhile");
            Ok((first, count()?))
        })
        .unwrap();
    assert_eq!(counts, (1, 1));
    assert_eq!(all(&state, "text"), ["before", "meanwhile"]);
}

#[test]
fn a_copy_opens_as_a_state_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(dir.path(), &[FIRST]).unwrap();
    add(&state, "one");
    let copy = tempfile::tempdir().unwrap();
    state.copy_to(&copy.path().join(FILE)).unwrap();
    add(&state, "two");
    assert_eq!(all(&State::open(copy.path(), &[FIRST]).unwrap(), "text"), ["one"]);
}

#[test]
fn a_damaged_file_is_found_and_a_whole_one_is_read_beside_its_writer() {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(dir.path(), &[FIRST]).unwrap();
    add(&state, "one");
    let path = state.path().to_owned();
    assert_eq!(faults(&path).unwrap(), Vec::<String>::new());
    let read = |conn: &Connection| conn.query_row("SELECT text FROM notes", [], |row| row.get::<_, String>(0));
    assert_eq!(read_file(&path, read).unwrap(), "one");
    assert!(read_file(&path, |conn| conn.execute("DELETE FROM notes", [])).is_err(), "nothing is changed by reading");
    state.checkpoint().unwrap();
    drop(state);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4096..8192].fill(0xFF);
    std::fs::write(&path, bytes).unwrap();
    assert!(faults(&path).map_or(true, |found| !found.is_empty()));
    std::fs::write(&path, "no database").unwrap();
    assert!(faults(&path).is_err());
}
