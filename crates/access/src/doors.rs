//! Who is at the door: keys, users and sessions in memory, so that a request waits for no disk.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use model::{Tenant, Timestamp};
use state::{State, StateError};

use crate::keys;
use crate::rights::{Need, Rights, Scope};
use crate::users::{self, User};

/// Times of use closer together than this are one.
const USED_STEP_NANOS: i64 = 60 * 1_000_000_000;

/// What a request shows.
#[derive(Clone, Default)]
pub struct Credentials {
    /// Everything in its headers that may be a key.
    pub keys: Vec<String>,
    /// The token of a session, from the cookie.
    pub session: Option<String>,
    /// The project it asks for, where it names one.
    pub project: Option<String>,
}

/// A key from the settings: hash and project; it may send telemetry.
pub type Declared = (blake3::Hash, Arc<str>);

/// Who somebody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Nobody in particular: the server asks for no credentials.
    Anybody,
    /// A key, by its id; `declared` for one from the settings.
    Key(Arc<str>),
    /// A person, by name.
    User(Arc<str>),
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Anybody => f.write_str("anybody"),
            Self::Key(id) => write!(f, "key:{id}"),
            Self::User(name) => write!(f, "user:{name}"),
        }
    }
}

/// Somebody with rights in a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub who: Who,
    /// The project the request is about.
    pub project: Arc<str>,
    /// What they may do there.
    pub rights: Rights,
    /// Whether their rights hold in every project.
    pub everywhere: bool,
}

/// Why somebody is turned away.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Nothing shown.
    #[error(
        "this server asks for a key or a session: send `Authorization: Bearer KEY`, `x-api-key: KEY` or HTTP Basic public:secret, or sign in (POST /api/v1/login)"
    )]
    Missing,
    /// Shown, and not known here or not any more.
    #[error(
        "the key or session is not known here, was revoked or has ended: `tawny keys list` names the keys there are"
    )]
    Unknown,
    /// The project asked for is no name.
    #[error("`{project}` cannot be a project's name: use letters, digits, - _ . and @")]
    Name {
        /// What was sent.
        project: String,
    },
    /// Known, without a part in the project.
    #[error("`{who}` has no part in the project `{project}`")]
    Project {
        /// Who.
        who: String,
        /// The project asked for.
        project: String,
    },
    /// Known, for some projects, where it is about all.
    #[error(
        "`{who}` may not do this: it shows or changes the data of all projects, and needs a key or role for all (`--project '*'`)"
    )]
    Everywhere {
        /// Who.
        who: String,
    },
    /// Known, and may not do that.
    #[error("`{who}` may not do this in the project `{project}`: it needs the right to {need}")]
    Right {
        /// Who.
        who: String,
        /// The project.
        project: String,
        /// What is missing.
        need: &'static str,
    },
}

impl Caller {
    /// Whether they may do what a route is for.
    ///
    /// # Errors
    /// When not.
    pub fn check(&self, need: Need) -> Result<(), Denied> {
        if self.rights.meet(need) {
            return Ok(());
        }
        let need = match need {
            Need::Nothing | Need::Known => "be known",
            Need::Ingest => "send telemetry (scope ingest)",
            Need::Read => "read (scope read, role viewer)",
            Need::Respond => "respond (scope write, role responder)",
            Need::Write => "change things (scope write, role editor)",
            Need::Admin => "administer (scope admin, role admin)",
        };
        Err(Denied::Right { who: self.who.to_string(), project: self.project.to_string(), need })
    }

    /// Whether they may do what is about all projects.
    ///
    /// # Errors
    /// When not.
    pub fn check_everywhere(&self, need: Need) -> Result<(), Denied> {
        self.check(need)?;
        if self.everywhere { Ok(()) } else { Err(Denied::Everywhere { who: self.who.to_string() }) }
    }
}

