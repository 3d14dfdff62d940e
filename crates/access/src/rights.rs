//! What one may do: the needs of routes, the scopes of keys and the roles of people, one table for all.

use std::str::FromStr;

/// What a route asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// Nothing: health, the pages themselves, signing in.
    Nothing,
    /// To be somebody, whatever they may do.
    Known,
    /// To send telemetry.
    Ingest,
    /// To see data.
    Read,
    /// To act in the night: acknowledge, silence, brake.
    Respond,
    /// To change rules, budgets, labels.
    Write,
    /// To see and change keys, users and the store.
    Admin,
}

/// What a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Sending telemetry.
    Ingest,
    /// Reading.
    Read,
    /// Reading, and changing what editors change.
    Write,
    /// Everything.
    Admin,
}

/// What a person is in a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Looks.
    Viewer,
    /// Looks, and acts on alerts.
    Responder,
    /// Changes rules and the like as well.
    Editor,
    /// Everything.
    Admin,
}

/// A set of needs that somebody meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rights(u8);

impl Rights {
    /// All of them.
    pub const ALL: Self = Self(u8::MAX);

    /// Whether they meet a need.
    pub fn meet(self, need: Need) -> bool {
        matches!(need, Need::Nothing | Need::Known) || self.0 & (1 << need as u8) != 0
    }

    fn of(needs: &[Need]) -> Self {
        Self(needs.iter().fold(0, |set, need| set | 1 << *need as u8))
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Scope {
    /// All, by their words.
    pub const ALL: [(Self, &'static str); 4] =
        [(Self::Ingest, "ingest"), (Self::Read, "read"), (Self::Write, "write"), (Self::Admin, "admin")];

    /// What the scope allows.
    pub fn rights(self) -> Rights {
        match self {
            Self::Ingest => Rights::of(&[Need::Ingest]),
            Self::Read => Rights::of(&[Need::Read]),
            Self::Write => Rights::of(&[Need::Read, Need::Respond, Need::Write]),
            Self::Admin => Rights::ALL,
        }
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        word(&Self::ALL, self)
    }
}

impl Role {
    /// All, by their words.
    pub const ALL: [(Self, &'static str); 4] =
        [(Self::Viewer, "viewer"), (Self::Responder, "responder"), (Self::Editor, "editor"), (Self::Admin, "admin")];

    /// What the role allows.
    pub fn rights(self) -> Rights {
        match self {
            Self::Viewer => Rights::of(&[Need::Read]),
            Self::Responder => Rights::of(&[Need::Read, Need::Respond]),
            Self::Editor => Rights::of(&[Need::Read, Need::Respond, Need::Write]),
            Self::Admin => Rights::ALL,
        }
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        word(&Self::ALL, self)
    }
}

fn word<T: Copy + PartialEq>(all: &[(T, &'static str)], one: T) -> &'static str {
    all.iter().find(|(known, _)| *known == one).map_or("", |(_, word)| word)
}

/// A word that names no scope or role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {what} `{word}`: use {known}")]
pub struct UnknownWord {
    what: &'static str,
    word: String,
    known: &'static str,
}

impl FromStr for Scope {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.iter().find(|(_, word)| *word == text).map(|(scope, _)| *scope);
        found.ok_or_else(|| UnknownWord { what: "scope", word: text.to_owned(), known: "ingest, read, write, admin" })
    }
}

impl FromStr for Role {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.iter().find(|(_, word)| *word == text).map(|(role, _)| *role);
        found.ok_or_else(|| UnknownWord { what: "role", word: text.to_owned(), known: "viewer, responder, editor, admin" })
    }
}
