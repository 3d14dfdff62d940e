//! The state of all budgets, and the verdict on the next call.

mod announce;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use model::{Timestamp, TraceId, Usd};

use super::account::{Account, Id, Part, Reservation, Share, Stand};
use super::file::share;
use super::verdict::{CheckError, Crossing, Lost, Settled, Standing, Verdict, is_reject, of_budget};
use super::{Action, Budget, Budgets, Op, Reserved, Spend, Who};
use crate::money::DAY;

/// Most accounts kept at a time: about 50 MB.
pub const MAX_ACCOUNTS: usize = 200_000;
/// Most reservations remembered at a time.
pub const MAX_RESERVATIONS: usize = 500_000;
/// Most runs in progress whose spending is followed.
const MAX_LIVE: usize = 50_000;
/// Most levels passed that nobody has taken yet.
const MAX_CROSSINGS: usize = 10_000;
/// How long a request's account is kept after its last use, and a reservation that is over, so that a late report finds it.
const KEEP: i64 = DAY;

/// All accounts and reservations.
#[derive(Debug, Default)]
pub struct Book {
    budgets: Budgets,
    accounts: HashMap<Id, Account>,
    reservations: HashMap<Arc<str>, Reservation>,
    /// Open ones by when they expire.
    open: BTreeSet<(Timestamp, Arc<str>)>,
    /// Those that are over by when they may be forgotten.
    over: BTreeSet<(Timestamp, Arc<str>)>,
    live: HashMap<(Arc<str>, TraceId), Vec<Spend>>,
    crossings: Vec<Crossing>,
    told: Vec<Op>,
    lost: Lost,
}

impl Book {
    /// An empty book.
    pub fn new(budgets: Budgets) -> Self {
        Self { budgets, ..Self::default() }
    }

    /// The budgets.
    pub const fn budgets(&self) -> &Budgets {
        &self.budgets
    }

    /// The same reservations and runs in progress under other budgets. The ledger has to be charged anew; a level that was announced
    /// for an account is not announced again.
    #[must_use]
    pub fn under(&self, budgets: Budgets, now: Timestamp) -> Self {
        let mut book = Self::new(budgets);
        for op in self.ops() {
            book.apply(&op, now);
        }
        for ((project, trace), spends) in &self.live {
            book.live(project, *trace, spends.clone(), now);
        }
        for (id, account) in &self.accounts {
            let Some(old) = self.budgets.list.get(id.budget) else { continue };
            let same = |new: &Budget| new.name == old.name && (new.per, new.over) == (old.per, old.over);
            let Some(budget) = book.budgets.list.iter().position(same) else { continue };
            let next = book.accounts.entry(Id { budget, ..id.clone() }).or_default();
            (next.announced, next.turned_down) = (account.announced, account.turned_down);
        }
        book.crossings.clear();
        book
    }

    /// Levels passed since the last call.
    pub fn take_crossings(&mut self) -> Vec<Crossing> {
        std::mem::take(&mut self.crossings)
    }

    /// Reservations that telemetry told since the last call, for the log.
    pub fn take_told(&mut self) -> Vec<Op> {
        std::mem::take(&mut self.told)
    }

    /// What the book could not follow so far.
    pub const fn lost(&self) -> Lost {
        self.lost
    }

    /// Everything known about reservations, as operations that give it again.
    pub fn ops(&self) -> Vec<Op> {
        let mut ops = Vec::with_capacity(self.reservations.len() * 2);
        for reservation in self.reservations.values() {
            let (id, at) = (reservation.made.id.clone(), reservation.made.at);
            ops.push(Op::Reserve(reservation.made.clone()));
            match reservation.stand {
                Stand::Open | Stand::Expired => {}
                Stand::Settled(usd) => ops.push(Op::Settle { id, usd, at }),
                Stand::Told => ops.push(Op::Told { id, at }),
                Stand::Released => ops.push(Op::Release { id, at }),
            }
        }
        ops
    }

