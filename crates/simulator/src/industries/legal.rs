//! Legal: a workflow of three agents that reads a contract, judges its risks and proposes changes.

use serde_json::json;

use super::{Text, found, quoted};
use crate::card::{AgentCard, GPT_5, MISTRAL, SONNET, ToolCard};
use crate::chat::Chat;
use crate::plan::{Failure, Severity};
use crate::scene::{Call, Scene};

static LEAD: AgentCard = AgentCard { name: "contract_auditor", description: "Leads the review of one contract." };
static EXTRACTOR: AgentCard = AgentCard { name: "clause_extractor", description: "Finds the clauses that matter." };
static ASSESSOR: AgentCard = AgentCard { name: "risk_assessor", description: "Judges clauses against the playbook." };
static REDLINER: AgentCard = AgentCard { name: "redline_writer", description: "Proposes changed wording." };

static LEAD_TOOLS: &[ToolCard] = &[
    ToolCard {
        name: "extract_clauses",
        description: "Hands a document to the extractor.",
        arguments: &["task"],
        typical_ms: 40.0,
    },
    ToolCard {
        name: "assess_risks",
        description: "Hands clauses to the assessor.",
        arguments: &["task"],
        typical_ms: 40.0,
    },
    ToolCard {
        name: "write_redlines",
        description: "Hands findings to the writer of redlines.",
        arguments: &["task"],
        typical_ms: 40.0,
    },
];
static EXTRACTOR_TOOLS: &[ToolCard] = &[ToolCard {
    name: "read_pages",
    description: "Returns the text of pages of a document.",
    arguments: &["document", "pages"],
    typical_ms: 130.0,
}];
static ASSESSOR_TOOLS: &[ToolCard] = &[ToolCard {
    name: "precedents",
    description: "Finds how a clause was settled in earlier contracts.",
    arguments: &["clause"],
    typical_ms: 520.0,
}];

static PLAYBOOK: &[Text] = &[
    Text {
        id: "pb-liability",
        title: "Limitation of liability",
        body: "Our liability is capped at the fees of the last twelve months. A cap at twice the fees may be accepted with approval of the head of legal. Never accept unlimited liability except for intent, personal injury and what the law does not allow to limit. Indirect damage and lost profit are excluded on both sides. A cap that holds only for us and not for the other side is a red flag that goes to counsel.",
    },
    Text {
        id: "pb-termination",
        title: "Term and termination",
        body: "Terms over thirty-six months need approval. Renewal by silence is acceptable for periods of up to twelve months with notice of at most ninety days. Termination for convenience should be mutual. After termination the other side returns or deletes our data within thirty days and confirms it in writing. Early termination fees above the remaining fees of three months are refused.",
    },
    Text {
        id: "pb-data",
        title: "Data protection",
        body: "Personal data needs a data processing agreement before the first transfer. Sub-processors are listed and changes are announced thirty days ahead with a right to object. Breaches are reported within 48 hours. Transfers to other regions need standard clauses and an assessment. Audit by questionnaire once a year is enough; audits on site only after an incident.",
    },
    Text {
        id: "pb-ip",
        title: "Intellectual property",
        body: "What we bring stays ours. Results made for the customer may be assigned once they are paid; our tools and know-how are licensed with them, not assigned. Feedback may be used freely by both sides. Indemnity for infringement is given for unmodified deliverables only and within the cap. Training of models on our content is refused unless a separate licence says otherwise.",
    },
];

struct Contract {
    title: &'static str,
    clauses: &'static [(usize, &'static str)],
}

static CONTRACTS: &[Contract] = &[
    Contract {
        title: "Master services agreement with Halvorsen Shipping",
        clauses: &[
            (0, "Supplier shall be liable without limitation for any and all damages arising out of this Agreement."),
            (
                1,
                "This Agreement renews for successive periods of twenty-four months unless terminated with notice of one hundred and eighty days.",
            ),
        ],
    },
    Contract {
        title: "Data licence with Meridian Insights",
        clauses: &[
            (
                2,
                "Licensee may engage sub-processors at its discretion and shall notify Licensor of a breach without undue delay.",
            ),
            (3, "Licensee may use the Content to develop, train and improve its models."),
        ],
    },
    Contract {
        title: "Software subscription with Orchard Retail Group",
        clauses: &[
            (1, "Customer may terminate for convenience upon ninety days notice; Provider may not."),
            (
                0,
                "The aggregate liability of Provider shall not exceed three times the annual fees; Customer's liability shall be unlimited.",
            ),
            (2, "Provider shall permit audits on its premises at any time."),
        ],
    },
    Contract {
        title: "Research cooperation with Tallinn Institute of Materials",
        clauses: &[(3, "All results including background know-how shall be assigned to the Institute upon creation.")],
    },
];

/// Plays the review of one contract.
pub(super) fn play(scene: &mut Scene) -> &'static str {
    let contract = scene.random.pick(CONTRACTS);
    let request = format!("Review: {}. Tell me what we cannot sign and how to change it.", contract.title);
    let _ = scene.workflow("contract_review", &request, |scene| {
        scene.agent(&LEAD, &request, |scene| lead(scene, contract, &request))
    });
    "contract_review"
}

