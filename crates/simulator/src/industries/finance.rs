//! Finance: an agent that works through flagged transactions, one tool round after another; beside it the lending desk
//! (`lending.rs`).

use serde_json::json;

use super::{Text, found, lending, quoted};
use crate::card::{AgentCard, HAIKU, SONNET, ToolCard};
use crate::chat::Chat;
use crate::plan::{Failure, Severity};
use crate::scene::{Call, Scene, round};

static AUDITOR: AgentCard = AgentCard {
    name: "transaction_auditor",
    description: "Reviews flagged transactions and closes or escalates each.",
};
static NARRATOR: AgentCard =
    AgentCard { name: "report_writer", description: "Writes the narrative of a suspicious activity report." };

static TOOLS: &[ToolCard] = &[
    ToolCard {
        name: "fetch_flagged",
        description: "Returns the flagged transactions of a queue, oldest first.",
        arguments: &["queue", "limit#"],
        typical_ms: 180.0,
    },
    ToolCard {
        name: "customer_profile",
        description: "Returns profile, expected turnover and history of alerts of a customer.",
        arguments: &["customer"],
        typical_ms: 120.0,
    },
    ToolCard {
        name: "screen_sanctions",
        description: "Screens a name or account against sanctions lists; returns hits with scores.",
        arguments: &["name", "country"],
        typical_ms: 350.0,
    },
    ToolCard {
        name: "velocity",
        description: "Counts and sums of a customer's transactions over windows.",
        arguments: &["customer", "days#"],
        typical_ms: 210.0,
    },
    ToolCard {
        name: "clear_alert",
        description: "Closes an alert with a reason. Final.",
        arguments: &["alert", "reason"],
        typical_ms: 140.0,
    },
    ToolCard {
        name: "write_report",
        description: "Hands a case to the report writer.",
        arguments: &["task"],
        typical_ms: 40.0,
    },
];

const SYSTEM: &str = "You review transactions that rules have flagged at a European payments company. For each one decide: clear, or report.\n\n\
Rules of the desk:\n- Look at the customer's profile before anything else. Unusual means unusual for this customer.\n\
- A sanctions hit with a score under 0.85 and another country of birth is a false hit; say so with the score.\n\
- Several payments just under 10,000 within a week are structuring until the customer's business explains them.\n\
- New accounts that forward at least 80 percent of incoming funds within 48 hours are mule accounts until shown otherwise.\n\
- Clear with a reason that an examiner could check in a year. Never write that something looks fine.\n\
- If two checks contradict each other, report.\n\nYou do not contact the customer and you do not hint that a report exists.";

static POLICIES: &[Text] = &[
    Text {
        id: "aml-4.2",
        title: "Structuring",
        body: "Structuring is the splitting of a sum into parts that each stay below a reporting threshold. Indicators: three or more payments between 8,000 and 9,999 within seven days, cash deposits at several branches on one day, equal amounts to related parties. Seasonal businesses may show the same pattern; compare with the same month of the last two years before reporting. Document the comparison in either case.",
    },
    Text {
        id: "aml-5.1",
        title: "Mule accounts",
        body: "A mule account takes in funds of fraud victims and forwards them at once. Indicators: account younger than ninety days, first large incoming payment forwarded by more than 80 percent within 48 hours, login from a new device shortly before. Where at least two indicators are present, restrict outgoing payments and report on the same day. Do not wait for the second incoming payment.",
    },
    Text {
        id: "aml-6.3",
        title: "Sanctions screening",
        body: "Name matching yields scores between 0 and 1. From 0.95 treat as a true hit and freeze. Between 0.85 and 0.95 a second analyst decides. Below 0.85 the hit may be cleared when at least one of date of birth, country of birth or document number differs, and the differing field is named in the reason. Screening lists are updated daily at 06:00 and rescreened over night.",
    },
    Text {
        id: "aml-7.0",
        title: "Trade finance",
        body: "Over- and under-invoicing move value across borders. Compare unit prices with the published range of the customs code; a deviation of more than 40 percent needs an explanation by the relationship manager. Dual-use goods follow the export control procedure whatever their price. Payments by third parties that are not named in the contract are reported.",
    },
];

struct Case {
    policy: usize,
    flag: &'static str,
    thought: &'static str,
    finding: &'static str,
    report: bool,
}

static CASES: &[Case] = &[
    Case {
        policy: 0,
        flag: "repeated amounts below threshold",
        thought: "Four payments between 9,100 and 9,900 in five days. I compare with the customer's usual business.",
        finding: "The customer is a market trader; the same month of both earlier years shows the same pattern with the same counterparties.",
        report: false,
    },
    Case {
        policy: 0,
        flag: "cash deposits at several branches",
        thought: "Deposits at three branches on one day are hard to explain by business alone.",
        finding: "Neither earlier year shows cash deposits, and the amounts stay just below the threshold each time.",
        report: true,
    },
    Case {
        policy: 1,
        flag: "rapid movement of funds",
        thought: "The account is 41 days old and forwarded nearly everything within a day.",
        finding: "Two mule indicators are present: account age and 93 percent forwarded within 20 hours, from a device first seen that morning.",
        report: true,
    },
    Case {
        policy: 2,
        flag: "sanctions name match",
        thought: "A name match alone says little. I look at score and country of birth.",
        finding: "The only hit has a score of 0.71 and another country of birth, so it is a false hit under 6.3.",
        report: false,
    },
    Case {
        policy: 3,
        flag: "unit price outside range",
        thought: "The invoice price per unit is far above the published range; I check the history with this supplier.",
        finding: "The price includes installation and a service contract, as the attached order confirms.",
        report: false,
    },
];