    /// What `who` may do next. `id` and the nanoseconds for which to hold it ask for a reservation; `price` says what the call costs at
    /// most with a model. The operation, where there is one, has been applied and is to be logged before the answer is given.
    pub fn check(
        &mut self,
        now: Timestamp,
        who: &Who,
        reserve: Option<(Arc<str>, i64)>,
        price: &dyn Fn(Option<&str>) -> Option<Usd>,
    ) -> Result<(Verdict, Option<Op>), CheckError> {
        self.expire(now);
        let mut verdict = self.judge(who, Usd::default(), now);
        let cheaper = match &verdict.action {
            Some(Action::Downgrade { to }) => Some(Who { model: Some(to.clone()), ..who.clone() }),
            _ => None,
        };
        let spender = cheaper.as_ref().unwrap_or(who);
        let need = match &reserve {
            Some(_) => price(spender.model.as_deref()).ok_or(CheckError::NoAmount)?,
            None => Usd::default(),
        };
        if !is_reject(&verdict) && (cheaper.is_some() || reserve.is_some()) {
            let again = self.judge(spender, need, now);
            if is_reject(&again) || cheaper.is_none() {
                verdict = again;
            } else {
                (verdict.standings, verdict.left) = (again.standings, again.left);
            }
        }
        if is_reject(&verdict) {
            self.announce_reject(&verdict, spender, now);
            return Ok((verdict, None));
        }
        let Some((id, hold)) = reserve else { return Ok((verdict, None)) };
        if self.reservations.contains_key(&id) {
            return Err(CheckError::Taken(id));
        }
        if self.reservations.len() >= MAX_RESERVATIONS {
            return Err(CheckError::Full);
        }
        let made = Reserved { id, who: spender.clone(), usd: need, at: now, expires: now.plus_nanos(hold.max(0)) };
        verdict.left = verdict.left.map(|left| left.minus(need));
        for standing in &mut verdict.standings {
            (standing.held, standing.left) = (standing.held.plus(need), standing.left.minus(need));
            standing.percent = share(standing.limit.minus(standing.left), standing.limit);
        }
        verdict.reserved = Some(made.clone());
        let op = Op::Reserve(made);
        self.apply(&op, now);
        Ok((verdict, Some(op)))
    }

    /// A reservation, if `project` made it: what another made is nobody else's to settle.
    fn made_in(&self, project: Option<&str>, id: &str) -> Option<&Reservation> {
        self.reservations.get(id).filter(|known| known.made.who.project.as_deref() == project)
    }

    /// The caller, of `project`, says what a call cost.
    pub fn settle(&mut self, project: Option<&str>, id: &Arc<str>, usd: Usd, now: Timestamp) -> (Settled, Option<Op>) {
        self.expire(now);
        let settled = match self.made_in(project, id).map(|reservation| reservation.stand) {
            None => return (Settled::Unknown, None),
            Some(Stand::Open) => Settled::Now,
            Some(Stand::Expired | Stand::Released) => Settled::Late,
            Some(Stand::Settled(_) | Stand::Told) => return (Settled::Again, None),
        };
        let op = Op::Settle { id: id.clone(), usd, at: now };
        self.apply(&op, now);
        (settled, Some(op))
    }

    /// The caller makes no call: the money is free again. Whether there was something to release.
    pub fn release(&mut self, project: Option<&str>, id: &Arc<str>, now: Timestamp) -> (bool, Option<Op>) {
        self.expire(now);
        if self.made_in(project, id).is_none_or(|reservation| reservation.stand != Stand::Open) {
            return (false, None);
        }
        let op = Op::Release { id: id.clone(), at: now };
        self.apply(&op, now);
        (true, Some(op))
    }

    /// Applies an operation, fresh or from the log. One that says nothing new changes nothing.
    pub fn apply(&mut self, op: &Op, now: Timestamp) {
        match op {
            Op::Reserve(made) => {
                if self.reservations.contains_key(&made.id) {
                    return;
                }
                self.add(&made.who, made.at, Share::Held, made.usd, now);
                self.open.insert((made.expires, made.id.clone()));
                let forget = Timestamp::default();
                self.reservations
                    .insert(made.id.clone(), Reservation { made: made.clone(), stand: Stand::Open, forget });
            }
            Op::Settle { id, usd, .. } => self.turn(id, Stand::Settled(*usd), now),
            Op::Release { id, .. } => self.turn(id, Stand::Released, now),
            Op::Told { id, .. } => self.turn(id, Stand::Told, now),
        }
    }

    /// Moves a reservation on and the money with it.
    fn turn(&mut self, id: &Arc<str>, to: Stand, now: Timestamp) {
        let Some(reservation) = self.reservations.get_mut(id) else { return };
        let from = std::mem::replace(&mut reservation.stand, to);
        let (made, before) = (reservation.made.clone(), reservation.forget);
        match from {
            Stand::Open => {
                self.open.remove(&(made.expires, id.clone()));
                self.add(&made.who, made.at, Share::Held, Usd::default().minus(made.usd), now);
            }
            Stand::Settled(usd) => self.add(&made.who, made.at, Share::Settled, Usd::default().minus(usd), now),
            Stand::Told | Stand::Released | Stand::Expired => {}
        }
        let mut forget = made.expires.max(now).plus_nanos(KEEP);
        if let Stand::Settled(usd) = to {
            self.add(&made.who, made.at, Share::Settled, usd, now);
        }
        // Settled, it is the only telling of this money until its periods are over. Told, it says whose the money is that the
        // ledger has, also after a restart; that is given up where memory gets short.
        let room = self.reservations.len() < MAX_RESERVATIONS / 2;
        if matches!(to, Stand::Settled(_)) || (to == Stand::Told && room) {
            let ends = self.budgets.list.iter().filter_map(|budget| budget.period(made.at)).map(|period| period.1);
            forget = ends.max().unwrap_or(forget).max(forget);
        }
        self.over.remove(&(before, id.clone()));
        self.over.insert((forget, id.clone()));
        if let Some(reservation) = self.reservations.get_mut(id) {
            reservation.forget = forget;
        }
    }

