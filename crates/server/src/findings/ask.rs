//! Reading findings and issues, and deciding about issues.

use model::{Finding, Timestamp, TraceId};
use state::rusqlite::{Connection, OptionalExtension, Result, Row, ToSql, Transaction, params, params_from_iter};

use super::{NEW_MAX, NEW_NANOS};

/// Which findings or issues are meant. Nothing given means all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// Detectors.
    pub detectors: Vec<String>,
    /// Severities.
    pub severities: Vec<String>,
    /// Agents.
    pub agents: Vec<String>,
    /// Run.
    pub trace: Option<TraceId>,
    /// Issue.
    pub fingerprint: Option<String>,
    /// States of issues.
    pub states: Vec<String>,
    /// Text that an issue's detector, agent or message must contain; the case of Latin letters is ignored.
    pub text: Option<String>,
    /// From this moment on: of findings when they happened, of issues when they were seen last.
    pub from: Option<Timestamp>,
    /// Until this moment.
    pub to: Option<Timestamp>,
}

/// Where a page of findings begins: after the one of that time and that number.
#[derive(Debug, Clone, PartialEq)]
pub struct After {
    /// Time of the last finding of the page before.
    pub at: i64,
    /// What tells it from others of the same time.
    pub number: i64,
}

/// What issues can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IssueSortKey {
    /// When they were seen last.
    #[default]
    LastSeen,
    /// When they were seen first.
    FirstSeen,
    /// Findings so far.
    Count,
    /// Severity, and within it when they were seen last.
    Severity,
}

impl IssueSortKey {
    /// Every value with the word used in the API.
    pub const ALL: &[(&str, Self)] = &[
        ("last_seen", Self::LastSeen),
        ("first_seen", Self::FirstSeen),
        ("count", Self::Count),
        ("severity", Self::Severity),
    ];

    const fn sql(self) -> &'static str {
        match self {
            Self::LastSeen => "last_seen",
            Self::FirstSeen => "first_seen",
            Self::Count => "count",
            Self::Severity => "CASE severity WHEN 'critical' THEN 2 WHEN 'warning' THEN 1 ELSE 0 END",
        }
    }

    fn of(self, issue: &Issue) -> i64 {
        match self {
            Self::LastSeen => issue.last_seen.as_nanos(),
            Self::FirstSeen => issue.first_seen.as_nanos(),
            Self::Count => issue.count.cast_signed(),
            Self::Severity => match issue.severity.as_str() {
                "critical" => 2,
                "warning" => 1,
                _ => 0,
            },
        }
    }
}

/// How issues are ordered; those that are equal in it by when they were seen last, then by fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IssueSort {
    /// By what.
    pub key: IssueSortKey,
    /// Largest first.
    pub descending: bool,
}

impl Default for IssueSort {
    /// Last seen first.
    fn default() -> Self {
        Self { key: IssueSortKey::default(), descending: true }
    }
}

/// Where a page of issues begins: after this one.
#[derive(Debug, Clone, PartialEq)]
pub struct AfterIssue {
    /// What it is sorted by.
    pub value: i64,
    /// When it was seen last.
    pub last_seen: i64,
    /// Its fingerprint.
    pub fingerprint: String,
}

impl AfterIssue {
    /// Where the page after this issue begins.
    pub fn of(sort: IssueSort, issue: &Issue) -> Self {
        let (value, last_seen) = (sort.key.of(issue), issue.last_seen.as_nanos());
        Self { value, last_seen, fingerprint: issue.fingerprint.clone() }
    }
}

/// A finding as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// Orders findings of one time.
    pub number: i64,
    /// Agent; empty where it has no name.
    pub agent: String,
    /// What was seen.
    pub finding: Finding,
}

/// An issue as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Issue {
    /// The fingerprint of its findings.
    pub fingerprint: String,
    /// Detector.
    pub detector: String,
    /// Severity of the last finding.
    pub severity: String,
    /// Environment.
    pub environment: String,
    /// Agent.
    pub agent: String,
    /// Message of the last finding.
    pub message: String,
    /// First seen.
    pub first_seen: Timestamp,
    /// Last seen.
    pub last_seen: Timestamp,
    /// Findings.
    pub count: u64,
    /// Run of the last finding.
    pub last_trace: TraceId,
    /// `open`, `acknowledged`, `resolved`, `regressed` or `muted`.
    pub state: String,
    /// Who looks after it.
    pub owner: Option<String>,
    /// When its state changed last.
    pub changed: Timestamp,
    /// Runs among the findings that are kept.
    pub runs: u64,
    /// Users among them.
    pub users: u64,
    /// Versions among them.
    pub versions: Vec<String>,
}

