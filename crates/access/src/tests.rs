//! Keys open what they are for, sessions end, the audit log shows what was done to it.

use super::*;
use model::Timestamp;
use state::State;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn state() -> (tempfile::TempDir, State) {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(dir.path(), &[PART]).unwrap();
    (dir, state)
}

fn with_key(key: &str) -> Credentials {
    Credentials { keys: vec![key.to_owned()], ..Credentials::default() }
}

fn make(state: &State, project: &str, scopes: &[Scope], byte: u8) -> (String, String) {
    state.write(|tx| create_key(tx, &NewKey { name: "ci", project, scopes }, [byte; 32], NOW)).unwrap()
}

#[test]
fn without_credentials_configured_everybody_may_do_everything() {
    let (_dir, state) = state();
    let doors = Doors::open(state, Vec::new()).unwrap();
    assert!(!doors.are_closed());
    let caller = doors.identify(&with_key("any key"), Need::Admin, NOW).unwrap();
    assert_eq!((caller.who, &*caller.project), (Who::Anybody, "default"));
}

#[test]
fn a_key_opens_its_project_for_its_scopes_and_nothing_else() {
    let (_dir, state) = state();
    let (id, secret) = make(&state, "shop", &[Scope::Ingest, Scope::Read], 1);
    let doors = Doors::open(state, Vec::new()).unwrap();
    let caller = doors.identify(&with_key(&secret), Need::Read, NOW).unwrap();
    assert_eq!((caller.who.to_string(), &*caller.project), (format!("key:{id}"), "shop"));
    for (need, allowed) in
        [(Need::Ingest, true), (Need::Read, true), (Need::Respond, false), (Need::Write, false), (Need::Admin, false)]
    {
        assert_eq!(caller.check(need).is_ok(), allowed, "{need:?}");
    }
    let elsewhere = Credentials { project: Some("bank".into()), ..with_key(&secret) };
    assert!(matches!(doors.identify(&elsewhere, Need::Read, NOW), Err(Denied::Project { .. })));
    assert_eq!(doors.identify(&Credentials::default(), Need::Read, NOW), Err(Denied::Missing));
    assert_eq!(doors.identify(&with_key("twy_other"), Need::Read, NOW), Err(Denied::Unknown));
}

#[test]
fn nothing_that_is_kept_opens_a_door() {
    let (dir, state) = state();
    let (id, secret) = make(&state, "shop", &[Scope::Admin], 1);
    state.write(|tx| Ok(add_user(tx, "jane", "correct horse battery", [3; 16], NOW).unwrap())).unwrap().unwrap();
    let token = state.write(|tx| open_session(tx, "jane", [4; 32], NOW)).unwrap();
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for secret in [secret.as_str(), token.as_str(), "correct horse battery"] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
        }
    }
    assert!(!secret.contains(&id[2..]));
}

#[test]
fn a_revoked_key_and_a_rotated_one_open_nothing() {
    let (_dir, state) = state();
    let (first, old) = make(&state, "shop", &[Scope::Read], 1);
    let doors = Doors::open(state.clone(), Vec::new()).unwrap();
    let (second, new) = state.write(|tx| rotate_key(tx, &first, [2; 32], NOW)).unwrap().unwrap();
    doors.reload().unwrap();
    assert_eq!(doors.identify(&with_key(&old), Need::Read, NOW), Err(Denied::Unknown));
    assert_eq!(&*doors.identify(&with_key(&new), Need::Read, NOW).unwrap().project, "shop");
    assert!(state.write(|tx| revoke_key(tx, &second, NOW)).unwrap());
    assert!(!state.write(|tx| revoke_key(tx, &second, NOW)).unwrap());
    make(&state, "other", &[Scope::Read], 9);
    doors.reload().unwrap();
    assert_eq!(doors.identify(&with_key(&new), Need::Read, NOW), Err(Denied::Unknown));
}

#[test]
fn when_a_key_was_last_used_is_kept() {
    let (_dir, state) = state();
    let (_, secret) = make(&state, "shop", &[Scope::Read], 1);
    let doors = Doors::open(state.clone(), Vec::new()).unwrap();
    doors.identify(&with_key(&secret), Need::Read, NOW).unwrap();
    doors.note_used().unwrap();
    assert_eq!(state.read(keys).unwrap()[0].last_used, Some(NOW));
}

