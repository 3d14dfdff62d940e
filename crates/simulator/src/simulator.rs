//! Writes one plan after another.

use model::{Message, TraceId};

use crate::card::Service;
use crate::dialects::{Dialect, nest};
use crate::industries::Industry;
use crate::plan::Plan;
use crate::random::Random;
use crate::scene::{Scene, Weather};

/// Conversations each industry keeps open; a new one closes the oldest.
const OPEN_SESSIONS: usize = 12;

/// A conversation over several runs.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// Its id.
    pub(crate) id: String,
    /// Who asks.
    pub(crate) user: String,
    /// Runs so far.
    pub(crate) turn: u32,
    /// What was said so far, for agents that remember.
    pub(crate) history: Vec<Message>,
    /// A draw that stays the same over the session, so that it keeps to one subject.
    pub(crate) subject: usize,
}

/// Writes the plans of runs of six industries, one after another, from a seed.
#[derive(Debug)]
pub struct Simulator {
    random: Random,
    sessions: Vec<Vec<Session>>,
    instances: Vec<Vec<String>>,
}

impl Simulator {
    /// The simulator of a seed.
    pub fn new(seed: u64) -> Self {
        let random = Random::new(seed);
        let instances = Industry::ALL
            .iter()
            .map(|industry| (0..3).map(|_| format!("{}-{}", industry.service(), random.hex(10))).collect())
            .collect();
        Self { random, sessions: vec![Vec::new(); Industry::ALL.len()], instances }
    }

    /// Writes the next run. Industries take turns at random, some busier than others.
    pub fn next_plan(&mut self) -> Plan {
        let draw = self.random.between(0, 99);
        let mut passed = 0;
        let industry = Industry::ALL
            .iter()
            .copied()
            .find(|industry| {
                passed += industry.share();
                draw < passed
            })
            .unwrap_or(Industry::DevOps);
        self.plan_of(industry)
    }

    /// Writes the next run of one industry.
    pub fn plan_of(&mut self, industry: Industry) -> Plan {
        let random = self.random.fork();
        let trace_id = TraceId::from_array(random.bytes());
        let service = self.service(industry, &random);
        let at = self.session(industry, &random);
        let session = &mut self.sessions[industry as usize][at];
        session.turn += 1;
        let mut scene = Scene::new(random, Weather::default());
        let task = industry.play(&mut scene, session);
        let (id, user) = (session.id.clone(), session.user.clone());
        let mut logs = scene.logs;
        logs.sort_by_key(|line| line.at);
        let dialect = industry.dialect();
        let mut plan = Plan { industry, trace_id, service, dialect, session: id, user, task, steps: scene.steps, logs };
        if dialect == Dialect::AgentRequest {
            nest(&mut plan);
        }
        plan
    }

    fn service(&self, industry: Industry, random: &Random) -> Service {
        let (old, new) = industry.versions();
        Service {
            name: industry.service(),
            version: if random.chance(0.75) { new } else { old },
            instance: random.pick(&self.instances[industry as usize]).clone(),
            environment: if random.chance(0.85) { "production" } else { "staging" },
            language: industry.language(),
        }
    }

    /// Position of an old session to go on with, or of a new one.
    fn session(&mut self, industry: Industry, random: &Random) -> usize {
        let open = &mut self.sessions[industry as usize];
        if !open.is_empty() && random.chance(industry.returns()) {
            return random.between(0, open.len() as u64 - 1) as usize;
        }
        if open.len() == OPEN_SESSIONS {
            open.remove(0);
        }
        let user = industry.user(random);
        let id = format!("{}-{}", industry.session_prefix(), random.hex(12));
        let subject = random.between(0, 1_000_000) as usize;
        open.push(Session { id, user, turn: 0, history: Vec::new(), subject });
        open.len() - 1
    }
}
