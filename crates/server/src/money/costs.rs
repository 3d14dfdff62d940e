//! Costs by up to two keys, over time.
//!
//! Sums by hour answer, which are kept for ever; where a key or filter asks for a run, session or user, the entries do, which are
//! kept for [`super::kept::MONEY_ENTRIES_KEPT`].

use std::collections::BTreeMap;
use std::fmt::Write;

use model::{Timestamp, Usd};
use signals::money::{DAY, HOUR, hour_of, month_of};
use state::rusqlite::types::Value;
use state::rusqlite::{self, Connection, params_from_iter};

/// Most rows of one answer.
pub const COST_ROWS_MAX: usize = 10_000;
/// Most keys to group by.
pub const KEYS_MAX: usize = 2;

macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $hours:expr, $calls:literal;)+) => {
        /// What costs can be grouped and filtered by.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Key { $($(#[$doc])* $name),+ }

        impl Key {
            /// Every key.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The word used in the API.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }

            /// Its column in the sums by hour; `None` where only entries know it.
            const fn of_hours(self) -> Option<&'static str> {
                match self { $(Self::$name => $hours),+ }
            }

            /// What it is in the entries.
            const fn of_calls(self) -> &'static str {
                match self { $(Self::$name => $calls),+ }
            }
        }
    };
}

keys! {
    /// Agent that made the call.
    Agent = "agent", Some("agent"), "coalesce(c.agent, '')";
    /// Workflow, else the run's name.
    Workflow = "workflow", Some("workflow"), "r.workflow";
    /// Tool inside of which the call was made.
    Tool = "tool", Some("tool"), "coalesce(c.tool, '')";
    /// Model.
    Model = "model", Some("model"), "coalesce(c.model, '')";
    /// Provider.
    Provider = "provider", Some("provider"), "coalesce(c.provider, '')";
    /// Version of the agent.
    Version = "version", Some("version"), "coalesce(r.version, '')";
    /// Environment.
    Environment = "environment", Some("environment"), "r.environment";
    /// Where the cost comes from.
    Source = "source", Some("basis"), "c.basis";
    /// Conversation.
    Session = "session", None, "coalesce(r.session, '')";
    /// End user.
    User = "user", None, "coalesce(r.user, '')";
    /// Run.
    Run = "run", None, "lower(hex(r.trace))";
}

impl std::str::FromStr for Key {
    type Err = ();
    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|key| key.as_str() == word).ok_or(())
    }
}

/// Length of the stretches of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Hours.
    Hour,
    /// Days, UTC.
    Day,
    /// Months, UTC.
    Month,
}

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// Project.
    pub project: String,
    /// Calls of this hour and later.
    pub from: Option<Timestamp>,
    /// Calls before this hour.
    pub to: Option<Timestamp>,
    /// By what.
    pub by: Vec<Key>,
    /// Over time, in such stretches.
    pub step: Option<Step>,
    /// Only these values.
    pub only: Vec<(Key, Vec<String>)>,
}

/// Sums of one stretch and group.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sums {
    /// Entries of the ledger.
    pub calls: u64,
    /// Input tokens.
    pub input: u64,
    /// Output tokens.
    pub output: u64,
    /// Input read from a cache.
    pub cache_read: u64,
    /// Input written to a cache.
    pub cache_write: u64,
    /// Reasoning in the output.
    pub reasoning: u64,
    /// Tokens nobody knows the cost of.
    pub unpriced: u64,
    /// Money, guesses included.
    pub usd: Usd,
    /// Of that, guessed.
    pub estimated: Usd,
}

impl Sums {
    /// Adds `other`.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.calls, other.calls),
            (&mut self.input, other.input),
            (&mut self.output, other.output),
            (&mut self.cache_read, other.cache_read),
            (&mut self.cache_write, other.cache_write),
            (&mut self.reasoning, other.reasoning),
            (&mut self.unpriced, other.unpriced),
        ] {
            *mine = mine.saturating_add(theirs);
        }
        self.usd = self.usd.plus(other.usd);
        self.estimated = self.estimated.plus(other.estimated);
    }
}

/// Sums by beginning of the stretch and values of the keys; an empty value is one nobody knows.
pub type Rows = BTreeMap<(Option<Timestamp>, Vec<String>), Sums>;

/// Where the numbers come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// Sums by hour: complete.
    Hours,
    /// Entries: as far back as they are kept.
    Entries,
}

impl Question {
    /// Which table answers.
    pub fn source(&self) -> From {
        let keys = self.by.iter().chain(self.only.iter().map(|(key, _)| key));
        if keys.clone().all(|key| key.of_hours().is_some()) { From::Hours } else { From::Entries }
    }

