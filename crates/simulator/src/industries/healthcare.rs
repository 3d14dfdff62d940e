//! Healthcare: an agent that matches patients to clinical trials and keeps track of sites.

use serde_json::json;

use super::{Text, found, quoted};
use crate::card::{AgentCard, GPT_4O, GPT_5_MINI, ToolCard};
use crate::chat::Chat;
use crate::plan::Severity;
use crate::scene::{Call, Scene, round};
use crate::simulator::Session;

static MATCHER: AgentCard =
    AgentCard { name: "trial_matcher", description: "Matches a pseudonymous patient record to open clinical trials." };
static SAFETY: AgentCard =
    AgentCard { name: "safety_reporter", description: "Summarises adverse events of a site for the safety board." };

static TOOLS: &[ToolCard] = &[
    ToolCard {
        name: "check_eligibility",
        description: "Checks one patient against the criteria of one trial, criterion by criterion.",
        arguments: &["patient", "trial"],
        typical_ms: 190.0,
    },
    ToolCard {
        name: "site_capacity",
        description: "Returns open places of the trial's sites within a distance.",
        arguments: &["trial", "within_km#"],
        typical_ms: 150.0,
    },
    ToolCard {
        name: "list_adverse_events",
        description: "Lists adverse events of a site with grade, relation and outcome.",
        arguments: &["site", "since"],
        typical_ms: 310.0,
    },
    ToolCard {
        name: "send_to_board",
        description: "Sends a summary to the safety monitoring board.",
        arguments: &["site", "summary"],
        typical_ms: 260.0,
    },
];

const SYSTEM: &str = "You support study nurses. You see pseudonymous patient records only; never ask for names, dates of birth or addresses, and refuse text that holds them.\n\n\
To match a patient, read the trial summaries you are given, check eligibility with the tool for each trial that could fit, and look at the capacity of sites near the patient. \
An exclusion criterion that is unknown is not met: say which value is missing and who can supply it. Rank trials by fit, then by distance. \
You never tell a patient to join or leave a trial. End with what the study nurse should do next, in one sentence.";

static TRIALS: &[Text] = &[
    Text {
        id: "NCT90010421",
        title: "ASCENT-3: oral GLP-1 in type 2 diabetes",
        body: "Phase 3, randomised, double blind. Adults from 18 to 75 with type 2 diabetes for at least one year and HbA1c between 7.5 and 10.5 percent on metformin alone. Excluded: eGFR below 45, pancreatitis at any time, insulin in the last ninety days. Primary outcome: change of HbA1c at week 40. Visits every four weeks, three of them at the site. Travel is paid.",
    },
    Text {
        id: "NCT90017733",
        title: "CLEAR-AIR: biologic in severe eosinophilic asthma",
        body: "Phase 2b, three arms. Adults and adolescents from 12 years with at least two exacerbations in the last year and blood eosinophils of 300 per microlitre or more at screening. Excluded: smokers and former smokers with more than ten pack-years, another biologic within five half-lives. Primary outcome: rate of exacerbations over 52 weeks. Injections every eight weeks at the site.",
    },
    Text {
        id: "NCT90022915",
        title: "BEACON-HF: remote monitoring in heart failure",
        body: "Pragmatic trial of a pulmonary pressure sensor with algorithmic diuretic titration. Adults with NYHA class II or III and a heart failure admission within twelve months. Excluded: estimated survival under one year, dialysis, body mass index above 42. Primary outcome: heart failure admissions and death over two years. One implantation visit, then remote only.",
    },
    Text {
        id: "NCT90031108",
        title: "LUMEN: adjuvant immunotherapy in stage III melanoma",
        body: "Phase 3, open label. Adults with resected stage IIIB to IIID cutaneous melanoma within twelve weeks of surgery and ECOG 0 or 1. Excluded: autoimmune disease that needed systemic treatment in two years, prior immunotherapy. Primary outcome: recurrence-free survival. Infusions every six weeks for one year. BRAF status is a stratification factor and must be known.",
    },
    Text {
        id: "NCT90044026",
        title: "RESTORE: early rehabilitation after stroke",
        body: "Cluster randomised. Adults within 72 hours of a first ischaemic stroke with NIHSS from 4 to 18. Excluded: modified Rankin score above 2 before the stroke, expected transfer within 48 hours. Primary outcome: modified Rankin score at day 90. Consent by a representative is allowed where the law permits.",
    },
];

static PATIENTS: &[(&str, &str)] = &[
    ("58-year-old with type 2 diabetes for six years, HbA1c 8.9 percent on metformin 2 g, eGFR 71, BMI 33", "diabetes"),
    (
        "34-year-old with severe asthma, three courses of oral steroids this year, eosinophils 420, never smoked",
        "asthma",
    ),
    ("71-year-old with heart failure NYHA III, discharged five weeks ago, eGFR 38, BMI 29", "heart failure"),
    ("49-year-old, melanoma stage IIIC resected nine weeks ago, ECOG 0, BRAF status not in the record", "melanoma"),
    ("66-year-old, first ischaemic stroke 40 hours ago, NIHSS 9, independent before", "stroke"),
];