/// Keys, users and sessions as they are now.
pub struct Doors {
    state: State,
    declared: Vec<Declared>,
    /// Credentials are asked for even where there are none: other machines reach the server.
    always: bool,
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    keys: HashMap<blake3::Hash, Held>,
    users: HashMap<String, Arc<User>>,
    sessions: HashMap<blake3::Hash, (String, Timestamp)>,
}

struct Held {
    id: Arc<str>,
    project: Arc<str>,
    rights: Rights,
    /// Nanoseconds; what is in the state, or later.
    used: AtomicI64,
    written: i64,
}

impl Doors {
    /// Opens the doors with what the state holds, and keys from the settings.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn open(state: State, declared: Vec<Declared>) -> Result<Self, StateError> {
        let doors = Self { state, declared, always: false, known: RwLock::default() };
        doors.reload()?;
        Ok(doors)
    }

    /// Asks for credentials from now on, also when the last key is revoked and the last user removed: where other machines reach
    /// the server, that must not open it.
    #[must_use]
    pub fn always_asking(mut self, always: bool) -> Self {
        self.always = always;
        self
    }

    /// The state behind them.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Reads the state again: another program (`tawny keys`) may have changed it. Blocks.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn reload(&self) -> Result<(), StateError> {
        let (keys, users, sessions) =
            self.state.read(|conn| Ok((keys::keys(conn)?, users::users(conn)?, users::sessions(conn)?)))?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::take(&mut known.keys);
        for key in keys.into_iter().filter(|key| key.revoked.is_none()) {
            let written = key.last_used.map_or(0, Timestamp::as_nanos);
            let used = old.get(&key.hash).map_or(0, |held| held.used.load(Ordering::Relaxed)).max(written);
            let held = Held {
                id: key.id.into(),
                project: key.project.into(),
                rights: key.scopes.iter().map(|scope| scope.rights()).fold(Rights::default(), Rights::and),
                used: AtomicI64::new(used),
                written,
            };
            known.keys.insert(key.hash, held);
        }
        known.users = users.into_iter().map(|user| (user.name.clone(), Arc::new(user))).collect();
        known.sessions = sessions.into_iter().map(|(hash, name, expires)| (hash, (name, expires))).collect();
        Ok(())
    }

    /// Writes down when keys were last used. Blocks.
    ///
    /// # Errors
    /// When the state cannot be written.
    pub fn note_used(&self) -> Result<(), StateError> {
        let used: Vec<(String, Timestamp)> = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            let late = known.keys.values().filter_map(|held| {
                let used = held.used.load(Ordering::Relaxed);
                (used - held.written >= USED_STEP_NANOS).then(|| (held.id.to_string(), Timestamp::from_nanos(used)))
            });
            late.collect()
        };
        if used.is_empty() {
            return Ok(());
        }
        self.state.write(|tx| keys::note_used(tx, &used))?;
        self.reload()
    }

    /// Whether anything but keys from the settings exists: then everything asks for credentials.
    pub fn are_closed(&self) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        self.always || !known.keys.is_empty() || !known.users.is_empty()
    }

    /// The projects that senders may name by their keys, each once.
    pub fn projects(&self) -> BTreeSet<Arc<str>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let of_keys = known.keys.values().map(|held| Arc::clone(&held.project)).filter(|project| &**project != "*");
        let declared = self.declared.iter().map(|(_, project)| Arc::clone(project));
        of_keys.chain(declared).chain([Tenant::DEFAULT_PROJECT.into()]).collect()
    }

    /// The projects that somebody may ask about; `None` where that is every project.
    pub fn projects_of(&self, caller: &Caller) -> Option<BTreeSet<Arc<str>>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let named: BTreeSet<Arc<str>> = match &caller.who {
            Who::Anybody => BTreeSet::from([Arc::clone(&caller.project)]),
            Who::Key(id) => {
                let held = known.keys.values().find(|held| held.id == *id);
                BTreeSet::from([held.map_or_else(|| Arc::clone(&caller.project), |held| Arc::clone(&held.project))])
            }
            Who::User(name) => {
                let roles = known.users.get(&**name).map(|user| user.roles.as_slice()).unwrap_or_default();
                roles.iter().map(|(project, _)| Arc::from(project.as_str())).collect()
            }
        };
        (!named.contains("*")).then_some(named)
    }

    /// Who shows these credentials, and in which project.
    ///
    /// # Errors
    /// When credentials are asked for and these are none, or not for that project.
    pub fn identify(&self, shown: &Credentials, need: Need, now: Timestamp) -> Result<Caller, Denied> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let closed = self.always || !known.keys.is_empty() || !known.users.is_empty();
        let asks = closed || (need == Need::Ingest && !self.declared.is_empty());
        if let Some(project) = shown.project.as_ref().filter(|name| !crate::is_name(name)) {
            return Err(Denied::Name { project: project.clone() });
        }
        for key in &shown.keys {
            // Looked up by hash: how long that takes says nothing of the key.
            let hash = crate::hash(key);
            if let Some(held) = known.keys.get(&hash) {
                held.used.fetch_max(now.as_nanos(), Ordering::Relaxed);
                let who = Who::Key(Arc::clone(&held.id));
                let project = match (&*held.project, shown.project.as_deref()) {
                    ("*", Some(wanted)) => wanted.into(),
                    ("*", None) => Tenant::DEFAULT_PROJECT.into(),
                    (own, Some(wanted)) if wanted != own => {
                        return Err(Denied::Project { who: who.to_string(), project: wanted.to_owned() });
                    }
                    _ => Arc::clone(&held.project),
                };
                return Ok(Caller { who, project, rights: held.rights, everywhere: &*held.project == "*" });
            }
            // All are compared, also after one fitted.
            let declared = self
                .declared
                .iter()
                .fold(None, |found, (known, project)| if *known == hash { Some(project) } else { found });
            if let Some(project) = declared {
                let rights = if closed { Scope::Ingest.rights() } else { Rights::ALL };
                let who = Who::Key("declared".into());
                return Ok(Caller { who, project: Arc::clone(project), rights, everywhere: !closed });
            }
        }
        if let Some(token) = &shown.session
            && let Some((name, expires)) = known.sessions.get(&blake3::hash(token.as_bytes()))
            && *expires > now
            && let Some(user) = known.users.get(name)
            && user.disabled.is_none()
        {
            return of_user(user, shown.project.as_deref());
        }
        if asks {
            let nothing = shown.keys.is_empty() && shown.session.is_none();
            return Err(if nothing { Denied::Missing } else { Denied::Unknown });
        }
        // A project is opened by a key of it, not by naming it.
        Ok(Caller { who: Who::Anybody, project: Tenant::DEFAULT_PROJECT.into(), rights: Rights::ALL, everywhere: true })
    }

    /// Whether a person of that name has that password. Blocks, and takes its time.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn password_fits(&self, name: &str, password: &str) -> Result<bool, StateError> {
        self.state.read(|conn| users::password_fits(conn, name, password))
    }
}

fn of_user(user: &User, wanted: Option<&str>) -> Result<Caller, Denied> {
    let who = Who::User(user.name.as_str().into());
    let own = || user.roles.iter().map(|(project, _)| project.as_str()).find(|project| *project != "*");
    let project = match wanted {
        Some(wanted) => wanted,
        None if user.role(Tenant::DEFAULT_PROJECT).is_some() => Tenant::DEFAULT_PROJECT,
        None => own().unwrap_or(Tenant::DEFAULT_PROJECT),
    };
    let role =
        user.role(project).ok_or_else(|| Denied::Project { who: who.to_string(), project: project.to_owned() })?;
    // The role of this project counts here, which may be less than that of all.
    let everywhere = !user.roles.iter().any(|(named, _)| named == project);
    Ok(Caller { who, project: project.into(), rights: role.rights(), everywhere })
}