struct Where {
    sql: String,
    values: Vec<Box<dyn ToSql>>,
}

impl Where {
    fn new(project: &str) -> Self {
        Self { sql: "project = ?".into(), values: vec![Box::new(project.to_string())] }
    }

    fn one_of(&mut self, column: &str, values: &[String]) {
        if !values.is_empty() {
            let marks = vec!["?"; values.len()].join(", ");
            self.sql.push_str(&format!(" AND {column} IN ({marks})"));
            self.values.extend(values.iter().map(|value| Box::new(value.clone()) as Box<dyn ToSql>));
        }
    }

    fn and(&mut self, condition: &str, values: impl IntoIterator<Item = Box<dyn ToSql>>) {
        self.sql.push_str(&format!(" AND {condition}"));
        self.values.extend(values);
    }

    fn times(&mut self, column: &str, filter: &Filter) {
        if let Some(from) = filter.from {
            self.and(&format!("{column} >= ?"), [Box::new(from.as_nanos()) as Box<dyn ToSql>]);
        }
        if let Some(to) = filter.to {
            self.and(&format!("{column} < ?"), [Box::new(to.as_nanos()) as Box<dyn ToSql>]);
        }
    }
}

/// One page of findings, newest first; one more than `limit` where there are more.
pub fn findings(
    connection: &Connection,
    project: &str,
    filter: &Filter,
    after: Option<&After>,
    limit: usize,
) -> Result<Vec<Kept>> {
    let mut wanted = Where::new(project);
    wanted.one_of("detector", &filter.detectors);
    wanted.one_of("severity", &filter.severities);
    wanted.one_of("agent", &filter.agents);
    wanted.one_of("fingerprint", filter.fingerprint.as_slice());
    if let Some(trace) = filter.trace {
        wanted.and("trace = ?", [Box::new(trace.as_bytes().to_vec()) as Box<dyn ToSql>]);
    }
    wanted.times("at", filter);
    if let Some(after) = after {
        wanted.and("(at, number) < (?, ?)", [Box::new(after.at) as Box<dyn ToSql>, Box::new(after.number)]);
    }
    let sql = format!(
        "SELECT number, agent, body FROM findings WHERE {} ORDER BY at DESC, number DESC LIMIT {}",
        wanted.sql,
        limit + 1
    );
    let mut query = connection.prepare_cached(&sql)?;
    let rows = query
        .query_map(params_from_iter(wanted.values), |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?)))?;
    let mut found = Vec::new();
    for row in rows {
        let (number, agent, body) = row?;
        // Written by this program: it reads back.
        found.extend(serde_json::from_str(&body).ok().map(|finding| Kept { number, agent, finding }));
    }
    Ok(found)
}

const ISSUE: &str = "fingerprint, detector, severity, environment, agent, message, first_seen, last_seen, count, last_trace, state, owner, changed";

fn issue(row: &Row<'_>) -> Result<Issue> {
    let time = |at: usize| row.get::<_, i64>(at).map(Timestamp::from_nanos);
    let trace: Vec<u8> = row.get(9)?;
    Ok(Issue {
        fingerprint: row.get(0)?,
        detector: row.get(1)?,
        severity: row.get(2)?,
        environment: row.get(3)?,
        agent: row.get(4)?,
        message: row.get(5)?,
        first_seen: time(6)?,
        last_seen: time(7)?,
        count: row.get::<_, i64>(8)?.cast_unsigned(),
        last_trace: TraceId::from_slice(&trace).unwrap_or(TraceId::from_array([1; 16])),
        state: row.get(10)?,
        owner: row.get(11)?,
        changed: time(12)?,
        runs: 0,
        users: 0,
        versions: Vec::new(),
    })
}