#[test]
fn keys_from_the_settings_send_and_close_only_sending() {
    let (_dir, state) = state();
    let declared = vec![(blake3::hash(b"sk-1"), "team-b".into())];
    let doors = Doors::open(state.clone(), declared).unwrap();
    assert_eq!(&*doors.identify(&with_key("sk-1"), Need::Ingest, NOW).unwrap().project, "team-b");
    assert_eq!(doors.identify(&with_key("sk-2"), Need::Ingest, NOW), Err(Denied::Unknown));
    assert!(doors.identify(&Credentials::default(), Need::Read, NOW).is_ok());
    make(&state, "shop", &[Scope::Read], 1);
    doors.reload().unwrap();
    assert!(doors.identify(&with_key("sk-1"), Need::Ingest, NOW).unwrap().check(Need::Read).is_err());
}

#[test]
fn a_person_signs_in_has_a_role_by_project_and_is_out_after_a_week() {
    let (_dir, state) = state();
    state
        .write(|tx| {
            add_user(tx, "jane", "correct horse battery", [3; 16], NOW).unwrap()?;
            set_role(tx, "jane", "shop", Some(Role::Responder))?;
            set_role(tx, "jane", "bank", Some(Role::Admin))
        })
        .unwrap();
    let doors = Doors::open(state.clone(), Vec::new()).unwrap();
    assert!(doors.password_fits("jane", "correct horse battery").unwrap());
    assert!(!doors.password_fits("jane", "correct horse batterx").unwrap());
    assert!(!doors.password_fits("nobody", "correct horse battery").unwrap());
    let token = state.write(|tx| open_session(tx, "jane", [4; 32], NOW)).unwrap();
    doors.reload().unwrap();
    let at = |project: Option<&str>, now| {
        let shown = Credentials { session: Some(token.clone()), project: project.map(str::to_owned), keys: Vec::new() };
        doors.identify(&shown, Need::Read, now)
    };
    let shop = at(Some("shop"), NOW).unwrap();
    assert!(
        shop.check(Need::Respond).is_ok()
            && shop.check(Need::Write).is_err()
            && shop.check_everywhere(Need::Read).is_err()
    );
    assert!(at(Some("bank"), NOW).unwrap().check(Need::Admin).is_ok());
    assert!(matches!(at(Some("mill"), NOW), Err(Denied::Project { .. })));
    assert_eq!(&*at(None, NOW).unwrap().project, "bank");
    let later = NOW.plus_nanos(SESSION_SECONDS * 1_000_000_000);
    assert_eq!(at(Some("shop"), later), Err(Denied::Unknown));
    state.write(|tx| close_session(tx, &token)).unwrap();
    doors.reload().unwrap();
    assert_eq!(at(Some("shop"), NOW), Err(Denied::Unknown));
}

#[test]
fn a_new_password_ends_sessions_and_a_short_one_is_refused() {
    let (_dir, state) = state();
    let added = state.write(|tx| Ok(add_user(tx, "jane", "short", [3; 16], NOW).map(|_| ()))).unwrap();
    assert!(added.unwrap_err().to_string().contains("at least 12"));
    state.write(|tx| add_user(tx, "jane", "correct horse battery", [3; 16], NOW).unwrap()).unwrap();
    state.write(|tx| open_session(tx, "jane", [4; 32], NOW)).unwrap();
    assert!(state.write(|tx| set_password(tx, "jane", "another horse battery", [5; 16]).unwrap()).unwrap());
    assert!(state.read(users::sessions).unwrap().is_empty());
    assert!(state.write(|tx| remove_user(tx, "jane")).unwrap());
    assert!(state.read(users).unwrap().is_empty());
}

#[test]
fn what_is_about_all_projects_needs_a_key_for_all() {
    let (_dir, state) = state();
    let (one, all) = (make(&state, "shop", &[Scope::Admin], 1).1, make(&state, "*", &[Scope::Read], 2).1);
    let doors = Doors::open(state, Vec::new()).unwrap();
    let caller = |key: &str, project: Option<&str>| {
        let shown = Credentials { project: project.map(str::to_owned), ..with_key(key) };
        doors.identify(&shown, Need::Read, NOW).unwrap()
    };
    assert!(matches!(caller(&one, None).check_everywhere(Need::Read), Err(Denied::Everywhere { .. })));
    assert!(caller(&all, None).check_everywhere(Need::Read).is_ok());
    assert!(matches!(caller(&all, None).check_everywhere(Need::Admin), Err(Denied::Right { .. })));
    assert_eq!(&*caller(&all, Some("bank")).project, "bank");
}

