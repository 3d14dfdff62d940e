//! `@st` lines of a `load`: since when the counter behind each sample counts, as durations relative to the samples' times.
//!
//! `metric@st -1mx4` stands right before the line of `metric` and has as many items as that; `@st -1m` alone is for all series that follow
//! and have no line of their own.

use super::script::time;
use crate::labels::Labels;
use crate::parse::parse_series;

/// Milliseconds between each sample and its start; none where the sample has no start.
pub(super) type Offsets = Vec<Option<i64>>;

/// Items one expression may stand for.
const MAX_REPEATS: usize = 1_000_000;

/// Reads a line of starts: whose they are, if anybody is named, and the offsets. `None` where the line is no such line.
pub(super) fn read(line: &str) -> Option<Result<(Option<Labels>, Offsets), String>> {
    let (metric, sequence) = line.split_once("@st")?;
    if !sequence.starts_with(char::is_whitespace) {
        return None;
    }
    let labels = match metric {
        "" => None,
        _ => Some(parse_series(&format!("{metric} _")).ok()?.0),
    };
    let mut offsets = Offsets::new();
    for item in sequence.split_whitespace() {
        if let Err(message) = push(item, &mut offsets) {
            return Some(Err(format!("{message} in {item:?}")));
        }
    }
    Some(Ok((labels, offsets)))
}

/// `_`, `*` (as the one before), `-1m`, `-1m+30s`, each with or without `x4`.
fn push(item: &str, offsets: &mut Offsets) -> Result<(), String> {
    let (what, times) = match item.split_once('x') {
        Some((what, times)) => {
            let times: usize = times.parse().map_err(|_| "expected a number of repetitions".to_owned())?;
            (what, Some(times).filter(|&times| times <= MAX_REPEATS).ok_or("too many repetitions")?)
        }
        None => (item, 0),
    };
    if what == "_" {
        // `_` and `_x1` are one position each, as among samples.
        offsets.extend(std::iter::repeat_n(None, times.max(1)));
        return Ok(());
    }
    let (first, step) = match what {
        "*" => (offsets.iter().rev().find_map(|&offset| offset).unwrap_or(0), 0),
        _ => {
            // A sign in front belongs to the first duration, one behind it begins the step.
            let rest = what.get(1..).ok_or("expected a duration")?;
            let sign = rest.find(['+', '-']).map_or(what.len(), |at| at + 1);
            let step = if sign < what.len() { signed(&what[sign..])? } else { 0 };
            (signed(&what[..sign])?, step)
        }
    };
    let mut offset = first;
    for _ in 0..=times {
        offsets.push(Some(offset));
        offset = offset.saturating_add(step);
    }
    Ok(())
}

fn signed(text: &str) -> Result<i64, String> {
    match text.strip_prefix('-') {
        Some(positive) => time(positive).map(|millis| -millis),
        None => time(text.strip_prefix('+').unwrap_or(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_spelled_out() {
        let (labels, offsets) = read("c{a=\"b\"}@st _ -1m *x1 _x2 -30s-10sx2 0s").unwrap().unwrap();
        assert_eq!(labels.unwrap().to_string(), "{__name__=\"c\", a=\"b\"}");
        let seconds: Vec<Option<i64>> = offsets.iter().map(|offset| offset.map(|millis| millis / 1000)).collect();
        let some = |seconds: &[i64]| seconds.iter().map(|&seconds| Some(seconds)).collect::<Vec<_>>();
        assert_eq!(seconds[..1], [None]);
        assert_eq!(seconds[1..4], some(&[-60, -60, -60])[..]);
        assert_eq!(seconds[4..6], [None, None]);
        assert_eq!(seconds[6..], some(&[-30, -40, -50, 0])[..]);
    }

    #[test]
    fn what_is_no_line_of_starts_is_left_alone_and_nonsense_is_refused() {
        assert!(read("c 1 2").is_none());
        assert!(read("c{a=\"x@st y\"} 1 2").is_none());
        assert_eq!(read("@st -1m").unwrap().unwrap(), (None, vec![Some(-60_000)]));
        for line in ["c@st 5", "c@st -1mx", "c@st 1m1m", "c@st é", "c@st -1mx99999999"] {
            assert!(read(line).unwrap().is_err(), "{line}");
        }
    }
}
