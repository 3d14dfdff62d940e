//! Real requests of real clients: kinds, models, tokens and content per span. Skipped where the captures are absent.

#[path = "support/captures.rs"]
mod captures;
#[path = "support/mod.rs"]
mod support;

#[test]
fn show() {
    let Some(folder) = captures::folder() else { return };
    let Ok(names) = std::env::var("SHOW_CAPTURES") else { return };
    for name in names.split(',') {
        println!("#### {name}");
        for step in captures::spans(&folder, name) {
            println!("{} :: {}", step.span.name, support::shown(&step.span));
            println!("      {}", serde_json::to_string(&step.content).unwrap().chars().take(1500).collect::<String>());
        }
    }
}
