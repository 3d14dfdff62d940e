//! The six industries of the demo: one file each, holding its agents, tools, documents and scripts.
//!
//! They are the variants of the project "Agent Observatory" in the observability chapter that Tawny follows.

mod commerce;
mod devops;
mod education;
mod finance;
mod healthcare;
mod legal;
pub(crate) mod lending;

use model::Document;
use serde_json::json;

use crate::dialects::Dialect;
use crate::random::Random;
use crate::scene::{Scene, round};
use crate::simulator::Session;

/// An industry whose agents are simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Industry {
    /// Tech and software: DevOps Monitor.
    DevOps,
    /// Healthcare: Clinical Trial Tracker.
    Healthcare,
    /// Finance: Transaction Auditor, and a desk that decides about loans.
    Finance,
    /// Education: Tutoring Quality Monitor.
    Education,
    /// E-commerce: Order Fulfillment Observer.
    Commerce,
    /// Legal: Contract Review Auditor.
    Legal,
}

impl Industry {
    /// Every industry.
    pub const ALL: [Self; 6] =
        [Self::DevOps, Self::Healthcare, Self::Finance, Self::Education, Self::Commerce, Self::Legal];

    /// `service.name` of its agents.
    pub fn service(self) -> &'static str {
        match self {
            Self::DevOps => "devops-monitor",
            Self::Healthcare => "trial-tracker",
            Self::Finance => "transaction-auditor",
            Self::Education => "tutoring-monitor",
            Self::Commerce => "order-observer",
            Self::Legal => "contract-auditor",
        }
    }

    /// The dialect its instrumentation speaks.
    pub fn dialect(self) -> Dialect {
        match self {
            Self::Healthcare => Dialect::OpenInference,
            Self::Commerce => Dialect::AgentRequest,
            _ => Dialect::OtelGenAi,
        }
    }

    /// Plays one run on `scene`; gives the kind of task it was.
    pub(crate) fn play(self, scene: &mut Scene, session: &mut Session) -> &'static str {
        match self {
            Self::DevOps => devops::play(scene),
            Self::Healthcare => healthcare::play(scene, session),
            Self::Finance => finance::play(scene),
            Self::Education => education::play(scene, session),
            Self::Commerce => commerce::play(scene, session),
            Self::Legal => legal::play(scene),
        }
    }

    /// Share of all runs, in percent.
    pub(crate) fn share(self) -> u64 {
        match self {
            Self::DevOps => 18,
            Self::Healthcare => 13,
            Self::Finance => 14,
            Self::Education => 22,
            Self::Commerce => 24,
            Self::Legal => 9,
        }
    }

    /// Share of runs that go on with an open session.
    pub(crate) fn returns(self) -> f64 {
        match self {
            Self::Education => 0.7,
            Self::Commerce => 0.45,
            Self::Healthcare => 0.3,
            _ => 0.15,
        }
    }

    /// The version before and the one now.
    pub(crate) fn versions(self) -> (&'static str, &'static str) {
        match self {
            Self::DevOps => ("3.4.1", "3.5.0"),
            Self::Healthcare => ("2026.10.2", "2026.11.0"),
            Self::Finance => ("1.18.0", "1.19.2"),
            Self::Education => ("0.9.7", "0.10.0"),
            Self::Commerce => ("7.2.0", "7.3.1"),
            Self::Legal => ("2.0.4", "2.1.0"),
        }
    }

    /// Language of its process.
    pub(crate) fn language(self) -> &'static str {
        match self {
            Self::DevOps => "go",
            Self::Education => "nodejs",
            _ => "python",
        }
    }

    /// Begins its session ids.
    pub(crate) fn session_prefix(self) -> &'static str {
        match self {
            Self::DevOps => "incident",
            Self::Healthcare => "case",
            Self::Finance => "audit",
            Self::Education => "lesson",
            Self::Commerce => "chat",
            Self::Legal => "matter",
        }
    }

    /// Somebody who uses it.
    pub(crate) fn user(self, random: &Random) -> String {
        const PEOPLE: &[&str] = &[
            "amara.okafor",
            "lena.fischer",
            "rafael.moreno",
            "yuki.tanaka",
            "priya.nair",
            "tom.baker",
            "sofia.rossi",
            "mikkel.jensen",
            "ines.duarte",
            "noah.weiss",
            "hana.kim",
            "omar.haddad",
            "elif.kaya",
            "jonas.berg",
            "marta.kowalska",
            "diego.alvarez",
            "grace.mbeki",
            "ivan.petrov",
            "chloe.martin",
            "arjun.mehta",
        ];
        match self {
            Self::Education => format!("student-{}", random.between(1000, 1060)),
            Self::Commerce => format!("customer-{}", random.between(20_000, 20_400)),
            _ => (*random.pick(PEOPLE)).to_string(),
        }
    }
}

/// A text of a knowledge base.
#[derive(Debug)]
struct Text {
    id: &'static str,
    title: &'static str,
    body: &'static str,
}

/// The text at `first`, as the best of `count` that a search for it finds.
fn found(random: &Random, texts: &[Text], first: usize, count: usize) -> Vec<Document> {
    let first = first % texts.len();
    let others: Vec<usize> = (0..texts.len()).filter(|at| *at != first).collect();
    let mut order = vec![first];
    order.extend(random.some(&others, count.saturating_sub(1)).into_iter().copied());
    let mut score = random.fraction(0.82, 0.95);
    order
        .into_iter()
        .map(|at| {
            let text = &texts[at];
            let document = Document {
                id: Some(text.id.to_string()),
                score: Some(round(score, 4)),
                content: Some(text.body.to_string()),
                metadata: Some(json!({"title": text.title})),
            };
            score -= random.fraction(0.04, 0.15);
            document
        })
        .collect()
}

/// Documents as a prompt quotes them.
fn quoted(documents: &[Document]) -> String {
    let quotes: Vec<String> = documents
        .iter()
        .enumerate()
        .map(|(at, document)| {
            let title = document.metadata.as_ref().and_then(|data| data["title"].as_str()).unwrap_or("untitled");
            format!("[{}] {title}\n{}", at + 1, document.content.as_deref().unwrap_or(""))
        })
        .collect();
    quotes.join("\n\n")
}