#[test]
fn roles_and_scopes_allow_more_from_row_to_row() {
    let needs = [Need::Read, Need::Respond, Need::Write, Need::Admin];
    let counts = |rights: Rights| needs.iter().filter(|need| rights.meet(**need)).count();
    assert_eq!(Role::ALL.map(|(role, _)| counts(role.rights())), [1, 2, 3, 4]);
    assert_eq!(Scope::ALL.map(|(scope, _)| counts(scope.rights())), [0, 1, 3, 4]);
    assert!("owner".parse::<Role>().unwrap_err().to_string().contains("viewer, responder"));
}

#[test]
fn too_many_requests_wait_and_callers_do_not_wait_for_each_other() {
    let buckets = Buckets::new(10.0);
    let taken = (0..100).filter(|_| buckets.take("a", NOW)).count();
    assert_eq!(taken, 20);
    assert!(buckets.take("b", NOW));
    let later = NOW.plus_nanos(500_000_000);
    assert_eq!((0..100).filter(|_| buckets.take("a", later)).count(), 5);
    for caller in 0..2 * MAX_BUCKETS {
        assert!(buckets.take(&caller.to_string(), later));
    }
}

fn three(state: &State) -> Head {
    for (number, action) in ["key.create", "key.revoke", "user.add"].into_iter().enumerate() {
        let at = NOW.plus_nanos(number as i64);
        state.write(|tx| append(tx, at, "shop", "user:jane", [action, "k_1", ""])).unwrap();
    }
    state.read(|conn| verify(conn, Log::People, None)).unwrap().head
}

#[test]
fn a_changed_a_missing_and_a_cut_off_entry_are_named() {
    let (_dir, state) = state();
    let head = three(&state);
    let check = |noted: Option<&Head>| state.read(|conn| verify(conn, Log::People, noted)).unwrap();
    assert_eq!((check(Some(&head)).entries, check(Some(&head)).broken), (3, Vec::new()));
    state.write(|tx| tx.execute("UPDATE audit_log SET actor = 'user:joe' WHERE seq = 2", [])).unwrap();
    assert_eq!(check(None).broken, [Broken::Changed { seq: 2 }]);
    state.write(|tx| tx.execute("DELETE FROM audit_log WHERE seq = 2", [])).unwrap();
    assert_eq!(check(None).broken, [Broken::Missing { from: 2, to: 2 }]);
    state.write(|tx| tx.execute("DELETE FROM audit_log WHERE seq = 3", [])).unwrap();
    assert_eq!(check(None).broken, []);
    assert_eq!(check(Some(&head)).broken, [Broken::Missing { from: 2, to: 3 }]);
}

#[test]
fn a_log_written_again_does_not_have_the_noted_hash() {
    let (_dir, state) = state();
    let head = three(&state);
    state.write(|tx| tx.execute("DELETE FROM audit_log", [])).unwrap();
    for _ in 0..3 {
        state.write(|tx| append(tx, NOW, "shop", "user:joe", ["key.create", "k_1", ""])).unwrap();
    }
    assert_eq!(
        state.read(|conn| verify(conn, Log::People, Some(&head))).unwrap().broken,
        [Broken::Rewritten { seq: 3 }]
    );
}

#[test]
fn old_entries_go_and_the_rest_still_verifies() {
    let (_dir, state) = state();
    let head = three(&state);
    assert_eq!(state.write(|tx| prune(tx, Log::People, |_| Some(NOW.plus_nanos(2)))).unwrap(), 2);
    let left = state.read(|conn| verify(conn, Log::People, Some(&head))).unwrap();
    assert_eq!((left.entries, left.first, left.broken.len()), (1, 3, 0));
    assert_eq!(state.write(|tx| prune(tx, Log::People, |_| Some(NOW.plus_nanos(9)))).unwrap(), 1);
    state.write(|tx| append(tx, NOW.plus_nanos(9), "*", "cli:root", ["x", "", ""])).unwrap();
    let left = state.read(|conn| verify(conn, Log::People, None)).unwrap();
    assert_eq!((left.head.seq, left.broken.len()), (4, 0));
    assert_eq!(state.read(|conn| entries(conn, Log::People, 0, 10, Some("shop"))).unwrap().len(), 1);
}

