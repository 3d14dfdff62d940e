//! Settings of alerting.

use std::path::PathBuf;

/// What alerting is told.
#[derive(Debug, Clone, Default)]
pub struct AlertSettings {
    /// Rule files, or folders with files that end in `.yml` or `.yaml`.
    pub rules: Vec<PathBuf>,
    /// Packs that are on; `None`: those that are on by default.
    pub packs: Option<Vec<String>>,
    /// An `alertmanager.yml`; without one P1 goes to PagerDuty and Slack, the rest to Slack, as far as these are named.
    pub config: Option<PathBuf>,
    /// Slack's incoming webhook for the routing by default.
    pub slack: Option<String>,
    /// PagerDuty's routing key for the routing by default.
    pub pagerduty: Option<String>,
    /// Where people reach this server; links in messages begin with it. The address of the server where nothing is said.
    pub external_url: Option<String>,
    /// Labels of this server: `$externalLabels` of templates, and labels of what other Alertmanagers are told.
    pub external_labels: Vec<(String, String)>,
    /// An Alertmanager that is told of every alert as well (its base URL).
    pub forward: Vec<String>,
    /// Asked once a minute while rules are evaluated, so that an outside monitor notices when Tawny itself is silent.
    pub heartbeat: Option<String>,
}

impl AlertSettings {
    /// Names of the packs that are on.
    ///
    /// # Errors
    /// When there is no pack of a name.
    pub fn packs(&self) -> Result<Vec<&'static alerts::packs::Pack>, String> {
        let all = alerts::packs::PACKS;
        let Some(names) = &self.packs else { return Ok(all.iter().filter(|pack| pack.on_by_default).collect()) };
        let wanted = names.iter().filter(|name| *name != "none");
        let find = |name: &String| {
            alerts::packs::pack(name).ok_or_else(|| {
                let known: Vec<&str> = all.iter().map(|pack| pack.name).collect();
                format!("there is no rule pack {name:?}; there are {} and none", known.join(", "))
            })
        };
        wanted.map(find).collect()
    }
}
