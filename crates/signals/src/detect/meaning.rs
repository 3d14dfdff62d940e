//! Drift of what answers mean, by the vectors that an embedding model gives of them.
//!
//! The first answers of a kind of run are the reference. Of every later one the distance to their middle is a number like any other, and is
//! watched as one ([`super::drift`]): answers about something else, or in other words, lie further away, or nearer. After a change the reference is
//! learned anew. Kept in memory only: after a restart it is learned again.

use model::Run;

use super::drift::{Settings, Shift, Watch};
use super::features::{Features, Value};

/// Answers that make the reference.
const REFERENCE: u32 = 50;
/// Longest vector that is taken.
pub const MOST_DIMENSIONS: usize = 8_192;
/// The name of the number among features.
pub const FEATURE: &str = "meaning";

/// What answers of one kind of run usually mean.
#[derive(Debug, Clone, Default)]
pub struct Meaning {
    middle: Vec<f64>,
    seen: u32,
    watch: Watch,
}

impl Meaning {
    /// Takes in the vector of a run's answer; gives the change that it makes certain. A vector that cannot be one, or is of another length than
    /// those before, is left out.
    pub fn push(&mut self, run: &Run, vector: &[f32], settings: &Settings) -> Option<Shift> {
        let length = vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
        if vector.is_empty() || vector.len() > MOST_DIMENSIONS || !length.is_finite() || length <= 0.0 {
            return None;
        }
        if self.seen == 0 {
            self.middle = vec![0.0; vector.len()];
        }
        if self.middle.len() != vector.len() {
            return None;
        }
        if self.seen < REFERENCE {
            self.middle.iter_mut().zip(vector).for_each(|(sum, value)| *sum += f64::from(*value) / length);
            self.seen += 1;
            return None;
        }
        let middle = self.middle.iter().map(|value| value * value).sum::<f64>().sqrt();
        let product: f64 = self.middle.iter().zip(vector).map(|(one, other)| one * f64::from(*other)).sum();
        let distance = 1.0 - product / (middle * length).max(f64::MIN_POSITIVE);
        let mut features = Features::default();
        features.values.insert(FEATURE.into(), Value::Number(distance.max(0.0)));
        for (name, value) in [("version", &run.agent_version), ("session", &run.session_id), ("user", &run.user_id)] {
            if let Some(value) = value {
                features.groups.insert(name, value.to_string());
            }
        }
        let shift = self.watch.push(run, &features, settings)?;
        *self = Self::default();
        Some(shift)
    }
}