#[test]
fn each_project_keeps_its_part_of_the_log_as_long_as_it_wants_and_the_chain_holds() {
    let (_dir, state) = state();
    for (at, project) in [(1, "shop"), (2, "bank"), (3, "shop"), (4, "bank")] {
        state.write(|tx| append(tx, NOW.plus_nanos(at), project, "user:jane", ["view", "run", project])).unwrap();
    }
    let head = state.read(|conn| verify(conn, Log::People, None)).unwrap().head;
    let keep = |project: &str| (project == "shop").then(|| NOW.plus_nanos(9));
    assert_eq!(state.write(|tx| prune(tx, Log::People, keep)).unwrap(), 2);
    let left = state.read(|conn| verify(conn, Log::People, Some(&head))).unwrap();
    assert_eq!((left.entries, left.emptied, left.first, left.broken), (3, 1, 2, Vec::new()));
    let listed = state.read(|conn| entries(conn, Log::People, 0, 10, None)).unwrap();
    let listed: Vec<_> = listed.iter().map(|entry| (entry.seq, &*entry.action, &*entry.detail)).collect();
    assert_eq!(listed, [(2, "view", "bank"), (3, "emptied", ""), (4, "view", "bank")]);
    // Whoever changes the hash of an empty entry breaks the one after it.
    state.write(|tx| tx.execute("UPDATE audit_log SET hash = zeroblob(32) WHERE seq = 3", [])).unwrap();
    let broken = state.read(|conn| verify(conn, Log::People, None)).unwrap().broken;
    assert_eq!(broken, [Broken::Changed { seq: 4 }]);
}

#[test]
fn where_other_machines_reach_the_server_the_last_key_opens_nothing_by_going() {
    let (_dir, state) = state();
    let (id, key) = make(&state, "*", &[Scope::Admin], 1);
    let doors = Doors::open(state.clone(), Vec::new()).unwrap().always_asking(true);
    assert!(doors.identify(&with_key(&key), Need::Admin, NOW).is_ok());
    state.write(|tx| revoke_key(tx, &id, NOW)).unwrap();
    doors.reload().unwrap();
    assert_eq!(doors.identify(&Credentials::default(), Need::Read, NOW), Err(Denied::Missing));
}

#[test]
fn somebody_known_elsewhere_gets_exactly_the_roles_that_are_said_and_no_name_of_another() {
    let (_dir, state) = state();
    state.write(|tx| add_user(tx, "jane", "correct horse battery", [3; 16], NOW).unwrap()).unwrap();
    let admit = |name: &str, roles: &[(String, Role)]| {
        state.write(|tx| admit_identity(tx, "https://login.example|17", name, roles, NOW)).unwrap()
    };
    assert_eq!(admit("jane", &[("*".into(), Role::Admin)]), None, "the name is somebody's");
    assert_eq!(admit("jane@shop", &[("*".into(), Role::Admin)]).as_deref(), Some("jane@shop"));
    assert_eq!(admit("another-name", &[("shop".into(), Role::Viewer)]).as_deref(), Some("jane@shop"));
    let known = state.read(users).unwrap();
    assert_eq!(known[1].roles, [("shop".to_owned(), Role::Viewer)]);
    assert!(!state.read(|conn| users::password_fits(conn, "jane@shop", "")).unwrap());
    state.write(|tx| set_disabled(tx, "jane@shop", Some(NOW))).unwrap();
    assert_eq!(admit("jane@shop", &[("shop".into(), Role::Viewer)]), None);
}

#[test]
fn what_agents_did_is_a_chain_from_which_content_can_be_erased_and_nothing_changed() {
    let (_dir, state) = state();
    let trace = model::TraceId::from_array([7; 16]);
    let (step, other) = (format!("{trace}/01"), format!("{}/01", model::TraceId::from_array([8; 16])));
    state
        .write(|tx| {
            append_deed(tx, NOW, "shop", "clerk", ["tool.call", &step], Some("refund(42)"))?;
            append_deed(tx, NOW, "shop", "clerk", ["tool.result", &step], Some("done"))?;
            append_deed(tx, NOW, "shop", "clerk", ["tool.call", &other], Some("refund(7)"))
        })
        .unwrap();
    assert!(state.read(|conn| has_deed(conn, "shop", &step)).unwrap());
    assert_eq!(state.write(|tx| erase_said(tx, "shop", [&trace])).unwrap(), 2);
    let said: Vec<Option<String>> =
        state.read(|conn| deeds(conn, 0, 10, Some("shop"))).unwrap().into_iter().map(|(_, said)| said).collect();
    assert_eq!(said, [None, None, Some("refund(7)".to_owned())]);
    let check = || state.read(|conn| verify(conn, Log::Agents, None)).unwrap().broken;
    assert_eq!(check(), []);
    state.write(|tx| tx.execute("UPDATE audit_agents_said SET said = 'refund(9)'", [])).unwrap();
    assert_eq!(check(), [Broken::Changed { seq: 3 }]);
    state.write(|tx| tx.execute("DELETE FROM audit_agents WHERE seq = 2", [])).unwrap();
    assert!(check().contains(&Broken::Missing { from: 2, to: 2 }));
}
