//! The ledger in the state: entries run by run while they are kept, sums by hour for ever.
//!
//! Money is kept as whole 10⁻¹² dollars. Texts that nobody knows are empty in keys of sums and NULL in entries.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{SpanId, Tenant, Timestamp, TraceId, Usage, Usd};
use signals::money::hours::Change;
use signals::money::ledger::{Basis, Entry, Ledger};
use signals::prices::{Call, Tier, Why};
use state::rusqlite::{self, Connection, OptionalExtension, Row, Transaction, params};

/// How long the entries of a run are kept after it was judged: 90 days. Sums by hour stay. A run that changes later than that
/// counts as a new one.
pub const MONEY_ENTRIES_KEPT: i64 = 90 * signals::money::DAY;
/// Most runs whose entries are kept; the longest judged go first. About 0.5 KB each with a handful of calls.
pub const MONEY_RUNS_MAX: i64 = 2_000_000;
/// Runs forgotten in one batch at most: more than a batch adds.
const FORGET_RUNS: i64 = 1_024;

/// A shape is told which run uses it once in so many runs, and forgotten when as many more runs than that are.
const SHAPE_TOLD: i64 = 10_000;
/// Shapes forgotten in one batch at most.
const FORGET_SHAPES: i64 = 256;

/// Money as it is kept; what does not fit (9 million dollars) is cut.
pub fn pico(usd: Usd) -> i64 {
    i64::try_from(usd.as_pico()).unwrap_or(if usd.as_pico() < 0 { i64::MIN } else { i64::MAX })
}

/// And read back.
pub fn usd(pico: i64) -> Usd {
    Usd::from_pico(pico.into())
}

fn count(tokens: Option<u64>) -> Option<i64> {
    tokens.map(|tokens| i64::try_from(tokens).unwrap_or(i64::MAX))
}

fn text(of: Option<&Arc<str>>) -> &str {
    of.map_or("", |text| text)
}

/// The ledger of a run as it was kept last, with its row.
pub fn ledger(connection: &Connection, project: &str, trace: TraceId) -> rusqlite::Result<Option<(i64, Ledger)>> {
    let mut query = connection.prepare_cached(&format!("{SELECT_RUN} WHERE project = ?1 AND trace = ?2"))?;
    let found = query.query_row(params![project, trace.as_bytes()], run_of).optional()?;
    found.map(|(id, ledger)| with_entries(connection, id, ledger)).transpose()
}

/// What a run cost as the ledger has it, guesses from text left out; `None` where it has nothing of the run or no cost is known.
pub fn cost(connection: &Connection, project: &str, trace: TraceId) -> rusqlite::Result<Option<Usd>> {
    let mut query = connection.prepare_cached(
        "SELECT sum(pico) FROM money_calls WHERE run = (SELECT id FROM money_runs WHERE project = ?1 AND trace = ?2)
         AND NOT (basis = 'estimated' AND why IS 'no_counts')",
    )?;
    Ok(query.query_row(params![project, trace.as_bytes()], |row| row.get::<_, Option<i64>>(0))?.map(usd))
}

/// Ledgers of runs after the row `after` that have a call since `since`, in order; at most `most`.
pub fn ledgers_since(
    connection: &Connection,
    project: &str,
    since: Timestamp,
    after: i64,
    most: usize,
) -> rusqlite::Result<Vec<(i64, Ledger)>> {
    let mut query = connection
        .prepare_cached(&format!("{SELECT_RUN} WHERE project = ?1 AND id > ?2 AND last >= ?3 ORDER BY id LIMIT ?4"))?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let runs = query.query_map(params![project, after, since.as_nanos(), most], run_of)?;
    runs.collect::<rusqlite::Result<Vec<_>>>()?
        .into_iter()
        .map(|(id, ledger)| with_entries(connection, id, ledger))
        .collect()
}

const SELECT_RUN: &str = "SELECT id, project, trace, environment, workflow, session, user, version FROM money_runs";

fn run_of(row: &Row<'_>) -> rusqlite::Result<(i64, Ledger)> {
    let trace: [u8; 16] = row.get(2)?;
    let ledger = Ledger {
        tenant: Tenant { project: row.get(1)?, environment: row.get(3)? },
        trace_id: TraceId::from_array(trace),
        workflow: row.get(4)?,
        session_id: row.get(5)?,
        user_id: row.get(6)?,
        agent_version: row.get(7)?,
        entries: Vec::new(),
    };
    Ok((row.get(0)?, ledger))
}