/// Share of runs in which the lending desk is at work.
const LENDING: f64 = 0.4;

/// Plays the review of a few flagged transactions, or the decision about a loan.
pub(super) fn play(scene: &mut Scene) -> &'static str {
    if scene.random.chance(LENDING) {
        return lending::play(scene);
    }
    let queue = *scene.random.pick(&["retail-eu", "sme-eu", "cards", "trade"]);
    let count = scene.random.between(1, 3) as usize;
    let task = format!("Work the oldest {count} alerts of queue {queue}.");
    let model = if scene.random.chance(0.7) { &SONNET } else { &HAIKU };
    let _ = scene.agent(&AUDITOR, &task, |scene| {
        let mut chat = Chat::new(model, SYSTEM, TOOLS);
        chat.user(task.as_str());
        let cases: Vec<&Case> = scene.random.some(CASES, count);
        let alerts: Vec<String> = cases.iter().map(|_| format!("AL-{}", scene.random.between(100_000, 999_999))).collect();
        let rows: Vec<_> = cases
            .iter()
            .zip(&alerts)
            .map(|(case, alert)| json!({
                "alert": alert,
                "flag": case.flag,
                "customer": format!("C{}", scene.random.between(40_000, 49_999)),
                "amount": round(scene.random.fraction(900.0, 48_000.0), 2),
                "currency": scene.random.pick(&["EUR", "EUR", "SEK", "PLN"]),
                "counterparty": scene.random.pick(&["Nordhaven Trading", "Bluefin Logistics", "A. Marchetti", "Kestrel Imports", "Sunrise Wholesale"]),
                "rule": format!("R-{}", scene.random.between(10, 48)),
            }))
            .collect();
        scene.act(&mut chat, "", vec![Call::new("fetch_flagged", json!({"queue": queue, "limit": count}), json!({"alerts": rows}))])?;
        let mut lines = Vec::new();
        for ((case, alert), row) in cases.iter().zip(&alerts).zip(&rows) {
            let customer = row["customer"].as_str().unwrap_or_default().to_string();
            lines.push(review(scene, &mut chat, case, alert, &customer)?);
        }
        scene.answer(&mut chat, format!("Queue {queue}, {count} alerts worked:\n\n{}", lines.join("\n")))
    });
    "alert_review"
}

fn review(scene: &mut Scene, chat: &mut Chat, case: &Case, alert: &str, customer: &str) -> Result<String, Failure> {
    let profile = json!({
        "customer": customer,
        "since": format!("20{}-{:02}", scene.random.between(15, 26), scene.random.between(1, 12)),
        "segment": scene.random.pick(&["sole trader", "limited company", "private"]),
        "expected_monthly_turnover": scene.random.between(2, 90) * 1000,
        "alerts_last_year": scene.random.between(0, 6),
        "risk": scene.random.pick(&["low", "medium", "medium", "high"]),
    });
    scene.act(
        chat,
        &format!("{alert}: {}. Profile first.", case.flag),
        vec![Call::new("customer_profile", json!({"customer": customer}), profile)],
    )?;
    let windows: Vec<_> = [7, 30, 365]
        .iter()
        .map(|days| json!({"days": days, "count": scene.random.between(2, 400), "sum": round(scene.random.fraction(1e3, 9e5), 2)}))
        .collect();
    let hits = json!([{"list": "EU consolidated", "score": round(scene.random.fraction(0.55, 0.84), 2), "country_of_birth": "differs"}]);
    scene.act(
        chat,
        case.thought,
        vec![
            Call::new("velocity", json!({"customer": customer, "days": 365}), json!({"windows": windows})),
            Call::new("screen_sanctions", json!({"name": customer, "country": "DE"}), json!({"hits": hits})),
        ],
    )?;
    let documents = found(&scene.random, POLICIES, case.policy, 2);
    let documents = scene.retrieve("aml-policy", case.flag, documents);
    chat.user(format!("Policy sections for {alert}:\n\n{}", quoted(&documents)));
    if !case.report {
        let reason = format!("{} ({})", case.finding, POLICIES[case.policy].id);
        scene.act(
            chat,
            "",
            vec![Call::new(
                "clear_alert",
                json!({"alert": alert, "reason": reason}),
                json!({"alert": alert, "state": "cleared"}),
            )],
        )?;
        return Ok(format!("- {alert}: cleared. {reason}"));
    }
    let task = format!("Write the narrative for {alert}, customer {customer}. {}", case.finding);
    scene.delegate(chat, "write_report", &NARRATOR, &task, |scene| {
        let mut chat = Chat::new(&HAIKU, "You write narratives of suspicious activity reports: who, what, when, where, why it is suspicious. Facts only, in the order of time, under 200 words.", &[]);
        chat.user(task.as_str());
        scene.answer(&mut chat, format!(
            "Customer {customer} came to notice through alert {alert} ({}). {} The activity does not fit the declared business and no economic reason is apparent. Account restricted pending review; supporting transactions are attached.",
            case.flag, case.finding
        ))
    })?;
    scene.log(
        Severity::Warn,
        "report filed",
        vec![("alert", json!(alert)), ("policy", json!(POLICIES[case.policy].id))],
    );
    Ok(format!("- {alert}: reported. {}", case.finding))
}