    /// Lets go of reservations past their time, of what nobody asks about any more, and of accounts of periods that are over.
    pub fn expire(&mut self, now: Timestamp) {
        while let Some((_, id)) = self.open.first().filter(|(expires, _)| *expires <= now).cloned() {
            self.turn(&id, Stand::Expired, now);
        }
        while let Some(first) = self.over.first().filter(|(forget, _)| *forget <= now).cloned() {
            self.over.remove(&first);
            self.reservations.remove(&first.1);
        }
    }

    /// Forgets accounts of periods that are over. Looks at all of them: for a background task.
    pub fn tidy(&mut self, now: Timestamp) {
        self.expire(now);
        self.accounts.retain(|id, account| match id.part {
            Part::From(_, end) => end > now,
            Part::Run(_) => account.last.plus_nanos(KEEP) > now,
        });
    }

    /// Adds what the ledger of a settled run says; `Spend::usd` is negative for entries that are taken back.
    pub fn charge(&mut self, spends: &[Spend], now: Timestamp) {
        for spend in spends {
            self.telling(spend, now);
            let who = self.whose(spend);
            self.add(&who, spend.at, Share::Ledger, spend.usd, now);
        }
    }

    /// Replaces what is known of a run that is not over; empty once its ledger was charged.
    pub fn live(&mut self, project: &Arc<str>, trace: TraceId, mut spends: Vec<Spend>, now: Timestamp) {
        let key = (project.clone(), trace);
        for old in self.live.remove(&key).unwrap_or_default() {
            self.add(&old.who, old.at, Share::Live, Usd::default().minus(old.usd), now);
        }
        if spends.is_empty() {
            return;
        }
        if self.live.len() >= MAX_LIVE {
            self.lost.runs += 1;
            return;
        }
        for spend in &mut spends {
            self.telling(spend, now);
            // Kept with the spend: what is taken back later is what was added.
            spend.who = self.whose(spend);
            self.add(&spend.who, spend.at, Share::Live, spend.usd, now);
        }
        self.live.insert(key, spends);
    }

    /// Runs in progress that are followed.
    pub fn live_runs(&self) -> usize {
        self.live.len()
    }

    /// Open reservations.
    pub fn open_reservations(&self) -> usize {
        self.open.len()
    }

    /// Open reservations of a project.
    pub fn open_reservations_of(&self, project: &str) -> usize {
        self.open.iter().filter(|(_, id)| self.made_in(Some(project), id).is_some()).count()
    }

    /// How every account of a project stands, the fullest first.
    pub fn standings(&self, project: Option<&str>, most: usize) -> Vec<Standing> {
        let own = self.accounts.iter().filter(|(id, _)| id.project.as_deref() == project);
        let mut all: Vec<Standing> = own.filter_map(|(id, account)| self.standing(id, account)).collect();
        all.sort_by(|a, b| b.percent.cmp(&a.percent).then_with(|| (&a.budget, &a.key).cmp(&(&b.budget, &b.key))));
        all.truncate(most);
        all
    }

    /// For each budget what its fullest account has spent and holds, and how many accounts have reached the limit.
    pub fn fullest(&self) -> Vec<(Usd, u64)> {
        let mut fullest = vec![(Usd::default(), 0); self.budgets.list.len()];
        for (id, account) in &self.accounts {
            let (Some(budget), Some(place)) = (self.budgets.list.get(id.budget), fullest.get_mut(id.budget)) else {
                continue;
            };
            place.0 = place.0.max(account.used());
            place.1 += u64::from(account.used() >= budget.limit);
        }
        fullest
    }

    /// A call that telemetry tells ends its reservation's part.
    fn telling(&mut self, spend: &Spend, now: Timestamp) {
        let Some(id) = spend.reservation.as_ref().filter(|_| spend.usd > Usd::default()) else { return };
        let untold = |reservation: &Reservation| reservation.stand != Stand::Told;
        if self.made_in(spend.who.project.as_deref(), id).is_some_and(untold) {
            let op = Op::Told { id: id.clone(), at: now };
            self.apply(&op, now);
            self.told.push(op);
        }
    }

