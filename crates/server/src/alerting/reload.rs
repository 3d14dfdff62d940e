//! Following rule files and the Alertmanager configuration. A file with a mistake does not replace what is at work.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use alerts::Problem;
use alerts::evaluate::GroupState;
use alerts::manager::{Config, message};
use alerts::rules::{self, Group};
use alerts::template::Template;

use super::{AlertSettings, Alerting, OpenError, Running, limits};
use crate::app::App;
use crate::series::millis;

/// How often files are looked at.
const EVERY: Duration = Duration::from_secs(5);

/// Mistakes of one file, each with its place.
fn told(file: &str, problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{file}:{problem}")).collect::<Vec<_>>().join("\n")
}

fn read(path: &Path) -> Result<String, OpenError> {
    std::fs::read_to_string(path).map_err(|error| OpenError::File(format!("cannot read {}: {error}", path.display())))
}

/// Rule files the settings name, in order.
fn files(settings: &AlertSettings) -> Result<Vec<PathBuf>, OpenError> {
    let mut found = Vec::new();
    for path in &settings.rules {
        if !path.is_dir() {
            found.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path)
            .map_err(|error| OpenError::File(format!("cannot read {}: {error}", path.display())))?;
        let mut inside: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        inside.retain(|path| path.extension().is_some_and(|end| end == "yml" || end == "yaml"));
        inside.sort();
        found.extend(inside);
    }
    Ok(found)
}

/// Groups of all packs and files, each with where it comes from.
pub fn read_rules(settings: &AlertSettings) -> Result<Vec<(String, Group)>, OpenError> {
    let mut found: Vec<(String, Group)> = Vec::new();
    let mut mistakes = Vec::new();
    let mut add = |name: &str, text: &str| match rules::parse(text) {
        Ok(file) => found.extend(file.groups.into_iter().map(|mut group| {
            if group.limit == 0 {
                group.limit = limits::RULE_ALERTS_MAX;
            }
            (name.to_owned(), group)
        })),
        Err(problems) => mistakes.push(told(name, &problems)),
    };
    for pack in settings.packs().map_err(OpenError::File)? {
        pack.files.iter().for_each(|(name, text)| add(name, text));
    }
    for path in files(settings)? {
        let text = read(&path)?;
        add(&path.display().to_string(), &text);
    }
    if mistakes.is_empty() { Ok(found) } else { Err(OpenError::File(mistakes.join("\n"))) }
}

/// The configuration, its text where it has a file, and templates for messages.
pub fn read_config(settings: &AlertSettings) -> Result<(Config, String, Vec<Template>), OpenError> {
    let Some(path) = &settings.config else {
        let config = Config::default_routing(settings.slack.as_deref(), settings.pagerduty.as_deref());
        return Ok((config, String::new(), message::library(&[]).map_err(OpenError::File)?));
    };
    let text = read(path)?;
    let config =
        Config::parse(&text).map_err(|problems| OpenError::File(told(&path.display().to_string(), &problems)))?;
    for warning in &config.warnings {
        tracing::warn!("{}:{warning}", path.display());
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut texts = Vec::new();
    for pattern in &config.templates {
        for path in matching(&folder.join(pattern)) {
            texts.push(read(&path)?);
        }
    }
    let library = message::library(&texts)
        .map_err(|error| OpenError::File(format!("templates of {}: {error}", path.display())))?;
    Ok((config, text, library))
}

/// Files a path with `*` in its last part means, in order.
fn matching(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let Some((before, after)) = name.split_once('*') else { return vec![path.to_owned()] };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let fits = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
    };
    let mut found: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(fits).collect();
    found.sort();
    found
}

/// Follows the files until the server stops.
pub async fn reload(app: Arc<App>) {
    let Ok(opened) = app.opened() else { return };
    let alerting = Arc::clone(&opened.alerting);
    let mut seen = alerting.files_read;
    loop {
        tokio::time::sleep(EVERY).await;
        let (settings, now) = (app.settings.alerts.clone(), millis(app.now()));
        let alerting = Arc::clone(&alerting);
        let done = tokio::task::spawn_blocking(move || {
            let print = fingerprint(&settings);
            if print != seen {
                apply(&alerting, &settings, now);
            }
            (print, print != seen)
        });
        let (print, read) = done.await.unwrap_or((seen, false));
        seen = print;
        if read {
            super::evaluate::end_orphans(&app, opened, now).await;
            tell(&app, &opened.alerting);
        }
    }
}

/// Whoever looks at `/health` learns that a file has mistakes and the version before is at work.
fn tell(app: &App, alerting: &Alerting) {
    let problems = alerting.lock().file_problems.clone();
    for (name, what) in
        [("rules", "the rules have mistakes"), ("alertmanager", "the Alertmanager configuration has mistakes")]
    {
        let problem = problems.get(name);
        app.troubles.set(name, problem.map(|problem| format!("{what}, those before stay at work: {problem}")));
    }
}

/// Changes when a file does.
pub fn fingerprint(settings: &AlertSettings) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for path in files(settings).unwrap_or_default().iter().chain(settings.config.iter()) {
        hasher.update(path.to_string_lossy().as_bytes());
        hasher.update(&std::fs::read(path).unwrap_or_default());
    }
    hasher.finalize()
}

/// Reads everything again; what has a mistake stays as it is, and says so.
fn apply(alerting: &Alerting, settings: &AlertSettings, now: i64) {
    let (rules, config) = (read_rules(settings), read_config(settings));
    let mut inner = alerting.lock();
    match rules {
        Ok(rules) => {
            inner.file_problems.remove("rules");
            let mut old = std::mem::take(&mut inner.groups);
            for (file, group) in rules {
                let key = format!("{file};{}", group.name);
                let known = old.iter().position(|running| running.key() == key).map(|at| old.swap_remove(at));
                let state = GroupState::carried_over(&group, known.as_ref().map(|known| (&*known.group, &known.state)));
                let (took_ms, missed) = known.map_or((0.0, 0), |known| (known.took_ms, known.missed));
                inner.groups.push(Running { file, group: Arc::new(group), state, took_ms, missed });
            }
            tracing::info!(groups = inner.groups.len(), "rules were read again");
        }
        Err(error) => {
            tracing::error!(%error, "rules have mistakes; those before stay at work");
            inner.file_problems.insert("rules".into(), error.to_string());
        }
    }
    match config {
        Ok((config, text, library)) => {
            inner.file_problems.remove("alertmanager");
            (inner.config, inner.config_text, inner.library) = (Arc::new(config), text, Arc::new(library));
            let config = Arc::clone(&inner.config);
            inner.dispatcher.configure(&config, now);
        }
        Err(error) => {
            tracing::error!(%error, "the Alertmanager configuration has mistakes; the one before stays at work");
            inner.file_problems.insert("alertmanager".into(), error.to_string());
        }
    }
    alerting.wake.notify_one();
}
