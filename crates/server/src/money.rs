//! Money in the server: prices in use, the ledger in the state, budgets with their log, service levels.
//!
//! What is computed is in `signals::money`; here is where it is kept and who is told. Prices, budgets and service levels come from
//! files named in the settings; prices and budgets also over the API, kept in the state. Prices given over the API lie above the
//! files; budgets are given in one place, the file or the API.

pub mod again;
pub mod costs;
pub mod crossings;
pub mod figures;
pub mod judge;
pub mod kept;
pub mod levels;
pub mod log;
pub mod tables;

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use model::{SpanId, Timestamp, TraceId};
use signals::FileError;
use signals::money::budget::{Book, Budgets, Crossing, Spend};
use signals::money::forecast::Forecast;
use signals::money::sla::{Kept, Promises};
use signals::money::{DAY, month_of};
use signals::prices::Prices;
use state::State;

use self::log::{Log, LogError};

/// Reservations named on spans of runs that have not settled; more are not told apart from other calls until then.
pub const SPAN_RESERVATIONS_MAX: usize = 100_000;
/// How long other budgets wait for changes of the ledger that are under way.
const IN_FLIGHT: Duration = Duration::from_secs(5);
/// Runs read from the ledger at once when the book is filled.
const FILL_RUNS: usize = 1_000;

/// Files of money in the settings.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// Prices; of several the last wins.
    pub prices: Vec<PathBuf>,
    /// Budgets.
    pub budgets: Option<PathBuf>,
    /// Service levels.
    pub sla: Option<PathBuf>,
    /// Where to post that a budget's level was passed.
    pub hook: Option<String>,
}