    /// Who pays for a call: what its span leaves out is what the reservation that it names was made for.
    fn whose(&self, spend: &Spend) -> Who {
        let mut who = spend.who.clone();
        let named = spend.reservation.as_ref().and_then(|id| self.made_in(who.project.as_deref(), id));
        if let Some(made) = named.map(|known| &known.made.who) {
            let pairs = [
                (&mut who.run, &made.run),
                (&mut who.session, &made.session),
                (&mut who.user, &made.user),
                (&mut who.agent, &made.agent),
                (&mut who.workflow, &made.workflow),
                (&mut who.model, &made.model),
            ];
            for (said, made) in pairs {
                if said.is_none() {
                    said.clone_from(made);
                }
            }
        }
        who
    }

    fn ids(&self, who: &Who, at: Timestamp) -> Vec<Id> {
        let concerned = self.budgets.list.iter().enumerate().filter(|(_, budget)| budget.concerns(who));
        let id = |(at_index, budget): (usize, &Budget)| {
            let part = match budget.period(at) {
                Some((from, to)) => Part::From(from, to),
                None => Part::Run(who.run.clone()?),
            };
            Some(Id { budget: at_index, project: who.project.clone(), key: who.get(budget.per)?.clone(), part })
        };
        concerned.filter_map(id).collect()
    }

    fn add(&mut self, who: &Who, at: Timestamp, share: Share, usd: Usd, now: Timestamp) {
        if usd.as_pico() == 0 {
            return;
        }
        for id in self.ids(who, at) {
            // What is over concerns no call to come; so an import of old runs fills no memory and announces nothing.
            let over = match &id.part {
                Part::From(_, end) => *end <= now,
                Part::Run(_) => at.plus_nanos(KEEP) <= now,
            };
            if over {
                continue;
            }
            if self.accounts.len() >= MAX_ACCOUNTS && !self.accounts.contains_key(&id) {
                self.lost.accounts += 1;
                continue;
            }
            let account = self.accounts.entry(id.clone()).or_default();
            let place = match share {
                Share::Ledger => &mut account.ledger,
                Share::Live => &mut account.live,
                Share::Held => &mut account.held,
                Share::Settled => &mut account.settled,
            };
            *place = place.plus(usd);
            account.last = now;
            let spent = account.spent();
            let level = self.budgets.list[id.budget].reached(spent).cloned();
            if let Some(level) = level {
                self.announce(&id, level, who.run.clone(), now);
            }
        }
    }

    fn standing(&self, id: &Id, account: &Account) -> Option<Standing> {
        let budget = self.budgets.list.get(id.budget)?;
        let (from, resets, run) = match &id.part {
            Part::From(from, to) => (Some(*from), Some(*to), None),
            Part::Run(run) => (None, None, Some(run.clone())),
        };
        Some(Standing {
            budget: budget.name.clone(),
            key: id.key.clone(),
            project: id.project.clone(),
            run,
            from,
            resets,
            limit: budget.limit,
            spent: account.spent(),
            provisional: account.live,
            held: account.held,
            left: budget.limit.minus(account.used()),
            percent: share(account.used(), budget.limit),
        })
    }

    /// What all budgets together say of a call that costs `need` at most.
    fn judge(&self, who: &Who, need: Usd, now: Timestamp) -> Verdict {
        let none = Account::default();
        let mut verdict = Verdict {
            action: None,
            budget: None,
            reason: "no budget concerns this call".into(),
            left: None,
            reserved: None,
            standings: Vec::new(),
        };
        for id in self.ids(who, now) {
            let account = self.accounts.get(&id).unwrap_or(&none);
            let (Some(budget), Some(standing)) = (self.budgets.list.get(id.budget), self.standing(&id, account)) else {
                continue;
            };
            if verdict.left.is_none() {
                verdict.reason = "within every budget".into();
            }
            verdict.left = Some(verdict.left.map_or(standing.left, |left| left.min(standing.left)));
            let said = of_budget(budget, &standing, who, need);
            verdict.standings.push(standing);
            // The first budget that rejects decides, else the first that downgrades.
            if let Some((action, reason)) = said
                && !is_reject(&verdict)
                && (verdict.action.is_none() || matches!(action, Action::Reject { .. }))
            {
                (verdict.action, verdict.reason) = (Some(action), reason);
                verdict.budget = Some(budget.name.clone());
            }
        }
        verdict
    }
}
