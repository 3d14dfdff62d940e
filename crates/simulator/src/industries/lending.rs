//! Finance, the lending desk: an agent that decides about applications for loans by the bank's lending criteria.

use serde_json::json;

use super::{Text, found, quoted};
use crate::card::{AgentCard, SONNET, ToolCard};
use crate::chat::Chat;
use crate::plan::Severity;
use crate::scene::{Call, Scene, round};

/// The index that holds the lending criteria.
pub(crate) const INDEX: &str = "lending-criteria";
/// The tool that grants a loan.
pub(crate) const APPROVE: &str = "approve_loan";
/// The tool that does not.
pub(crate) const REJECT: &str = "reject_loan";
/// What [`REJECT`] does, as it is offered.
pub(crate) const REJECTS: &str = "Declines an application with a reason. Final.";
/// How the message begins in which the model is shown the criteria.
pub(crate) const CRITERIA_SHOWN: &str = "Sections of the lending criteria";
/// What the model thinks before it grants a loan.
pub(crate) const MET: &str = "Both criteria are met.";
/// The log line of a loan that was granted.
pub(crate) const APPROVED: &str = "loan approved";
/// The log line of one that was not.
pub(crate) const DECLINED: &str = "loan declined";

static LENDER: AgentCard =
    AgentCard { name: "loan_approver", description: "Decides about applications for consumer loans." };

static TOOLS: &[ToolCard] = &[
    ToolCard {
        name: "get_application",
        description: "Returns an application with amount, term and purpose.",
        arguments: &["application"],
        typical_ms: 95.0,
    },
    ToolCard {
        name: "customer_profile",
        description: "Returns profile, income and employment of a customer.",
        arguments: &["customer"],
        typical_ms: 120.0,
    },
    ToolCard {
        name: "credit_report",
        description: "Returns score, open loans and their instalments.",
        arguments: &["customer"],
        typical_ms: 410.0,
    },
    ToolCard {
        name: APPROVE,
        description: "Grants a loan at a rate. Final.",
        arguments: &["application", "amount#", "rate#"],
        typical_ms: 180.0,
    },
    ToolCard { name: REJECT, description: REJECTS, arguments: &["application", "reason"], typical_ms: 150.0 },
];

const SYSTEM: &str = "You decide about applications for consumer loans at a European bank, and you write the letter to the applicant.\n\n\
Rules of the desk:\n- Look at the application, the customer's profile and the credit report before anything else.\n\
- Decide by the sections of the lending criteria that the search gives you, and by nothing else; name the section.\n\
- Grant the loan where all criteria are met, with a rate between 4 and 9 percent by score.\n\
- Otherwise decline it, politely, with the reason and what would help.\n\
- Never mention other applicants, and never promise a decision that you did not make.";

static CRITERIA: &[Text] = &[
    Text {
        id: "lend-2.1",
        title: "Affordability",
        body: "The instalment of the new loan and all instalments and debts that the credit report shows may together not exceed 40 percent of the net monthly income. Income of a second earner in the household counts where both sign. Rent and alimony are debts in the sense of this section; savings are no income.",
    },
    Text {
        id: "lend-3.4",
        title: "Credit history",
        body: "From a score of 600 the history is sufficient. Below 600 the application is declined; the letter names the bureau at which the applicant can ask for the entries. A single late payment of less than 100 EUR within two years is left out of account. Entries older than four years do not count.",
    },
    Text {
        id: "lend-4.0",
        title: "Self-employed applicants",
        body: "Income of self-employed applicants is the mean of the last two tax assessments divided by twelve. Applications within the first year of a business need a guarantor. Seasonal businesses are judged by the weaker half of the year.",
    },
];

/// Plays the decision about one application.
pub(super) fn play(scene: &mut Scene) -> &'static str {
    let application = format!("LN-{}", scene.random.between(100_000, 999_999));
    let customer = format!("C{}", scene.random.between(40_000, 49_999));
    let (amount, months) = (scene.random.between(3, 30) * 1_000, *scene.random.pick(&[24_u64, 36, 48, 60]));
    // Which criterion the case turns on, and how it turns out.
    let (criterion, granted) = (scene.random.between(0, 1) as usize, scene.random.chance(0.7));
    let (affordable, trusted) = (granted || criterion != 0, granted || criterion != 1);
    let burden = if affordable { scene.random.between(15, 38) } else { scene.random.between(42, 70) };
    let score = if trusted { scene.random.between(600, 790) } else { scene.random.between(480, 590) };
    let reason = match (affordable, trusted) {
        (false, _) => {
            format!("instalments and debts would come to {burden} % of the income, over the limit of 40 % (lend-2.1)")
        }
        (_, false) => format!("the score of {score} is under the 600 that we ask for (lend-3.4)"),
        _ => format!(
            "instalments and debts come to {burden} % of the income and the score is {score} (lend-2.1, lend-3.4)"
        ),
    };
    let task = format!("Decide about application {application}: {amount} EUR over {months} months.");
    let _ = scene.agent(&LENDER, &task, |scene| {
        let mut chat = Chat::new(&SONNET, SYSTEM, TOOLS);
        chat.user(task.as_str());
        let purpose = *scene.random.pick(&["car", "furniture", "kitchen", "refinancing", "education"]);
        let form = json!({
            "application": application, "customer": customer, "amount": amount, "currency": "EUR", "months": months,
            "purpose": purpose,
        });
        scene.act(&mut chat, "", vec![Call::new("get_application", json!({"application": application}), form)])?;
        let profile = json!({
            "customer": customer,
            "since": format!("20{}-{:02}", scene.random.between(10, 25), scene.random.between(1, 12)),
            "net_income": scene.random.between(17, 62) * 100,
            "employment": scene.random.pick(&["permanent", "permanent", "fixed term"]),
        });
        let report = json!({"customer": customer, "score": score, "burden_percent": burden});
        let looks = vec![
            Call::new("customer_profile", json!({"customer": customer}), profile),
            Call::new("credit_report", json!({"customer": customer}), report),
        ];
        scene.act(&mut chat, "Income, debts and history first.", looks)?;
        let documents = found(&scene.random, CRITERIA, criterion, 2);
        let documents = scene.retrieve(INDEX, "criteria for consumer loans", documents);
        chat.user(format!("{CRITERIA_SHOWN} for {application}:\n\n{}", quoted(&documents)));
        if granted {
            let rate = round(scene.random.fraction(4.1, 8.9), 1);
            let call = Call::new(
                APPROVE,
                json!({"application": application, "amount": amount, "rate": rate}),
                json!({"application": application, "state": "approved"}),
            );
            scene.act(&mut chat, MET, vec![call])?;
            scene.log(Severity::Info, APPROVED, vec![("application", json!(application))]);
            return scene.answer(&mut chat, format!("Dear customer, your application {application} over {amount} EUR is approved at {rate:.1} % over {months} months: {reason}. The contract reaches you by post within three days."));
        }
        let call = Call::new(
            REJECT,
            json!({"application": application, "reason": reason}),
            json!({"application": application, "state": "rejected"}),
        );
        scene.act(&mut chat, "A criterion is not met.", vec![call])?;
        scene.log(Severity::Info, DECLINED, vec![("application", json!(application))]);
        scene.answer(&mut chat, format!("Dear customer, thank you for your application {application}. After a careful review we have declined it: {reason}. You are welcome to apply again with a smaller amount or a longer term."))
    });
    "loan_application"
}