/// One page of issues; one more than `limit` where there are more.
pub fn issues(
    connection: &Connection,
    project: &str,
    filter: &Filter,
    sort: IssueSort,
    after: Option<&AfterIssue>,
    limit: usize,
) -> Result<Vec<Issue>> {
    let mut wanted = Where::new(project);
    wanted.one_of("detector", &filter.detectors);
    wanted.one_of("severity", &filter.severities);
    wanted.one_of("agent", &filter.agents);
    wanted.one_of("state", &filter.states);
    wanted.one_of("fingerprint", filter.fingerprint.as_slice());
    wanted.times("last_seen", filter);
    if let Some(text) = &filter.text {
        let said = "detector || ' ' || replace(detector, '_', ' ') || ' in ' || agent || ' ' || message";
        wanted.and(&format!("instr(lower({said}), lower(?)) > 0"), [Box::new(text.clone()) as Box<dyn ToSql>]);
    }
    // One whose only finding was taken back is none.
    wanted.and("count > 0", []);
    let key = sort.key.sql();
    let (beyond, way) = if sort.descending { ('<', "DESC") } else { ('>', "ASC") };
    if let Some(after) = after {
        wanted.and(
            &format!("({key}, last_seen, fingerprint) {beyond} (?, ?, ?)"),
            [Box::new(after.value) as Box<dyn ToSql>, Box::new(after.last_seen), Box::new(after.fingerprint.clone())],
        );
    }
    let sql = format!(
        "SELECT {ISSUE} FROM findings_issues WHERE {} ORDER BY {key} {way}, last_seen {way}, fingerprint {way} LIMIT {}",
        wanted.sql,
        limit + 1
    );
    let mut query = connection.prepare_cached(&sql)?;
    let mut found: Vec<Issue> = query.query_map(params_from_iter(wanted.values), issue)?.collect::<Result<_>>()?;
    for issue in &mut found {
        hit(connection, project, issue)?;
    }
    Ok(found)
}

/// Runs, users and versions that an issue hit, among the findings that are kept.
fn hit(connection: &Connection, project: &str, issue: &mut Issue) -> Result<()> {
    let mut query = connection.prepare_cached(
        "SELECT count(DISTINCT trace), count(DISTINCT user), coalesce(group_concat(DISTINCT version), '')
         FROM findings WHERE project = ?1 AND fingerprint = ?2",
    )?;
    let (runs, users, versions): (i64, i64, String) =
        query.query_row(params![project, issue.fingerprint], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    issue.runs = runs.cast_unsigned();
    issue.users = users.cast_unsigned();
    issue.versions = versions.split(',').filter(|version| !version.is_empty()).map(str::to_owned).collect();
    Ok(())
}

/// Changes the state and the owner of an issue; `None` where there is no such issue. `Some("")` takes the owner away.
pub fn decide(
    tx: &Transaction<'_>,
    project: &str,
    fingerprint: &str,
    state: Option<&str>,
    owner: Option<&str>,
    now: Timestamp,
) -> Result<Option<Issue>> {
    if let Some(state) = state {
        tx.execute(
            "UPDATE findings_issues SET state = ?3, changed = ?4 WHERE project = ?1 AND fingerprint = ?2",
            params![project, fingerprint, state, now.as_nanos()],
        )?;
    }
    if let Some(owner) = owner {
        tx.execute(
            "UPDATE findings_issues SET owner = ?3 WHERE project = ?1 AND fingerprint = ?2",
            params![project, fingerprint, Some(owner).filter(|owner| !owner.is_empty())],
        )?;
    }
    let sql = format!("SELECT {ISSUE} FROM findings_issues WHERE project = ?1 AND fingerprint = ?2");
    let mut found = tx.query_row(&sql, [project, fingerprint], issue).optional()?;
    if let Some(found) = &mut found {
        hit(tx, project, found)?;
    }
    Ok(found)
}

/// Other runs with a finding of an issue that a run has a finding of, newest first.
pub fn similar(connection: &Connection, project: &str, trace: TraceId, limit: usize) -> Result<Vec<TraceId>> {
    let mut query = connection.prepare_cached(
        "SELECT trace, max(at) FROM findings
         WHERE project = ?1 AND trace != ?2 AND fingerprint IN (SELECT fingerprint FROM findings WHERE project = ?1 AND trace = ?2)
         GROUP BY trace ORDER BY 2 DESC LIMIT ?3",
    )?;
    let rows = query.query_map(params![project, trace.as_bytes(), limit as i64], |row| row.get::<_, Vec<u8>>(0))?;
    let traces: Vec<Vec<u8>> = rows.collect::<Result<_>>()?;
    Ok(traces.iter().filter_map(|bytes| TraceId::from_slice(bytes).ok()).collect())
}

/// What is kept beside a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judged {
    /// Findings.
    pub findings: u64,
    /// How likely it failed without saying so, once it was judged.
    pub suspicion: Option<f64>,
    /// What it came to by the declared outcomes.
    pub outcome: Option<String>,
    /// How somebody marked it.
    pub good: Option<bool>,
}

