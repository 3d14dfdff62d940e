//! The judge of money: puts every settled run into the ledger, follows running ones for budgets, and holds runs against service
//! levels.
//!
//! Entries and sums are written in the watch's transaction, the sums once for all runs of a batch. The book in memory changes only once that was kept.

use std::sync::Arc;

use model::{Message, Part, ResolvedStep, TraceId};
use signals::money::budget::{Spend, Who};
use signals::money::ledger::{self, Detail, Ledger};
use state::rusqlite::{self, Transaction};

use super::{Money, kept, levels, worth};
use crate::watch::judge::{Case, Judge, JudgeError};

/// Judges money.
pub struct Costs {
    money: Arc<Money>,
    staged: Vec<Staged>,
    /// What the batch changes in the sums by hour.
    hours: kept::Hours,
    in_flight: bool,
}

/// What the book is told once the batch was kept.
struct Staged {
    project: Arc<str>,
    trace: TraceId,
    settled: bool,
    /// What is charged: a ledger once, or taken back.
    ledgers: Vec<(Ledger, i128)>,
    /// The first judgement of a run that is no history: what counters count.
    judged: Option<levels::Judged>,
}

impl Costs {
    /// The judge.
    pub fn new(money: Arc<Money>) -> Self {
        Self { money, staged: Vec::new(), hours: kept::Hours::default(), in_flight: false }
    }

    fn settled(
        &mut self,
        case: &Case<'_>,
        tx: &Transaction<'_>,
    ) -> Result<(Vec<(Ledger, i128)>, Option<levels::Judged>), JudgeError> {
        let prices = self.money.prices();
        let detail = |step: &ResolvedStep| {
            let billing = case.billing(step.span.span_id)?.clone();
            let said = ledger::is_silent(step).then(|| case.content(step.span.span_id)).flatten();
            let said = said.map(|content| {
                let value = |json: Option<&serde_json::Value>| json.map_or(0, |json| json.to_string().len() as u64);
                let sent = characters(&content.input).max(value(content.input_value.as_ref()));
                (sent, characters(&content.output).max(value(content.output_value.as_ref())))
            });
            Some(Detail { billing, said })
        };
        let ledger = ledger::of(case.run, case.steps, &prices, detail);
        let (before, hours) = kept::put(tx, &ledger, case.now)?;
        let judged = levels::judge(tx, self.money.promises(), case)?;
        self.hours.merge(hours);
        let judged = judged.filter(|_| case.before.is_none() && !case.backfill);
        let taken_back = before.map(|old| (old, -1));
        Ok((taken_back.into_iter().chain([(ledger, 1)]).collect(), judged))
    }

    /// A run in progress: what is known of it so far, without its attributes.
    fn running(&self, case: &Case<'_>) -> Ledger {
        let mut ledger = ledger::of(case.run, case.steps, &self.money.prices(), |_| None);
        let reservations = self.money.reservations_of(ledger.trace_id);
        for entry in &mut ledger.entries {
            entry.reservation = reservations.get(&entry.span_id).cloned();
        }
        ledger
    }
}

impl Judge for Costs {
    fn name(&self) -> &'static str {
        "money"
    }

    fn wants_content(&self) -> bool {
        // Service tiers, cache lifetimes and reservations are in the attributes only.
        true
    }

    fn follows(&self) -> bool {
        !self.money.book().budgets().list.is_empty()
    }

    fn judge(&mut self, case: &Case<'_>, tx: &Transaction<'_>) -> Result<(), JudgeError> {
        let (ledgers, judged) =
            if case.settled { self.settled(case, tx)? } else { (vec![(self.running(case), 1)], None) };
        let (project, trace) = (case.run.tenant.project.clone(), case.run.trace_id);
        self.staged.push(Staged { project, trace, settled: case.settled, ledgers, judged });
        Ok(())
    }

    fn gone(&mut self, project: &str, trace: TraceId, tx: &Transaction<'_>) -> Result<(), JudgeError> {
        levels::take_back(tx, project, trace)?;
        let Some(before) = kept::ledger(tx, project, trace)? else { return Ok(()) };
        let nothing = Ledger { entries: Vec::new(), ..before.1.clone() };
        let hours = kept::replace(tx, Some(&before), &nothing, crate::clock::SystemClock::time())?;
        self.hours.merge(hours);
        let ledgers = vec![(before.1, -1)];
        self.staged.push(Staged { project: project.into(), trace, settled: true, ledgers, judged: None });
        Ok(())
    }

    fn before_commit(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        if self.staged.is_empty() {
            return Ok(());
        }
        std::mem::take(&mut self.hours).write(tx)?;
        kept::forget(tx, crate::clock::SystemClock::time())?;
        self.money.takes_off();
        self.in_flight = true;
        Ok(())
    }

    fn after_commit(&mut self, kept: bool) {
        let staged = std::mem::take(&mut self.staged);
        self.hours = kept::Hours::default();
        if kept {
            self.tell(staged);
        }
        if std::mem::take(&mut self.in_flight) {
            self.money.landed();
        }
    }
}

impl Costs {
    /// Tells the book what was kept.
    fn tell(&self, staged: Vec<Staged>) {
        let now = crate::clock::SystemClock::time();
        let mut book = self.money.book();
        let is_budgeted = !book.budgets().list.is_empty();
        for one in staged {
            if one.settled {
                book.live(&one.project, one.trace, Vec::new(), now);
                for (ledger, times) in &one.ledgers {
                    // Without a budget all that matters is which reservations were used.
                    if is_budgeted || ledger.entries.iter().any(|entry| entry.reservation.is_some()) {
                        book.charge(&spends(ledger, *times), now);
                    }
                }
                self.money.forget_reservations_of(one.trace);
                if let Some(judged) = &one.judged {
                    self.money.count_kept(judged);
                }
            } else {
                let spends = one.ledgers.iter().flat_map(|(ledger, times)| spends(ledger, *times)).collect();
                book.live(&one.project, one.trace, spends, now);
            }
        }
        drop(book);
        self.money.after_change();
    }
}

/// What a ledger charges budgets with, `times` 1 or -1.
pub fn spends(ledger: &Ledger, times: i128) -> Vec<Spend> {
    let run: Arc<str> = ledger.trace_id.to_string().into();
    let spend = |entry: &ledger::Entry| {
        let usd = model::Usd::from_pico(entry.cost?.as_pico() * times);
        let who = Who {
            project: Some(ledger.tenant.project.clone()),
            environment: Some(ledger.tenant.environment.clone()),
            run: Some(run.clone()),
            session: ledger.session_id.clone(),
            user: ledger.user_id.clone(),
            agent: entry.agent.clone(),
            workflow: Some(ledger.workflow.clone()),
            model: entry.model.clone(),
        };
        Some(Spend { who, at: entry.at, usd, reservation: entry.reservation.clone() }).filter(worth)
    };
    ledger.entries.iter().filter_map(spend).collect()
}

/// Characters of what was said in messages.
fn characters(messages: &[Message]) -> u64 {
    let of = |part: &Part| match part {
        Part::Text { text } | Part::Reasoning { text } => text.chars().count() as u64,
        Part::ToolCall { name, arguments, .. } => (name.chars().count() + arguments.to_string().chars().count()) as u64,
        Part::ToolResult { result, .. } => result.to_string().chars().count() as u64,
        Part::Media { .. } | Part::Other { .. } => 0,
    };
    messages.iter().flat_map(|message| &message.parts).map(of).sum()
}