    fn sql(&self) -> (String, Vec<Value>) {
        let source = self.source();
        let column = |key: Key| match source {
            From::Hours => key.of_hours().unwrap_or("''"),
            From::Entries => key.of_calls(),
        };
        let (time, unpriced, calls) = match source {
            From::Hours => ("hour", "unpriced", "calls"),
            From::Entries => (
                "c.at",
                "iif(c.pico IS NULL AND c.basis <> 'elsewhere' AND c.tells,
                     max(coalesce(c.input, 0) + coalesce(c.output, 0), coalesce(c.total, 0)), 0)",
                "1",
            ),
        };
        let tokens = |name: &str| match source {
            From::Hours => name.to_owned(),
            From::Entries => format!("iif(c.tells, coalesce(c.{name}, 0), 0)"),
        };
        let (pico, basis) = match source {
            From::Hours => ("pico", "basis"),
            From::Entries => ("coalesce(c.pico, 0)", "c.basis"),
        };
        let stretch = match self.step {
            None => "0".to_owned(),
            Some(Step::Hour) => format!("{time} - {time} % {HOUR}"),
            Some(Step::Day | Step::Month) => format!("{time} - {time} % {DAY}"),
        };
        let mut sql = format!("SELECT {stretch}");
        for key in &self.by {
            let _ = write!(sql, ", {}", column(*key));
        }
        let _ = write!(sql, ", sum({calls})");
        for name in ["input", "output", "cache_read", "cache_write", "reasoning"] {
            let _ = write!(sql, ", sum({})", tokens(name));
        }
        // Millionths and their rest apart: a sum of whole 10⁻¹² dollars would pass 64 bits at 9 million dollars.
        let guessed = format!("iif({basis} = 'estimated', {pico}, 0)");
        let _ = write!(sql, ", sum({unpriced}), sum({pico} / 1000000), sum({pico} % 1000000)");
        let _ = write!(sql, ", sum({guessed} / 1000000), sum({guessed} % 1000000)");
        let mut values = vec![Value::Text(self.project.clone())];
        sql.push_str(match source {
            From::Hours => " FROM money_hours WHERE project = ?",
            From::Entries => " FROM money_calls c JOIN money_runs r ON r.id = c.run WHERE r.project = ?",
        });
        // Runs whose calls are all from before are not looked into.
        if let (From::Entries, Some(at)) = (source, self.from) {
            sql.push_str(" AND r.last >= ?");
            values.push(Value::Integer(hour_of(at).as_nanos()));
        }
        for (bound, sign) in [(self.from, ">="), (self.to, "<")] {
            if let Some(at) = bound {
                let _ = write!(sql, " AND {time} {sign} ?");
                values.push(Value::Integer(hour_of(at).as_nanos()));
            }
        }
        for (key, wanted) in &self.only {
            let places = vec!["?"; wanted.len()].join(", ");
            let _ = write!(sql, " AND {} IN ({places})", column(*key));
            values.extend(wanted.iter().cloned().map(Value::Text));
        }
        let groups: Vec<String> = (1..=1 + self.by.len()).map(|at| at.to_string()).collect();
        let _ = write!(sql, " GROUP BY {} LIMIT ?", groups.join(", "));
        values.push(Value::Integer(ROWS_READ));
        (sql, values)
    }

    /// Asks. More than [`COST_ROWS_MAX`] rows are not read to the end: the caller says so.
    pub fn ask(&self, connection: &Connection) -> rusqlite::Result<Rows> {
        let (sql, values) = self.sql();
        let mut query = connection.prepare_cached(&sql)?;
        let mut found = query.query(params_from_iter(values))?;
        let mut rows = Rows::new();
        while let Some(row) = found.next()? {
            let keys = self.by.len();
            let number = |at: usize| row.get::<_, Option<i64>>(1 + keys + at).map(|sum| sum.unwrap_or(0));
            let count = |at: usize| number(at).map(|sum| u64::try_from(sum).unwrap_or(0));
            let money = |at: usize| -> rusqlite::Result<Usd> {
                Ok(Usd::from_pico(i128::from(number(at)?) * 1_000_000 + i128::from(number(at + 1)?)))
            };
            let sums = Sums {
                calls: count(0)?,
                input: count(1)?,
                output: count(2)?,
                cache_read: count(3)?,
                cache_write: count(4)?,
                reasoning: count(5)?,
                unpriced: count(6)?,
                usd: money(7)?,
                estimated: money(9)?,
            };
            let at = Timestamp::from_nanos(row.get(0)?);
            let time = self.step.map(|step| if step == Step::Month { month_of(at) } else { at });
            let by = (1..=keys).map(|at| row.get(at)).collect::<rusqlite::Result<Vec<String>>>()?;
            // Without rows to sum, SQLite still gives one.
            if sums != Sums::default() {
                rows.entry((time, by)).or_default().add(&sums);
            }
        }
        Ok(rows)
    }
}

/// Rows read at most: days of a month are put together afterwards.
const ROWS_READ: i64 = 32 * COST_ROWS_MAX as i64;

/// Money by agent that it delegated to agents below it.
pub fn delegated(connection: &Connection, question: &Question) -> rusqlite::Result<BTreeMap<String, Usd>> {
    let mut query = connection.prepare_cached(
        "SELECT agent, sum(pico / 1000000), sum(pico % 1000000) FROM money_delegated
         WHERE project = ?1 AND hour >= ?2 AND hour < ?3 GROUP BY agent",
    )?;
    let bound = |at: Option<Timestamp>, otherwise| at.map_or(otherwise, |at| hour_of(at).as_nanos());
    let values = (&question.project, bound(question.from, i64::MIN), bound(question.to, i64::MAX));
    let rows = query.query_map(values, |row| {
        let (millionths, rest): (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok((row.get(0)?, Usd::from_pico(i128::from(millionths) * 1_000_000 + i128::from(rest))))
    })?;
    rows.collect()
}

/// Money by hour since `from`, for a forecast.
pub fn by_hour(connection: &Connection, project: &str, from: Timestamp) -> rusqlite::Result<BTreeMap<Timestamp, Usd>> {
    let question =
        Question { project: project.to_owned(), from: Some(from), step: Some(Step::Hour), ..Question::default() };
    let rows = question.ask(connection)?;
    Ok(rows.into_iter().filter_map(|((hour, _), sums)| Some((hour?, sums.usd))).collect())
}

#[cfg(test)]
mod tests;