fn with_entries(connection: &Connection, id: i64, mut ledger: Ledger) -> rusqlite::Result<(i64, Ledger)> {
    let mut query = connection.prepare_cached("SELECT * FROM money_calls WHERE run = ?1")?;
    ledger.entries = query.query_map([id], entry_of)?.collect::<rusqlite::Result<_>>()?;
    Ok((id, ledger))
}

fn entry_of(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let span: [u8; 8] = row.get("span")?;
    let tokens = |name: &str| row.get::<_, Option<i64>>(name).map(|count| count.map(i64::unsigned_abs));
    let plain = |name: &str| row.get::<_, i64>(name).map(i64::unsigned_abs);
    let money = |name: &str| row.get::<_, Option<i64>>(name).map(|pico| pico.map(usd));
    let above: Option<String> = row.get("above")?;
    Ok(Entry {
        span_id: SpanId::from_array(span),
        at: Timestamp::from_nanos(row.get("at")?),
        agent: row.get("agent")?,
        agent_node: None,
        above: above.and_then(|list| serde_json::from_str(&list).ok()).unwrap_or_default(),
        tool: row.get("tool")?,
        model: row.get("model")?,
        request_model: row.get("request_model")?,
        provider: row.get("provider")?,
        call: Call {
            usage: Usage {
                input_tokens: tokens("input")?,
                output_tokens: tokens("output")?,
                cache_read_tokens: tokens("cache_read")?,
                cache_write_tokens: tokens("cache_write")?,
                reasoning_tokens: tokens("reasoning")?,
                reported_total: tokens("total")?,
            },
            cache_write_1h_tokens: plain("write_1h")?,
            audio_input_tokens: plain("audio_in")?,
            audio_output_tokens: plain("audio_out")?,
            tier: Tier::of_word(&row.get::<_, String>("tier")?),
        },
        tells_tokens: row.get("tells")?,
        cost: money("pico")?,
        basis: basis_of(row)?,
        reservation: row.get("reservation")?,
    })
}

fn basis_of(row: &Row<'_>) -> rusqlite::Result<Basis> {
    let price_row = || row.get::<_, Option<Arc<str>>>("price_row").map(Option::unwrap_or_default);
    let word: String = row.get("basis")?;
    Ok(match word.as_str() {
        "reported" => Basis::Reported,
        "computed" => Basis::Computed(price_row()?),
        "aggregated" => Basis::Aggregated,
        "estimated" => {
            let why: Option<String> = row.get("why")?;
            let why = Why::ALL.iter().find(|known| Some(known.as_str()) == why.as_deref());
            Basis::Estimated(price_row()?, why.copied().unwrap_or(Why::UnknownModel))
        }
        "uncertain" => Basis::Uncertain {
            least: usd(row.get::<_, Option<i64>>("least")?.unwrap_or(0)),
            most: row.get::<_, Option<i64>>("most")?.map(usd),
        },
        "elsewhere" => Basis::Elsewhere,
        "no_call" => Basis::NoCall,
        _ => Basis::UnknownModel,
    })
}

/// What changes in the sums by hour, by tenant: most runs of a batch add to the same few rows, which are written once for all of them.
#[derive(Debug, Default)]
#[must_use = "sums that are not written are wrong from then on"]
pub struct Hours(BTreeMap<Tenant, Change>);

impl Hours {
    fn add(&mut self, ledger: &Ledger, times: i64) {
        if !ledger.entries.is_empty() {
            self.0.entry(ledger.tenant.clone()).or_default().add(ledger, times);
        }
    }

    /// Adds other changes.
    pub fn merge(&mut self, other: Self) {
        for (tenant, change) in other.0 {
            self.0.entry(tenant).or_default().merge(change);
        }
    }

    /// Writes them.
    pub fn write(self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        self.0.into_iter().try_for_each(|(tenant, mut change)| {
            change.settle();
            add(tx, &tenant, &change)
        })
    }
}

/// Keeps a run's ledger in place of the one before, which it gives where there was one, with what that changes in the sums.
pub fn put(tx: &Transaction<'_>, ledger: &Ledger, judged: Timestamp) -> rusqlite::Result<(Option<Ledger>, Hours)> {
    // Nearly every run is new, which shows when its row is put in.
    if insert(tx, ledger, judged)? {
        let mut hours = Hours::default();
        hours.add(ledger, 1);
        return Ok((None, hours));
    }
    let before = self::ledger(tx, &ledger.tenant.project, ledger.trace_id)?;
    let hours = replace(tx, before.as_ref(), ledger, judged)?;
    Ok((before.map(|(_, old)| old), hours))
}