/// Why settings of money cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MoneyError {
    /// A file cannot be opened.
    #[error("cannot read {path}", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file or a text of the API is wrong.
    #[error(transparent)]
    File(#[from] FileError),
    /// The log of reservations.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The state.
    #[error(transparent)]
    State(#[from] state::StateError),
    /// The address for budget levels.
    #[error("cannot use `{0}` for --budget-hook: give a URL that begins with http:// or https://")]
    Hook(String),
}

/// Names of texts that the API keeps.
pub const PRICES_TEXT: &str = "prices";
/// Likewise.
pub const BUDGETS_TEXT: &str = "budgets";

/// Everything about money that handlers, the way in and the watch share.
#[derive(Debug)]
pub struct Money {
    files: Files,
    /// From the files.
    base: Prices,
    prices: RwLock<Prices>,
    promises: Promises,
    book: Mutex<Book>,
    log: OnceLock<Log>,
    /// Reservations named on spans, until their run settles.
    on_spans: Mutex<HashMap<TraceId, HashMap<SpanId, Arc<str>>>>,
    waiting: Mutex<Vec<Crossing>>,
    forecast: Mutex<Option<Forecast>>,
    /// Runs since the start by workflow and objective, each as it was judged first: counters that never go down.
    kept: Mutex<Counts>,
    /// Changes of the ledger that are kept and that the book does not know yet.
    in_flight: Mutex<u32>,
    landed: Condvar,
}

/// Runs by workflow and objective.
pub type Counts = BTreeMap<(String, String), Kept>;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn text_of(path: &Path) -> Result<String, MoneyError> {
    std::fs::read_to_string(path).map_err(|source| MoneyError::Open { path: path.to_owned(), source })
}

impl Money {
    /// Reads the files.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn new(files: &Files) -> Result<Self, MoneyError> {
        let mut base = Prices::built_in();
        for path in &files.prices {
            base = base.with_overrides(&path.display().to_string(), &text_of(path)?)?;
        }
        let budgets = match &files.budgets {
            Some(path) => Budgets::parse(&path.display().to_string(), &text_of(path)?)?,
            None => Budgets::default(),
        };
        let promises = match &files.sla {
            Some(path) => Promises::parse(&path.display().to_string(), &text_of(path)?)?,
            None => Promises::default(),
        };
        if let Some(hook) =
            files.hook.as_ref().filter(|hook| !["http://", "https://"].iter().any(|begin| hook.starts_with(begin)))
        {
            return Err(MoneyError::Hook(hook.clone()));
        }
        // A counter begins with 0, so that its first increase is seen.
        let zeros = promises.list.iter().flat_map(|promise| {
            let objectives = promise.objectives().into_iter().chain([levels::ALL]);
            objectives.map(|objective| ((promise.workflow.to_string(), objective.to_owned()), Kept::default()))
        });
        let zeros = zeros.collect();
        Ok(Self {
            files: files.clone(),
            prices: RwLock::new(base.clone()),
            base,
            promises,
            book: Mutex::new(Book::new(budgets)),
            log: OnceLock::new(),
            on_spans: Mutex::default(),
            waiting: Mutex::default(),
            forecast: Mutex::default(),
            kept: Mutex::new(zeros),
            in_flight: Mutex::default(),
            landed: Condvar::new(),
        })
    }

    /// Takes over the prices that the API kept.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn take_prices(&self, state: &State) -> Result<(), MoneyError> {
        if let Some(text) = state.read(|connection| kept::kept_text(connection, PRICES_TEXT))? {
            self.set_prices(&text)?;
        }
        Ok(())
    }

    /// Takes over the budgets that the API kept, reads the log of reservations and fills the book from the ledger.
    ///
    /// # Errors
    /// When state or log cannot be read.
    pub fn open(&self, state: &State, dir: &Path, sync: bool, now: Timestamp) -> Result<(), MoneyError> {
        let text = state.read(|connection| kept::kept_text(connection, BUDGETS_TEXT))?;
        let budgets = match (text, &self.files.budgets) {
            (Some(text), None) => Budgets::parse("the budgets given over the API", &text)?,
            _ => self.book().budgets().clone(),
        };
        let (log, ops) = Log::open(dir, sync)?;
        let mut book = Book::new(budgets);
        // Before any money is added: what was announced before the restart is not announced again, what was not is.
        let passed = state.read(|connection| crossings::since(connection, oldest_period(now)))?;
        passed.iter().for_each(|passed| book.announced(&passed.announced()));
        for op in &ops {
            book.apply(op, now);
        }
        fill(&mut book, state, now)?;
        book.expire(now);
        locked(&self.waiting).extend(book.take_crossings());
        log.append_all(&book.take_told());
        log.rewrite(&book.ops());
        *self.book() = book;
        // Opened once.
        let _ = self.log.set(log);
        Ok(())
    }

    /// The prices in use.
    pub fn prices(&self) -> Prices {
        self.prices.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts prices given over the API above those of the files.
    ///
    /// # Errors
    /// When the text cannot be read; nothing changes then.
    pub fn set_prices(&self, text: &str) -> Result<(), FileError> {
        let prices = self.base.with_overrides("the prices given over the API", text)?;
        *self.prices.write().unwrap_or_else(PoisonError::into_inner) = prices;
        Ok(())
    }

    /// The service levels.
    pub const fn promises(&self) -> &Promises {
        &self.promises
    }

    /// The files of the settings.
    pub const fn files(&self) -> &Files {
        &self.files
    }

    /// The book, for a short while.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        locked(&self.book)
    }

    /// The log, once it is open.
    pub fn log(&self) -> Option<&Log> {
        self.log.get()
    }

    /// Puts other budgets in place; what was spent is read from the ledger.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn set_budgets(&self, budgets: Budgets, state: &State, now: Timestamp) -> Result<(), MoneyError> {
        // What the ledger holds already and the book is still to be charged with would be charged twice.
        let quiet = self.landed.wait_timeout_while(locked(&self.in_flight), IN_FLIGHT, |changes| *changes > 0);
        let (quiet, _) = quiet.unwrap_or_else(PoisonError::into_inner);
        let mut book = self.book();
        let mut next = book.under(budgets, now);
        fill(&mut next, state, now)?;
        *book = next;
        drop((book, quiet));
        self.after_change();
        Ok(())
    }

    /// A change of the ledger is about to be kept; call it in its transaction. [`Self::landed`] has to follow.
    pub fn takes_off(&self) {
        *locked(&self.in_flight) += 1;
    }

    /// The book knows of the change, or it was not kept.
    pub fn landed(&self) {
        let mut changes = locked(&self.in_flight);
        *changes = changes.saturating_sub(1);
        self.landed.notify_all();
    }

    /// Takes from the book what a change brought: what was told goes to the log, levels passed wait for the task that announces them.
    pub fn after_change(&self) {
        let mut book = self.book();
        let (told, passed) = (book.take_told(), book.take_crossings());
        if let Some(log) = self.log() {
            log.append_all(&told);
            if log.bytes() > log::REWRITE_BYTES {
                log.rewrite(&book.ops());
            }
        }
        drop(book);
        if !passed.is_empty() {
            locked(&self.waiting).extend(passed);
        }
    }

    /// The forecast as it was read last.
    pub fn forecast(&self) -> Option<Forecast> {
        *locked(&self.forecast)
    }

    /// Takes over a forecast.
    pub fn set_forecast(&self, forecast: Forecast) {
        *locked(&self.forecast) = Some(forecast);
    }

    /// Runs held against promises since the start.
    pub fn kept(&self) -> Counts {
        locked(&self.kept).clone()
    }

    /// Counts a run that was held against a promise.
    fn count_kept(&self, judged: &levels::Judged) {
        let mut counts = locked(&self.kept);
        for (objective, good) in &judged.objectives {
            let kept = counts.entry((judged.workflow.to_string(), (*objective).to_owned())).or_default();
            kept.runs += 1;
            kept.good += u64::from(*good);
        }
    }

    /// Levels passed that have to be announced.
    fn take_waiting(&self) -> Vec<Crossing> {
        std::mem::take(&mut locked(&self.waiting))
    }

    /// Puts back what could not be kept.
    fn put_back(&self, passed: Vec<Crossing>) {
        let mut waiting = locked(&self.waiting);
        waiting.splice(0..0, passed);
    }

    /// Notes that a span names a reservation: narrow rows do not keep it, and a run in progress is looked at without its attributes.
    pub fn note_reservation(&self, trace: TraceId, span: SpanId, id: Arc<str>) {
        let mut on_spans = locked(&self.on_spans);
        if on_spans.len() < SPAN_RESERVATIONS_MAX || on_spans.contains_key(&trace) {
            on_spans.entry(trace).or_default().insert(span, id);
        }
    }

    /// Reservations that spans of a run name.
    fn reservations_of(&self, trace: TraceId) -> HashMap<SpanId, Arc<str>> {
        locked(&self.on_spans).get(&trace).cloned().unwrap_or_default()
    }

    fn forget_reservations_of(&self, trace: TraceId) {
        locked(&self.on_spans).remove(&trace);
    }
}