fn lead(scene: &mut Scene, contract: &Contract, request: &str) -> Result<String, Failure> {
    let mut chat = Chat::new(
        &GPT_5,
        "You lead contract reviews. Have clauses extracted, then assessed against the playbook, then have redlines written for those at risk. Do none of it yourself. Report to the business in plain language: sign, sign after changes, or escalate to counsel, with the reasons in order of weight.",
        LEAD_TOOLS,
    );
    chat.user(request);
    let task =
        format!("Extract the clauses on liability, term, data and intellectual property from: {}.", contract.title);
    let clauses =
        scene.delegate(&mut chat, "extract_clauses", &EXTRACTOR, &task, |scene| extract(scene, contract, &task))?;
    let task = format!("Assess these clauses:\n{clauses}");
    let risks = scene.delegate(&mut chat, "assess_risks", &ASSESSOR, &task, |scene| assess(scene, contract, &task))?;
    let unlimited = contract.clauses.iter().any(|(_, text)| text.contains("without limitation"));
    if unlimited && scene.random.chance(0.5) {
        scene.hand_off(LEAD.name, "human_counsel", "Unlimited liability goes to counsel under pb-liability.");
        scene.log(Severity::Warn, "escalated to counsel", vec![("contract", json!(contract.title))]);
        return scene.answer(&mut chat, format!("**Escalate.** {} holds an unlimited liability clause, which only counsel may negotiate. I handed the file over with the assessment:\n\n{risks}", contract.title));
    }
    let task = format!("Write redlines for:\n{risks}");
    let redlines =
        scene.delegate(&mut chat, "write_redlines", &REDLINER, &task, |scene| redline(scene, contract, &task))?;
    scene.answer(
        &mut chat,
        format!(
            "**Sign after changes.** {} has {} clauses outside of the playbook.\n\n{redlines}",
            contract.title,
            contract.clauses.len()
        ),
    )
}

fn extract(scene: &mut Scene, contract: &Contract, task: &str) -> Result<String, Failure> {
    let mut chat = Chat::new(
        &MISTRAL,
        "You extract clauses word for word with their section number. You never summarise. Read the pages you need, a few at a time.",
        EXTRACTOR_TOOLS,
    );
    chat.user(task);
    let document = format!("doc-{}", scene.random.hex(8));
    let mut found = Vec::new();
    for (at, (_, text)) in contract.clauses.iter().enumerate() {
        let first = 3 + at as u64 * 7;
        let page = format!(
            "{}. General. The parties agree as follows, and headings are for convenience only.\n{}.{}. {text}\n{}. Notices shall be given in writing to the addresses of the preamble.",
            first,
            first + 1,
            scene.random.between(1, 6),
            first + 2
        );
        scene.act(
            &mut chat,
            "",
            vec![Call::new(
                "read_pages",
                json!({"document": document, "pages": format!("{first}-{}", first + 2)}),
                json!({"text": page}),
            )],
        )?;
        found.push(format!("{}. \"{text}\"", first + 1));
    }
    scene.answer(&mut chat, found.join("\n"))
}

fn assess(scene: &mut Scene, contract: &Contract, task: &str) -> Result<String, Failure> {
    let mut chat = Chat::new(
        &SONNET,
        "You are a risk assessor. Judge each clause against the playbook passages you are given and earlier settlements. Give each a rating (accept, negotiate, refuse) and the passage that decides. If the playbook is silent, say so.",
        ASSESSOR_TOOLS,
    );
    chat.user(task);
    let mut ratings = Vec::new();
    for (topic, text) in contract.clauses {
        let documents = found(&scene.random, PLAYBOOK, *topic, 2);
        let documents = scene.retrieve("playbook", PLAYBOOK[*topic].title, documents);
        chat.user(format!("Playbook for the clause \"{text}\":\n\n{}", quoted(&documents)));
        let settled = scene.random.between(2, 14);
        scene.act(
            &mut chat,
            "",
            vec![Call::new(
                "precedents",
                json!({"clause": PLAYBOOK[*topic].title}),
                json!({"settled": settled, "as_playbook": settled - 1, "typical_rounds": scene.random.between(1, 3)}),
            )],
        )?;
        ratings.push(format!(
            "- {}: **negotiate**. Outside of {}; {settled} earlier contracts were settled as the playbook has it.",
            PLAYBOOK[*topic].title, PLAYBOOK[*topic].id
        ));
    }
    scene.answer(&mut chat, ratings.join("\n"))
}

fn redline(scene: &mut Scene, contract: &Contract, task: &str) -> Result<String, Failure> {
    let mut chat = Chat::new(
        &SONNET,
        "You write redlines. Change as few words as possible, keep the other side's structure, and give one sentence of reason for each change.",
        &[],
    );
    chat.user(task);
    let lines: Vec<String> = contract
        .clauses
        .iter()
        .map(|(topic, _)| match topic {
            0 => "Liability: \"... shall not exceed the fees paid in the twelve months before the event\". Reason: a mutual cap is our standard and insured.",
            1 => "Term: \"... periods of twelve months, with notice of ninety days by either party\". Reason: planning on both sides.",
            2 => "Data: \"... within forty-eight hours; sub-processors as listed in Annex 2\". Reason: duties of the law.",
            _ => "Rights: \"... results are assigned upon payment; background remains with its owner\". Reason: our tools serve other customers.",
        })
        .map(|line| format!("- {line}"))
        .collect();
    scene.answer(&mut chat, lines.join("\n"))
}
