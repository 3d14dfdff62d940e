//! Colours, only where a terminal shows them, and figures in the form people read.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};

use model::{RunStatus, SpanStatus, StepKind};
use owo_colors::{OwoColorize, Style};

use crate::cli::Color;

static COLOURS: AtomicBool = AtomicBool::new(false);

/// Decides once whether there are colours.
pub fn choose(color: Color) {
    let wanted = match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        }
    };
    COLOURS.store(wanted, Ordering::Relaxed);
}

/// Whether there are colours.
pub fn colours() -> bool {
    COLOURS.load(Ordering::Relaxed)
}

/// How a piece of text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    Faint,
    Strong,
    Red,
    Green,
    Yellow,
    Blue,
    Magenta,
    Cyan,
}

/// `text` in a look, where there are colours.
pub fn paint(text: &str, look: Look) -> String {
    if !colours() {
        return text.to_owned();
    }
    let style = match look {
        Look::Faint => Style::new().dimmed(),
        Look::Strong => Style::new().bold(),
        Look::Red => Style::new().red(),
        Look::Green => Style::new().green(),
        Look::Yellow => Style::new().yellow(),
        Look::Blue => Style::new().blue(),
        Look::Magenta => Style::new().magenta(),
        Look::Cyan => Style::new().cyan(),
    };
    text.style(style).to_string()
}

/// Text of less importance.
pub fn faint(text: &str) -> String {
    paint(text, Look::Faint)
}

/// Text of more importance.
pub fn strong(text: &str) -> String {
    paint(text, Look::Strong)
}

/// Text about a failure.
pub fn bad(text: &str) -> String {
    paint(text, Look::Red)
}

/// What errors begin with.
pub fn error_label() -> String {
    bad("error:")
}

/// Look of a run's status.
pub fn run_status(status: RunStatus) -> Look {
    match status {
        RunStatus::Ok => Look::Green,
        RunStatus::Error => Look::Red,
        RunStatus::Running => Look::Cyan,
        RunStatus::Abandoned => Look::Yellow,
    }
}

/// Look of a step's status.
pub fn step_status(status: SpanStatus) -> Look {
    match status {
        SpanStatus::Ok => Look::Green,
        SpanStatus::Error => Look::Red,
        SpanStatus::Running => Look::Cyan,
    }
}

/// Look of a step's kind.
pub fn kind(kind: StepKind) -> Look {
    match kind {
        StepKind::Agent | StepKind::Handoff => Look::Magenta,
        StepKind::Llm => Look::Blue,
        StepKind::Tool => Look::Yellow,
        StepKind::Retriever | StepKind::Embedding | StepKind::Reranker => Look::Cyan,
        StepKind::Guardrail | StepKind::Evaluator => Look::Green,
        StepKind::Chain | StepKind::Other => Look::Faint,
    }
}

pub use signals::detect::text::duration;

/// A count: `950`, `12,345`, `1.2M`.
pub fn count(number: u64) -> String {
    if number >= 10_000_000 {
        return format!("{:.1}M", number as f64 / 1e6);
    }
    signals::detect::text::grouped(number)
}

/// A count with its word: `1 step`, `2 steps`.
pub fn plural(number: impl Into<u64>, word: &str) -> String {
    let number = number.into();
    let ending = match (number, word.strip_suffix('y')) {
        (1, _) => return format!("1 {word}"),
        (_, Some(stem)) => format!("{stem}ies"),
        _ => format!("{word}s"),
    };
    format!("{} {ending}", count(number))
}

/// Dollars: `$1.23`, `$0.0042`; a dash when unknown.
pub fn dollars(cost: Option<f64>) -> String {
    match cost {
        None => "-".to_owned(),
        Some(0.0) => "$0".to_owned(),
        Some(cost) if cost < 0.0 => format!("-{}", dollars(Some(-cost))),
        Some(cost) if cost >= 0.995 => format!("${cost:.2}"),
        Some(cost) if cost >= 0.0001 => format!("${cost:.4}"),
        Some(cost) => format!("${cost:.6}"),
    }
}

/// Bytes: `12 B`, `3.4 MiB`.
pub fn bytes(bytes: u64) -> String {
    match bytes as f64 {
        n if n < 1024.0 => format!("{bytes} B"),
        n if n < 1024.0 * 1024.0 => format!("{:.1} KiB", n / 1024.0),
        n if n < 1024.0 * 1024.0 * 1024.0 => format!("{:.1} MiB", n / 1024.0 / 1024.0),
        n => format!("{:.1} GiB", n / 1024.0 / 1024.0 / 1024.0),
    }
}

/// The first `width` characters on one line, with an ellipsis where something was cut. Control characters become spaces:
/// what an agent said must not drive the terminal.
pub fn clip(text: &str, width: usize) -> String {
    let mut line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(width + 1).collect();
    if line.chars().count() > width {
        line = line.chars().take(width.saturating_sub(1)).collect();
        line.push('…');
    }
    line
}

/// Text for a terminal: control characters other than line breaks and tabs are replaced.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_plain() {
        assert_eq!(count(950), "950");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!((plural(1u32, "retry"), plural(2_000u32, "retry")), ("1 retry".into(), "2,000 retries".into()));
        assert_eq!(dollars(Some(0.00421)), "$0.0042");
        assert_eq!(dollars(None), "-");
        assert_eq!(bytes(3_565_158), "3.4 MiB");
    }

    #[test]
    fn what_an_agent_said_cannot_drive_the_terminal() {
        assert_eq!(clip("a\u{1b}[31mb\nc", 20), "a [31mb c");
        assert_eq!(clip("abcdef", 4), "abc…");
        assert_eq!(printable("a\u{1b}b\n"), "a\u{fffd}b\n");
    }
}