/// Keeps a run's ledger in place of the one before. Gives what that changes in the sums.
pub fn replace(
    tx: &Transaction<'_>,
    before: Option<&(i64, Ledger)>,
    ledger: &Ledger,
    judged: Timestamp,
) -> rusqlite::Result<Hours> {
    let mut hours = Hours::default();
    if let Some((id, old)) = before {
        hours.add(old, -1);
        tx.prepare_cached("DELETE FROM money_entries WHERE run = ?1")?.execute([id])?;
        tx.prepare_cached("DELETE FROM money_runs WHERE id = ?1")?.execute([id])?;
    }
    hours.add(ledger, 1);
    insert(tx, ledger, judged)?;
    Ok(hours)
}

/// Puts a ledger in; `false` where nothing is in it, or one of its run is kept already: then nothing changed.
fn insert(tx: &Transaction<'_>, ledger: &Ledger, judged: Timestamp) -> rusqlite::Result<bool> {
    if ledger.entries.is_empty() {
        return Ok(false);
    }
    let runs = tx
        .prepare_cached(
            "INSERT INTO money_runs (project, trace, environment, workflow, session, user, version, judged, last)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            ledger.tenant.project,
            ledger.trace_id.as_bytes(),
            ledger.tenant.environment,
            ledger.workflow,
            ledger.session_id,
            ledger.user_id,
            ledger.agent_version,
            judged.as_nanos(),
            ledger.entries.iter().map(|entry| entry.at.as_nanos()).max(),
        ])?;
    if runs == 0 {
        return Ok(false);
    }
    let run = tx.last_insert_rowid();
    let mut insert = tx.prepare_cached(
        "INSERT INTO money_entries VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
    )?;
    let mut shapes = Shapes::default();
    for entry in &ledger.entries {
        let (usage, call) = (&entry.call.usage, &entry.call);
        let (least, most) = match &entry.basis {
            Basis::Uncertain { least, most } => (Some(pico(*least)), most.map(pico)),
            _ => (None, None),
        };
        let seldom = |tokens: u64| count(Some(tokens).filter(|tokens| *tokens > 0));
        insert.execute(params![
            run,
            entry.span_id.as_bytes(),
            entry.at.as_nanos(),
            shapes.of(tx, run, entry)?,
            count(usage.input_tokens),
            count(usage.output_tokens),
            count(usage.cache_read_tokens),
            count(usage.cache_write_tokens),
            count(usage.reasoning_tokens),
            count(usage.reported_total),
            seldom(call.cache_write_1h_tokens),
            seldom(call.audio_input_tokens),
            seldom(call.audio_output_tokens),
            entry.cost.map(pico),
            least,
            most,
            entry.reservation,
        ])?;
    }
    Ok(true)
}

/// What calls of a run have in common, as it is numbered: few shapes, asked for once each.
#[derive(Default)]
struct Shapes(Vec<(String, i64)>);