/// What is kept beside some runs, in their order.
pub fn judged(connection: &Connection, project: &str, traces: &[TraceId]) -> Result<Vec<Judged>> {
    let mut query = connection.prepare_cached(
        "SELECT (SELECT count(*) FROM findings WHERE project = ?1 AND trace = ?2), it.suspicion, it.outcome, mark.good
         FROM (SELECT 1) LEFT JOIN findings_runs AS it ON it.project = ?1 AND it.trace = ?2
         LEFT JOIN findings_marks AS mark ON mark.project = ?1 AND mark.trace = ?2",
    )?;
    let mut read = |trace: &TraceId| {
        query.query_row(params![project, trace.as_bytes()], |row| {
            let findings = row.get::<_, i64>(0)?.cast_unsigned();
            Ok(Judged { findings, suspicion: row.get(1)?, outcome: row.get(2)?, good: row.get(3)? })
        })
    };
    traces.iter().map(&mut read).collect()
}

/// A run in the order of suspicion.
#[derive(Debug, Clone, PartialEq)]
pub struct Suspect {
    /// The run.
    pub trace: TraceId,
    /// When it ended.
    pub at: Timestamp,
    /// Agent.
    pub agent: String,
    /// How likely it failed without saying so.
    pub suspicion: f64,
    /// What it came to.
    pub outcome: Option<String>,
}

/// The most suspicious runs, the most suspicious first.
pub fn suspects(connection: &Connection, project: &str, filter: &Filter, limit: usize) -> Result<Vec<Suspect>> {
    let mut wanted = Where::new(project);
    wanted.one_of("agent", &filter.agents);
    wanted.times("at", filter);
    let sql = format!(
        "SELECT trace, at, agent, suspicion, outcome FROM findings_runs WHERE {} ORDER BY suspicion DESC, number DESC LIMIT {limit}",
        wanted.sql
    );
    let mut query = connection.prepare_cached(&sql)?;
    let rows = query.query_map(params_from_iter(wanted.values), |row| {
        let trace: Vec<u8> = row.get(0)?;
        Ok(Suspect {
            trace: TraceId::from_slice(&trace).unwrap_or(TraceId::from_array([1; 16])),
            at: Timestamp::from_nanos(row.get(1)?),
            agent: row.get(2)?,
            suspicion: row.get(3)?,
            outcome: row.get(4)?,
        })
    })?;
    rows.collect()
}

/// What was counted since the beginning.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Totals {
    /// Findings by project, agent, detector and severity. The project of those counted by earlier versions is empty.
    pub findings: Vec<([String; 4], u64)>,
    /// Runs by agent and outcome.
    pub outcomes: Vec<([String; 2], u64)>,
    /// Issues that are new or regressed and about which nothing was decided: project, agent, environment, detector, severity, state,
    /// fingerprint.
    pub new: Vec<[String; 7]>,
}

/// What was counted since the beginning, and which issues opened lately.
pub fn totals(connection: &Connection, now: Timestamp) -> Result<Totals> {
    let mut query = connection
        .prepare_cached("SELECT project, agent, detector, severity, count FROM findings_counts ORDER BY 1, 2, 3, 4")?;
    let findings = query.query_map([], |row| Ok((texts(row)?, row.get::<_, i64>(4)?.cast_unsigned())))?;
    let mut totals = Totals { findings: findings.collect::<Result<_>>()?, ..Totals::default() };
    let mut query = connection.prepare_cached("SELECT agent, outcome, count FROM findings_outcomes ORDER BY 1, 2")?;
    let outcomes = query.query_map([], |row| Ok((texts(row)?, row.get::<_, i64>(2)?.cast_unsigned())))?;
    totals.outcomes = outcomes.collect::<Result<_>>()?;
    let mut query = connection.prepare_cached(
        "SELECT project, agent, environment, detector, severity, state, fingerprint FROM findings_issues
         WHERE opened >= ?1 AND state IN ('open', 'regressed') AND count > 0 ORDER BY opened DESC LIMIT ?2",
    )?;
    let new = query.query_map(params![now.plus_nanos(-NEW_NANOS).as_nanos(), NEW_MAX], texts)?;
    totals.new = new.collect::<Result<_>>()?;
    Ok(totals)
}

/// The first columns of a row, as texts.
fn texts<const N: usize>(row: &Row<'_>) -> Result<[String; N]> {
    let mut found: [String; N] = std::array::from_fn(|_| String::new());
    for (at, text) in found.iter_mut().enumerate() {
        *text = row.get(at)?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
