//! What somebody who is woken by drift relies on.

use model::{SpanId, Tenant};

use super::*;
use crate::detect::features::Value;

/// A small generator of its own, so that the streams are the same on every machine.
struct Draw(u64);

impl Draw {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = (self.0 ^ (self.0 >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        ((mixed ^ (mixed >> 33)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn run(number: u64) -> Run {
    let mut trace = [1u8; 16];
    trace[8..].copy_from_slice(&number.to_be_bytes());
    let mut span = model::Span::new(Tenant::default(), TraceId::from_array(trace), SpanId::from_array([1; 8]));
    span.start = Timestamp::from_millis(1_000 * number as i64);
    span.end = span.start.plus_nanos(1_000_000);
    let now = Timestamp::from_millis(i64::MAX / 2_000_000);
    crate::runs::resolve(&[span.into()], now, &crate::runs::Settings::default()).unwrap().run
}

/// A run that uses `tool` with a probability, whose answers have a length around `chars`, of version `version`.
fn features(draw: &mut Draw, tool: f64, chars: f64, version: &str) -> Features {
    let mut features = Features::default();
    if draw.unit() < tool {
        features.values.insert("tool:process_refund".into(), Value::Category("once".into()));
    }
    let spread = (draw.unit() + draw.unit() + draw.unit()) / 1.5;
    features.values.insert("answer_chars".into(), Value::Number(chars * spread));
    for noise in 0..20 {
        let name = ["a", "b", "c"][(draw.unit() * 3.0) as usize];
        features.values.insert(format!("noise{noise}"), Value::Category(name.into()));
    }
    features.groups.insert("version", version.into());
    features
}

#[test]
fn a_tool_that_stops_being_called_is_named_with_onset_before_and_after() {
    let (mut watch, mut draw) = (Watch::default(), Draw(1));
    let settings = Settings::default();
    for number in 0..300 {
        let quiet = watch.push(&run(number), &features(&mut draw, 0.4, 400.0, "1"), &settings);
        assert_eq!(quiet, None, "an alarm at run {number} without a change");
    }
    let (at, shift) = (300..400)
        .find_map(|number| {
            let shift = watch.push(&run(number), &features(&mut draw, 0.0, 400.0, "2"), &settings);
            shift.map(|shift| (number, shift))
        })
        .unwrap();
    // 32 runs without a tool that 40 in 100 used are certain at one in 10,000 over 22 streams.
    assert!(at < 300 + 48, "found only after {} runs", at - 299);
    assert_eq!(shift.feature, "tool:process_refund");
    assert!(shift.before > 0.3 && shift.after == 0.0, "{shift:?}");
    let onset = shift.onset_at.as_millis() / 1_000;
    assert!((290..=306).contains(&onset), "onset at {onset}");
    let version = &shift.explained[0];
    assert_eq!((version.name.as_str(), version.value.as_deref()), ("version", Some("2")));
    assert!(shift.draft(|_| true).message.contains("version 2 explains"), "{}", shift.draft(|_| true).message);
    assert_eq!(shift.draft(|tool| tool == "process_refund").severity, Severity::Critical);
    assert_eq!(shift.draft(|_| false).severity, Severity::Warning);
    // What came after is the new normal.
    for number in 400..600 {
        assert_eq!(watch.push(&run(number), &features(&mut draw, 0.0, 400.0, "2"), &settings), None);
    }
}

#[test]
fn a_tool_that_runs_call_more_often_is_found_though_hardly_more_runs_use_it() {
    let (mut watch, mut draw) = (Watch::default(), Draw(4));
    let settings = Settings::default();
    let mut told = |number: u64, often: f64| {
        let mut features = features(&mut draw, 0.4, 400.0, "1");
        // A third of the runs uses the other tool, before and after.
        if draw.unit() < 0.33 {
            let times = if draw.unit() < often { "three times or more" } else { "once" };
            features.values.insert("tool:think".into(), Value::Category(times.into()));
        }
        watch.push(&run(number), &features, &settings)
    };
    for number in 0..200 {
        assert_eq!(told(number, 0.05), None, "an alarm at run {number} without a change");
    }
    let (at, shift) = (200..400).find_map(|number| told(number, 0.9).map(|shift| (number, shift))).unwrap();
    assert!(at < 200 + 100, "found only after {} runs", at - 199);
    assert_eq!(shift.feature, "tool:think", "{shift:?}");
    assert!(shift.what != "used" && (shift.after - shift.before).abs() > 0.15, "{shift:?}");
    // However little more of the runs use it: a tool that is not high-risk is a trend.
    assert_eq!(shift.draft(|_| false).severity, Severity::Warning);
}

/// The change of answers that become five times as long in runs of one user, or in those that use a tool.
fn long_answers(seed: u64, by: impl Fn(&mut Features, bool, u64)) -> Shift {
    let (mut watch, mut draw) = (Watch::default(), Draw(seed));
    let mut told = |number: u64, changed: bool| {
        let among = draw.unit() < 0.4;
        let chars = if changed && among { 2_000.0 } else { 400.0 };
        let mut features = features(&mut draw, 0.4, chars, "1");
        by(&mut features, among, number);
        watch.push(&run(number), &features, &Settings::default())
    };
    assert!((0..300).all(|number| told(number, false).is_none()));
    (300..450).find_map(|number| told(number, true)).unwrap()
}

#[test]
fn a_change_in_the_runs_of_one_user_or_with_one_tool_is_laid_to_it() {
    let of_user = long_answers(7, |features, among, number| {
        let user = if among { "acme".into() } else { format!("user{}", number % 90) };
        features.groups.insert("user", user);
    });
    assert_eq!(of_user.feature, "answer_chars");
    let cause = of_user.explained.iter().find(|cause| cause.name == "user").unwrap();
    // How much, never who: a finding outlives what is known of a person.
    assert!(cause.share > 0.4 && cause.value.is_none(), "{:?}", of_user.explained);
    let of_tool = long_answers(8, |features, among, _| {
        if among {
            features.values.insert("tool:search".into(), Value::Category("once".into()));
        }
    });
    let cause = of_tool.explained.iter().find(|cause| cause.name == "tool:search").unwrap();
    assert!(cause.share > 0.5, "{:?}", of_tool.explained);
    assert!(!of_tool.explained.iter().any(|cause| cause.name == "version"), "{:?}", of_tool.explained);
    let of_tags = long_answers(9, |features, among, _| {
        features.groups.insert("tags", if among { "trial" } else { "paid" }.into());
    });
    let cause = of_tags.explained.iter().find(|cause| cause.name == "tags").unwrap();
    assert_eq!((cause.value.as_deref(), cause.words().as_str()), (Some("trial"), "tags trial"));
}

#[test]
fn a_change_for_everybody_is_laid_to_nobody_however_few_runs_show_it() {
    let (mut watch, mut draw) = (Watch::default(), Draw(11));
    let mut told = |number: u64, edition: &str| {
        let mut features = features(&mut draw, 0.4, 400.0, "1");
        let section = if draw.unit() < 0.5 { "affordability" } else { "history" };
        features.values.insert("document".into(), Value::Category(format!("{section}{edition}")));
        features.groups.insert("user", format!("user{}", (draw.unit() * 20.0) as u32));
        watch.push(&run(number), &features, &Settings::default())
    };
    assert!((0..60).all(|number| told(number, "").is_none()));
    let shift = (60..80).find_map(|number| told(number, " of 2019")).unwrap();
    assert_eq!((shift.feature.as_str(), shift.explained.as_slice()), ("document", &[][..]), "{shift:?}");
}

#[test]
fn an_agent_with_many_tools_has_the_use_of_each_followed() {
    let (mut watch, mut draw) = (Watch::default(), Draw(6));
    let tools: Vec<String> = (0..30).map(|number| format!("tool{number}")).collect();
    let mut told = |number: u64, last: bool| {
        let mut features = features(&mut draw, 0.4, 400.0, "1");
        for tool in tools.iter().filter(|tool| last || *tool != "tool29") {
            features.values.insert(format!("tool:{tool}"), Value::Category("once".into()));
            features.values.insert(format!("arguments:{tool}"), Value::Category("id:digits".into()));
            features.values.insert(format!("tool_fails:{tool}"), Value::Category("no".into()));
            features.values.insert(format!("tool_ms:{tool}"), Value::Number(20.0));
        }
        watch.push(&run(number), &features, &Settings::default())
    };
    assert!((0..100).all(|number| told(number, true).is_none()));
    let shift = (100..140).find_map(|number| told(number, false)).unwrap();
    assert_eq!((shift.feature.as_str(), shift.what.as_str(), shift.after), ("tool:tool29", "used", 0.0), "{shift:?}");
}

#[test]
fn lengths_that_shrink_slowly_are_found() {
    let (mut watch, mut draw) = (Watch::default(), Draw(2));
    let mut found = None;
    for number in 0..900u64 {
        let chars = 400.0 * if number < 300 { 1.0 } else { 0.999f64.powi((number - 300) as i32) };
        found = watch.push(&run(number), &features(&mut draw, 0.4, chars, "1"), &Settings::default());
        if found.is_some() {
            break;
        }
    }
    let shift = found.unwrap();
    assert_eq!((shift.feature.as_str(), shift.what.as_str()), ("answer_chars", "median"));
    assert!(shift.after < shift.before && shift.runs_after > 8, "{shift:?}");
}

#[test]
fn an_answer_a_letter_longer_is_no_change_that_matters_and_many_such_are() {
    let (mut watch, mut draw) = (Watch::default(), Draw(10));
    let mut told = |number: u64, chars: f64| {
        let mut features = features(&mut draw, 0.4, 400.0, "1");
        features.values.insert("answer_chars".into(), Value::Number(chars));
        watch.push(&run(number), &features, &Settings::default())
    };
    assert!((0..100).all(|number| told(number, 43.0).is_none()));
    assert!((100..300).all(|number| told(number, 44.0).is_none()));
    // A letter in sixty runs is little each time; it is a change once it has come to a twentieth.
    let letters = |number: u64| 44.0 + ((number - 300) / 60) as f64;
    let shift = (300..900).find_map(|number| told(number, letters(number))).unwrap();
    assert_eq!((shift.feature.as_str(), shift.before), ("answer_chars", 43.0), "{shift:?}");
    assert!(shift.after >= 45.0 && shift.draft(|_| false).message.contains("median 43 before"), "{shift:?}");
}

#[test]
fn a_number_that_always_was_the_same_is_found_where_it_falls_and_a_rare_one_where_it_comes_more_often() {
    let (mut watch, mut draw) = (Watch::default(), Draw(12));
    let mut told = |number: u64, documents: f64, errors: f64| {
        let mut features = features(&mut draw, 0.4, 400.0, "1");
        features.values.insert("documents".into(), Value::Number(documents));
        features.values.insert("errors".into(), Value::Number(if draw.unit() < errors { 1.0 } else { 0.0 }));
        watch.push(&run(number), &features, &Settings::default())
    };
    assert!((0..300).all(|number| told(number, 5.0, 0.01).is_none()));
    let fewer = (300..330).find_map(|number| told(number, 1.0, 0.01)).unwrap();
    assert_eq!((fewer.feature.as_str(), fewer.before, fewer.after), ("documents", 5.0, 1.0), "{fewer:?}");
    assert!((330..600).all(|number| told(number, 1.0, 0.01).is_none()));
    // One run in twelve: the median and the 90th percentile stay at nothing.
    let errors = (600..1_200).find_map(|number| told(number, 1.0, 0.08)).unwrap();
    assert_eq!((errors.feature.as_str(), errors.what.as_str()), ("errors", "any"), "{errors:?}");
    assert!(errors.before < 0.03 && errors.after > 0.04, "{errors:?}");
}

#[test]
fn a_part_that_moves_is_named_by_the_part() {
    let (mut watch, mut draw) = (Watch::default(), Draw(13));
    // Two in five answers become much longer; the median stays.
    let mut told = |number: u64, long: bool| {
        let mut features = features(&mut draw, 0.4, 400.0, "1");
        let chars = if long && number % 5 < 2 { 2_000.0 } else { 390.0 + 20.0 * draw.unit() };
        features.values.insert("answer_chars".into(), Value::Number(chars));
        watch.push(&run(number), &features, &Settings::default())
    };
    assert!((0..300).all(|number| told(number, false).is_none()));
    let shift = (300..500).find_map(|number| told(number, true)).unwrap();
    assert_eq!((shift.feature.as_str(), shift.what.as_str()), ("answer_chars", "90th percentile"), "{shift:?}");
    assert!(shift.draft(|_| false).message.contains("90th percentile"), "{shift:?}");
}

/// Conversations as an agent has them that has just begun: twelve at most, each of which goes on in seven of ten runs.
struct Conversations {
    draw: Draw,
    open: std::collections::VecDeque<(u64, u32)>,
    begun: u64,
}

impl Conversations {
    fn new(seed: u64) -> Self {
        Self { draw: Draw(seed), open: std::collections::VecDeque::new(), begun: 0 }
    }

    /// The conversation of the next run, and its place in it.
    fn next(&mut self) -> (u64, u32) {
        if !self.open.is_empty() && self.draw.unit() < 0.7 {
            let at = (self.draw.unit() * self.open.len() as f64) as usize;
            self.open[at].1 += 1;
            return self.open[at];
        }
        if self.open.len() == 12 {
            self.open.pop_front();
        }
        self.begun += 1;
        self.open.push_back((self.begun, 1));
        (self.begun, 1)
    }
}

#[test]
fn conversations_that_grow_where_an_agent_has_just_begun_are_no_change_and_larger_contexts_in_them_are() {
    let told = |watch: &mut Watch, conversations: &mut Conversations, number: u64, each: f64| {
        let (conversation, place) = conversations.next();
        let mut features = features(&mut conversations.draw, 0.4, 400.0, "1");
        let context = 900.0 + each * f64::from(place) * (0.8 + 0.4 * conversations.draw.unit());
        features.values.insert("context".into(), Value::Number(context));
        features.groups.insert("session", format!("conversation {conversation}"));
        watch.push(&run(number), &features, &Settings::default())
    };
    for seed in 0..20 {
        let (mut watch, mut conversations) = (Watch::default(), Conversations::new(seed));
        for number in 0..400 {
            let shift = told(&mut watch, &mut conversations, number, 300.0);
            assert_eq!(shift, None, "an alarm at run {number} of stream {seed} without a change");
        }
        let shift = (400..600).find_map(|number| told(&mut watch, &mut conversations, number, 1_200.0)).unwrap();
        assert_eq!(shift.feature, "context", "{shift:?}");
    }
}

#[test]
fn names_of_which_there_is_no_end_are_no_change_where_a_stream_begins() {
    for seed in 0..10 {
        let (mut watch, mut draw) = (Watch::default(), Draw(100 + seed));
        for number in 0..600 {
            let mut features = features(&mut draw, 0.4, 400.0, "1");
            // Three frequent beginnings of answers, and as many others as there are subjects.
            let subject = draw.unit();
            let opening = if subject < 0.6 { (subject * 5.0) as u32 } else { 10 + (subject * 2_000.0) as u32 };
            features.values.insert("opening".into(), Value::Category(format!("about {opening}")));
            let shift = watch.push(&run(number), &features, &Settings::default());
            assert_eq!(shift, None, "an alarm at run {number} of stream {seed} without a change");
        }
    }
}

#[test]
fn what_is_counted_of_a_window_is_what_lies_on_both_sides_of_its_first_run() {
    let (mut stream, mut draw, mut seen) = (Stream::new("opening", 3), Draw(14), 0);
    for _ in 0..700 {
        let value = Value::Category(["a", "b", "c"][(draw.unit() * 3.0) as usize].into());
        // A run in five says nothing of it.
        stream.push(Some(&value).filter(|_| draw.unit() < 0.8));
        stream.each_window(WINDOWS, REFERENCE, |window, side| {
            let same = stream.side(stream.start_of(window)).unwrap();
            assert_eq!((side.before, side.after), (same.before, same.after), "window of {window}");
            assert_eq!(side.runs()[1] as usize, window);
            seen += 1;
        });
    }
    assert!(seen > 1_000, "{seen} windows");
}

#[test]
fn without_a_change_alarms_are_rarer_than_they_were_asked_to_be() {
    let (mut alarms, mut draw) = (0, Draw(3));
    let one_run = run(1);
    let settings = Settings { false_alarms: 1.0 / 1_000.0 };
    for _ in 0..10 {
        let mut watch = Watch::default();
        for _ in 0..1_000 {
            alarms += u32::from(watch.push(&one_run, &features(&mut draw, 0.4, 400.0, "1"), &settings).is_some());
        }
    }
    // Ten are allowed in 10,000 runs at this setting; 18 would be, by chance, one time in a hundred.
    assert!(alarms <= 17, "{alarms} alarms in 10,000 runs at one in 1,000");
}

#[test]
fn what_is_kept_reads_back() {
    let (mut watch, mut draw) = (Watch::default(), Draw(5));
    for number in 0..60 {
        let mut features = features(&mut draw, 0.4, 400.0, "1");
        features.groups.insert("user", "ana@example.org".into());
        features.groups.insert("session", format!("chat of ana {number}"));
        watch.push(&run(number), &features, &Settings::default());
    }
    let kept = serde_json::to_string(&watch).unwrap();
    assert!(!kept.contains("ana"), "whose runs they were is not remembered");
    let mut back: Watch = serde_json::from_str(&kept).unwrap();
    assert_eq!(serde_json::to_string(&back).unwrap(), kept);
    let next = features(&mut draw, 0.4, 400.0, "1");
    assert_eq!(watch.push(&run(60), &next, &Settings::default()), back.push(&run(60), &next, &Settings::default()));
}