/// When the oldest account begins: the longest period is the month, requests are kept for a day.
fn oldest_period(now: Timestamp) -> Timestamp {
    month_of(now).min(now.plus_nanos(-DAY))
}

/// Charges the book with the ledger of every period that is not over.
fn fill(book: &mut Book, state: &State, now: Timestamp) -> Result<(), MoneyError> {
    if book.budgets().list.is_empty() {
        return Ok(());
    }
    let since = oldest_period(now);
    let projects: Vec<String> = state.read(|connection| {
        let mut query = connection.prepare("SELECT DISTINCT project FROM money_runs")?;
        query.query_map([], |row| row.get(0))?.collect()
    })?;
    for project in projects {
        let mut after = 0;
        loop {
            let found = state.read(|connection| kept::ledgers_since(connection, &project, since, after, FILL_RUNS))?;
            for (id, ledger) in &found {
                after = *id;
                book.charge(&judge::spends(ledger, 1), now);
            }
            if found.len() < FILL_RUNS {
                break;
            }
        }
    }
    Ok(())
}

/// A spend of nothing changes nothing; kept out of the book's way.
fn worth(spend: &Spend) -> bool {
    spend.usd.as_pico() != 0
}

/// An id that does not come twice: hashes with keys that the system chose.
pub fn new_id(now: Timestamp) -> String {
    let hash = || RandomState::new().hash_one(now.as_nanos());
    format!("{:016x}{:016x}", hash(), hash())
}
