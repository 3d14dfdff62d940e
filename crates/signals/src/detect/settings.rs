//! Settings of the detectors: a file, by project, agent and workflow.
//!
//! ```toml
//! [detectors.loop]            # for everybody
//! repeats = 4
//!
//! [[for]]                     # for the runs that match; the last one that matches wins
//! agent = "research-*"
//! detectors.loop.repeats = 6
//! detectors.sensitive_data = { enabled = false }
//! detectors.latency_outlier.severity = "critical"
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;

use model::{Run, Severity};
use serde::Deserialize;

use super::{ALL, Detector};

/// A number that can be set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// Its name in the file.
    pub name: &'static str,
    /// Its value where the file says nothing.
    pub default: f64,
    /// What it means, with its unit.
    pub about: &'static str,
}

/// Why a file of settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Not TOML, or not of this form.
    #[error("cannot read the detectors' settings: {0}")]
    Form(#[from] toml::de::Error),
    /// A detector of that name does not exist.
    #[error("there is no detector `{0}`; `tawny detectors` lists them")]
    Detector(String),
    /// The detector has no setting of that name, or the value is of the wrong type.
    #[error(
        "detector `{detector}`: cannot use `{setting}`; it knows {known}`enabled` (true or false) and `severity` (info, warning, critical)"
    )]
    Setting {
        /// The detector.
        detector: String,
        /// What was written.
        setting: String,
        /// What it knows beside those that all detectors know.
        known: String,
    },
}

/// What one detector goes by on one run.
#[derive(Debug, Clone)]
pub struct Tuned {
    /// Whether it runs.
    pub enabled: bool,
    /// Its severity instead of the detector's own choice.
    pub severity: Option<Severity>,
    values: Vec<f64>,
}

impl Tuned {
    fn default_of(detector: &Detector) -> Self {
        let values = detector.settings.iter().map(|setting| setting.default).collect();
        Self { enabled: true, severity: None, values }
    }

    /// Value of the setting at a position.
    pub fn get(&self, at: usize) -> f64 {
        self.values[at]
    }

    /// The same as a count.
    pub fn count(&self, at: usize) -> usize {
        self.values[at].max(0.0) as usize
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    detectors: BTreeMap<String, BTreeMap<String, toml::Value>>,
    #[serde(default, rename = "for")]
    overrides: Vec<Override>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Override {
    project: Option<String>,
    agent: Option<String>,
    workflow: Option<String>,
    #[serde(default)]
    detectors: BTreeMap<String, BTreeMap<String, toml::Value>>,
}

/// All settings.
#[derive(Debug, Clone)]
pub struct Settings {
    base: Vec<Tuned>,
    overrides: Vec<Override>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { base: ALL.iter().map(|detector| Tuned::default_of(detector)).collect(), overrides: Vec::new() }
    }
}

impl Settings {
    /// Reads a file.
    ///
    /// # Errors
    /// When it is not of the form above, or names a detector or setting that does not exist.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let file: File = toml::from_str(text)?;
        let mut settings = Self::default();
        apply(&mut settings.base, &file.detectors)?;
        for part in &file.overrides {
            apply(&mut settings.base.clone(), &part.detectors)?;
        }
        settings.overrides = file.overrides;
        Ok(settings)
    }

    /// What holds for a run, one entry per detector of [`ALL`].
    pub fn of(&self, run: &Run) -> Cow<'_, [Tuned]> {
        let mut tuned = Cow::Borrowed(&*self.base);
        for part in self.overrides.iter().filter(|part| part.matches(run)) {
            // Checked when the file was read.
            let _ = apply(tuned.to_mut(), &part.detectors);
        }
        tuned
    }
}

impl Override {
    fn matches(&self, run: &Run) -> bool {
        let pairs = [
            (&self.project, Some(&*run.tenant.project)),
            (&self.agent, run.agent.as_deref()),
            (&self.workflow, run.workflow.as_deref()),
        ];
        pairs.iter().all(|(wanted, found)| match wanted.as_deref() {
            None => true,
            Some(wanted) => match (wanted.strip_suffix('*'), found) {
                (Some(prefix), Some(found)) => found.starts_with(prefix),
                (None, Some(found)) => *found == wanted,
                (_, None) => false,
            },
        })
    }
}

fn apply(tuned: &mut [Tuned], written: &BTreeMap<String, BTreeMap<String, toml::Value>>) -> Result<(), SettingsError> {
    for (name, values) in written {
        let at = ALL.iter().position(|detector| detector.name == name);
        let at = at.ok_or_else(|| SettingsError::Detector(name.clone()))?;
        for (setting, value) in values {
            if set(&mut tuned[at], ALL[at], setting, value).is_none() {
                let known: Vec<&str> = ALL[at].settings.iter().map(|setting| setting.name).collect();
                let known = if known.is_empty() {
                    String::new()
                } else {
                    format!("{} (numbers of 0 or more), ", known.join(", "))
                };
                let setting = format!("{setting} = {value}");
                return Err(SettingsError::Setting { detector: name.clone(), setting, known });
            }
        }
    }
    Ok(())
}

fn set(tuned: &mut Tuned, detector: &Detector, setting: &str, value: &toml::Value) -> Option<()> {
    match setting {
        "enabled" => tuned.enabled = value.as_bool()?,
        "severity" => tuned.severity = Some(value.as_str()?.parse().ok()?),
        other => {
            let at = detector.settings.iter().position(|setting| setting.name == other)?;
            let number = value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64))?;
            tuned.values[at] = Some(number).filter(|number| number.is_finite() && *number >= 0.0)?;
        }
    }
    Some(())
}