impl Shapes {
    fn of(&mut self, tx: &Transaction<'_>, run: i64, entry: &Entry) -> rusqlite::Result<i64> {
        let above = (!entry.above.is_empty()).then(|| serde_json::to_string(&entry.above).unwrap_or_default());
        let why = entry.basis.why().map(Why::as_str);
        let (tells, row) = (i64::from(entry.tells_tokens), entry.basis.row().map(|row| &**row));
        // As `json_array` writes it: the step that made the table wrote those of older entries.
        let shape = serde_json::to_string(&(
            entry.agent.as_deref(),
            above.as_deref(),
            entry.tool.as_deref(),
            entry.model.as_deref(),
            entry.request_model.as_deref(),
            entry.provider.as_deref(),
            entry.call.tier.as_str(),
            tells,
            entry.basis.as_str(),
            row,
            why,
        ))
        .unwrap_or_default();
        if let Some((_, id)) = self.0.iter().find(|(known, _)| *known == shape) {
            return Ok(*id);
        }
        let found: Option<(i64, i64)> = tx
            .prepare_cached("SELECT id, run FROM money_shapes WHERE shape = ?1")?
            .query_row([&shape], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let id = match found {
            Some((id, told)) => {
                if told < run - SHAPE_TOLD {
                    tx.prepare_cached("UPDATE money_shapes SET run = ?2 WHERE id = ?1")?.execute([id, run])?;
                }
                id
            }
            None => {
                tx.prepare_cached(
                    "INSERT INTO money_shapes (shape, agent, above, tool, model, request_model, provider, tier, tells, basis, price_row, why, run)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
                )?
                .execute(params![
                    shape,
                    entry.agent,
                    above,
                    entry.tool,
                    entry.model,
                    entry.request_model,
                    entry.provider,
                    entry.call.tier.as_str(),
                    tells,
                    entry.basis.as_str(),
                    row,
                    why,
                    run,
                ])?;
                tx.last_insert_rowid()
            }
        };
        self.0.push((shape, id));
        Ok(id)
    }
}

/// Adds to a sum of 10⁻¹² dollars, which ends at 9 million dollars an hour: SQLite would make a float of more, which the table refuses.
fn more_pico(more: &str) -> String {
    let (most, least) = (i64::MAX, -i64::MAX);
    format!("pico = iif(typeof(pico + {more}) = 'integer', pico + {more}, iif({more} > 0, {most}, {least}))")
}

fn add(tx: &Transaction<'_>, tenant: &Tenant, change: &Change) -> rusqlite::Result<()> {
    let mut upsert = tx.prepare_cached(&format!(
        "INSERT INTO money_hours VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
         ON CONFLICT DO UPDATE SET calls = calls + ?11, input = input + ?12, output = output + ?13, cache_read = cache_read + ?14,
         cache_write = cache_write + ?15, reasoning = reasoning + ?16, unpriced = unpriced + ?17, {}",
        more_pico("?18")
    ))?;
    for (key, sums) in &change.sums {
        upsert.execute(params![
            tenant.project,
            key.hour.as_nanos(),
            tenant.environment,
            key.workflow,
            text(key.agent.as_ref()),
            text(key.tool.as_ref()),
            text(key.model.as_ref()),
            text(key.provider.as_ref()),
            text(key.version.as_ref()),
            key.basis,
            sums.calls,
            sums.input,
            sums.output,
            sums.cache_read,
            sums.cache_write,
            sums.reasoning,
            sums.unpriced,
            pico(sums.usd),
        ])?;
    }
    let mut upsert = tx.prepare_cached(&format!(
        "INSERT INTO money_delegated VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET {}",
        more_pico("?5")
    ))?;
    for ((hour, agent), usd) in &change.delegated {
        upsert.execute(params![tenant.project, hour.as_nanos(), tenant.environment, agent, pico(*usd)])?;
    }
    // An hour from which everything was taken back is no hour with a cost of 0.
    let hours: std::collections::BTreeSet<_> = change.sums.keys().map(|key| key.hour).collect();
    let mut empty = tx.prepare_cached("DELETE FROM money_hours WHERE project = ?1 AND hour = ?2 AND calls = 0")?;
    hours.iter().try_for_each(|hour| empty.execute(params![tenant.project, hour.as_nanos()]).map(drop))
}

/// Forgets entries that are too old or too many; their sums stay.
pub fn forget(tx: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<()> {
    let oldest = now.plus_nanos(-MONEY_ENTRIES_KEPT).as_nanos();
    for table in ["money_runs", "money_sla_runs"] {
        let last: i64 =
            tx.prepare_cached(&format!("SELECT coalesce(max(id), 0) FROM {table}"))?.query_row([], |row| row.get(0))?;
        let mut delete = tx.prepare_cached(&format!(
            "DELETE FROM {table} WHERE id IN (SELECT id FROM {table} ORDER BY id LIMIT ?1) AND (judged < ?2 OR id <= ?3) RETURNING id"
        ))?;
        let gone = delete.query_map(params![FORGET_RUNS, oldest, last - MONEY_RUNS_MAX], |row| row.get::<_, i64>(0))?;
        let gone = gone.collect::<rusqlite::Result<Vec<_>>>()?;
        if table == "money_runs" {
            let mut calls = tx.prepare_cached("DELETE FROM money_entries WHERE run = ?1")?;
            gone.iter().try_for_each(|id| calls.execute([id]).map(drop))?;
            // Runs go in the order of their numbers, so what only runs before the first use nobody uses.
            tx.prepare_cached(
                "DELETE FROM money_shapes WHERE id IN (SELECT id FROM money_shapes WHERE run < (SELECT min(id) FROM money_runs) - ?2 LIMIT ?1)",
            )?
            .execute([FORGET_SHAPES, SHAPE_TOLD])?;
        }
    }
    Ok(())
}

/// A text that was given over the API.
pub fn kept_text(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    connection.query_row("SELECT text FROM money_texts WHERE name = ?1", [name], |row| row.get(0)).optional()
}

/// Keeps a text; an empty one is forgotten.
pub fn keep_text(tx: &Transaction<'_>, name: &str, text: &str, now: Timestamp) -> rusqlite::Result<()> {
    if text.trim().is_empty() {
        return tx.execute("DELETE FROM money_texts WHERE name = ?1", [name]).map(drop);
    }
    tx.execute("INSERT OR REPLACE INTO money_texts VALUES (?1, ?2, ?3)", params![name, text, now.as_nanos()]).map(drop)
}
