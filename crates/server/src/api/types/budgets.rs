//! Budgets: questions and answers.

use model::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who is about to make which call.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BudgetCheck {
    /// Environment; `default` where left out.
    pub environment: Option<String>,
    /// The run: its trace id in hex.
    pub run: Option<String>,
    /// Conversation.
    pub session: Option<String>,
    /// End user.
    pub user: Option<String>,
    /// Agent that calls.
    pub agent: Option<String>,
    /// Workflow.
    pub workflow: Option<String>,
    /// Model to be called.
    pub model: Option<String>,
    /// Tool to be called, where it is about one: brakes may hold it.
    pub tool: Option<String>,
    /// Version of the agent: a brake may keep it on the one before.
    pub version: Option<String>,
    /// Who serves it.
    pub provider: Option<String>,
    /// What the call costs at most, in dollars; or say `input_tokens` and `max_output_tokens`.
    pub usd: Option<f64>,
    /// Tokens to be sent.
    pub input_tokens: Option<u64>,
    /// Tokens the model may answer with.
    pub max_output_tokens: Option<u64>,
    /// Hold the money until the call is settled. Put the reservation's id on the call's span as `tawny.reservation_id`.
    pub reserve: bool,
    /// Id of the reservation, if the caller makes them; a text that does not come twice.
    pub reservation: Option<String>,
    /// Seconds for which to hold it; 600 where left out, 86400 at most.
    pub hold_seconds: Option<u64>,
}

/// What the agent may do.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BudgetVerdict {
    /// `allow`, `downgrade` or `reject`.
    pub verdict: String,
    /// The model to use: as asked, or the cheaper one.
    #[schema(required)]
    pub model: Option<String>,
    /// The budget that decided it.
    #[schema(required)]
    pub budget: Option<String>,
    /// Why, in words.
    pub reason: String,
    /// What the agent may say to its user where the call is turned down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The brake that holds the agent or the tool; then the verdict is `reject`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brake: Option<BudgetBrake>,
    /// The least that any budget leaves, in dollars; null where none concerns the call.
    #[schema(required)]
    pub left_usd: Option<f64>,
    /// The reservation that was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation: Option<BudgetReservation>,
    /// Every account that was asked.
    pub accounts: Vec<BudgetAccount>,
}

/// What a held agent does instead.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BudgetBrake {
    /// The brake's id.
    pub id: String,
    /// `hold`: nothing; `human`: hand over to people; `previous`: work as `version`.
    pub action: String,
    /// The version to use, for `previous`.
    #[schema(required)]
    pub version: Option<String>,
    /// Until when; null until somebody takes it off.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub until: Option<Timestamp>,
}

/// A reservation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BudgetReservation {
    /// Its id.
    pub id: String,
    /// Dollars held.
    pub usd: f64,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// What a call really cost.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetSettle {
    /// The reservation.
    pub reservation: String,
    /// Dollars.
    pub usd: f64,
}

/// Whether it was settled.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BudgetSettled {
    /// `now`; `late`: after it had expired or was released, so a limit may be passed by it; `again`: it was settled before, by the
    /// caller or by telemetry, and nothing changed.
    pub settled: String,
}

/// Which reservation to let go.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetRelease {
    /// The reservation.
    pub reservation: String,
}

/// Whether it was let go.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BudgetReleased {
    /// It held money and does not any more.
    pub released: bool,
}

/// Budgets and how they stand.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BudgetsAnswer {
    /// The budgets.
    pub budgets: Vec<BudgetSetting>,
    /// Accounts, the fullest first; at most 1,000.
    pub accounts: Vec<BudgetAccount>,
    /// Levels passed, the latest first; at most 100.
    pub passed: Vec<BudgetPassed>,
    /// Reservations that hold money.
    pub open_reservations: usize,
    /// The file they come from; null where they come from the API.
    #[schema(required)]
    pub file: Option<String>,
    /// The text given over the API, in the format of the file; empty for none.
    pub text: String,
}

/// One budget.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BudgetSetting {
    /// Its name.
    pub name: String,
    /// Whose spending: `project`, `run`, `session`, `user`, `agent`, `workflow` or `model`.
    pub per: String,
    /// Over which time: `request`, `hour`, `day` or `month`.
    pub over: String,
    /// Dollars.
    pub limit_usd: f64,
    /// Whether the limit may not be passed.
    pub hard: bool,
    /// What happens on the way there.
    pub levels: Vec<BudgetLevel>,
}

/// A level of a budget.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BudgetLevel {
    /// In percent of the limit.
    pub percent: u8,
    /// `alert`, `downgrade` or `reject`.
    pub action: String,
    /// The cheaper model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// How an account stands.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BudgetAccount {
    /// The budget.
    pub budget: String,
    /// Whose account.
    pub key: String,
    /// The run, for budgets by request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// When it begins anew; null for requests.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub resets_at: Option<Timestamp>,
    /// Dollars.
    pub limit_usd: f64,
    /// Dollars spent.
    pub spent_usd: f64,
    /// Of these, of runs that are not over.
    pub provisional_usd: f64,
    /// Dollars held by reservations.
    pub held_usd: f64,
    /// Dollars left; negative where the limit was passed.
    pub left_usd: f64,
    /// Spent and held, in percent of the limit.
    pub percent: i64,
}

/// A level that was passed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BudgetPassed {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The budget.
    pub budget: String,
    /// Whose account.
    pub key: String,
    /// Run whose spending passed it.
    #[schema(required)]
    pub run: Option<String>,
    /// The level.
    pub percent: i64,
    /// `alert`, `downgrade` or `reject`.
    pub action: String,
    /// Dollars spent then.
    pub spent_usd: f64,
    /// The limit.
    pub limit_usd: f64,
}