/// Plays one match or one safety summary.
pub(super) fn play(scene: &mut Scene, session: &mut Session) -> &'static str {
    if scene.random.chance(0.25) {
        safety(scene);
        return "safety_summary";
    }
    let at = session.subject % PATIENTS.len();
    let (record, condition) = PATIENTS[at];
    let patient = format!("P-{:05}", session.subject % 90_000 + 10_000);
    let question = match session.turn {
        1 => format!("Patient {patient}: {record}. Which open trials could fit, and where?"),
        _ => {
            format!("Patient {patient} asks about {condition} again: has anything opened within 80 km since last time?")
        }
    };
    let _ = scene.agent(&MATCHER, &question, |scene| {
        scene.guard("phi_check", &question, true);
        let documents = found(&scene.random, TRIALS, at, 4);
        let documents = scene.retrieve("trial-registry", &format!("{condition} adult recruiting"), documents);
        let documents = scene.rerank(&question, documents, 2);
        let mut chat = Chat::new(&GPT_4O, SYSTEM, TOOLS);
        chat.user(format!("{question}\n\nTrial summaries:\n\n{}", quoted(&documents)));
        let checks = documents
            .iter()
            .map(|trial| {
                let trial = trial.id.clone().unwrap_or_default();
                let fits = trial == TRIALS[at].id;
                let met = scene.random.between(5, 9);
                Call::new(
                    "check_eligibility",
                    json!({"patient": patient, "trial": trial}),
                    json!({"eligible": fits, "criteria_met": if fits { met } else { met - 4 }, "criteria": met,
                        "missing": if condition == "melanoma" { json!(["BRAF status"]) } else { json!([]) }}),
                )
            })
            .collect();
        scene.act(&mut chat, "Two trials look close enough to check them criterion by criterion.", checks)?;
        let sites: Vec<_> = scene
            .random
            .some(&["Leipzig", "Utrecht", "Gothenburg", "Lyon", "Graz", "Porto"], 3)
            .into_iter()
            .map(|city| json!({"site": city, "km": scene.random.between(4, 190), "open_places": scene.random.between(0, 9)}))
            .collect();
        scene.act(&mut chat, "", vec![Call::new("site_capacity", json!({"trial": TRIALS[at].id, "within_km": 200}), json!({"sites": sites}))])?;
        scene.answer(&mut chat, format!(
            "The best fit for {patient} is **{}** ({}). All known inclusion criteria are met. {} The other trial is excluded by at least one criterion.\n\nNext: {}.",
            TRIALS[at].title,
            TRIALS[at].id,
            if condition == "melanoma" { "BRAF status is missing and decides the stratum; pathology can supply it." } else { "No value is missing." },
            scene.random.pick(&["offer a screening visit at the nearest site with open places", "call the site to hold a place until Friday", "ask the treating physician for the last laboratory values"]),
        ))
    });
    "trial_match"
}

fn safety(scene: &mut Scene) {
    let site = *scene.random.pick(&["site-112", "site-118", "site-205", "site-231"]);
    let request = format!(
        "Summarise the adverse events of {site} since the last board meeting and send the summary to the board."
    );
    let _ = scene.agent(&SAFETY, &request, |scene| {
        let mut chat = Chat::new(&GPT_5_MINI, "You write safety summaries. Count events by grade and relation, name every serious one with its outcome, compare with the expected rate, and never give an opinion on stopping the trial.", TOOLS);
        chat.user(request.as_str());
        let count = scene.random.between(3, 9);
        let events: Vec<_> = (0..count)
            .map(|_| json!({
                "term": scene.random.pick(&["nausea", "headache", "injection site reaction", "hypoglycaemia", "rash", "dizziness", "elevated lipase"]),
                "grade": scene.random.between(1, 3),
                "related": scene.random.pick(&["unlikely", "possible", "probable"]),
                "outcome": scene.random.pick(&["recovered", "recovering", "ongoing"]),
                "day": scene.random.between(3, 160),
            }))
            .collect();
        scene.act(&mut chat, "", vec![Call::new("list_adverse_events", json!({"site": site, "since": "2026-08-01"}), json!({"events": events}))])?;
        let rate = round(scene.random.fraction(0.6, 1.4), 2);
        let summary = format!("{count} adverse events at {site}, none fatal. Rate {rate} times the expected one. Grade 3 events are listed with their outcome; all are under follow-up.");
        scene.act(&mut chat, "", vec![Call::new("send_to_board", json!({"site": site, "summary": summary}), json!({"accepted": true, "reference": format!("DSMB-{}", scene.random.between(100, 999))}))])?;
        scene.log(Severity::Info, "safety summary sent", vec![("site", json!(site)), ("events", json!(count))]);
        scene.answer(&mut chat, format!("Sent to the board. {summary}"))
    });
}
