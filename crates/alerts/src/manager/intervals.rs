//! Time intervals: when routes are active or muted.

use std::ops::RangeInclusive;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::yaml::{Node, Problems};

/// A named list of intervals; time is inside when one of them says so.
#[derive(Debug, Clone)]
pub struct TimeInterval {
    /// Name.
    pub name: String,
    spans: Vec<Span>,
}

/// Conditions that must all hold; an empty one always does.
#[derive(Debug, Clone)]
struct Span {
    /// Minutes of the day, the end not included.
    times: Vec<(u16, u16)>,
    /// Sunday is 0.
    weekdays: Vec<RangeInclusive<i32>>,
    /// Negative ones count from the end of the month.
    days: Vec<RangeInclusive<i32>>,
    months: Vec<RangeInclusive<i32>>,
    years: Vec<RangeInclusive<i32>>,
    zone: TimeZone,
}

const WEEKDAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

impl TimeInterval {
    /// Whether `now`, in milliseconds since 1970, is inside.
    pub fn contains(&self, now_ms: i64) -> bool {
        let Ok(time) = Timestamp::from_millisecond(now_ms) else { return false };
        self.spans.iter().any(|span| span.contains(&time.to_zoned(span.zone.clone())))
    }

    /// Reads one entry of `time_intervals`.
    pub fn read(node: &Node, p: &mut Problems) -> Option<Self> {
        let mut fields = p.fields(node, "a time interval")?;
        let name = fields.text("name", p);
        if name.is_empty() {
            p.add(node.place, "a time interval needs a `name`");
        }
        let spans = fields.list("time_intervals", p).iter().filter_map(|node| Span::read(node, p)).collect();
        fields.finish(p);
        Some(Self { name, spans })
    }
}

impl Span {
    fn contains(&self, now: &Zoned) -> bool {
        let within = |ranges: &[RangeInclusive<i32>], value: i32| {
            ranges.is_empty() || ranges.iter().any(|range| range.contains(&value))
        };
        let minute = u16::try_from(i32::from(now.hour()) * 60 + i32::from(now.minute())).unwrap_or(0);
        let weekday = i32::from(now.weekday().to_sunday_zero_offset());
        let last = i32::from(now.days_in_month());
        let day = i32::from(now.day());
        let in_month = self.days.is_empty()
            || self.days.iter().any(|range| {
                let fixed = |day: i32| if day < 0 { last + day + 1 } else { day };
                (fixed(*range.start()).max(1)..=fixed(*range.end()).min(last)).contains(&day)
            });
        (self.times.is_empty() || self.times.iter().any(|(from, to)| (*from..*to).contains(&minute)))
            && within(&self.weekdays, weekday)
            && in_month
            && within(&self.months, i32::from(now.month()))
            && within(&self.years, i32::from(now.year()))
    }

    fn read(node: &Node, p: &mut Problems) -> Option<Self> {
        let mut fields = p.fields(node, "a time interval")?;
        let mut times = Vec::new();
        for node in fields.list("times", p) {
            let Some(mut fields) = p.fields(node, "a time range") else { continue };
            let (from, to) = (fields.text("start_time", p), fields.text("end_time", p));
            fields.finish(p);
            match (minutes(&from), minutes(&to)) {
                (Some(from), Some(to)) if from < to => times.push((from, to)),
                _ => p.add(
                    node.place,
                    format!(
                        "{from:?} to {to:?} is no range of times; write for example 09:00 and 17:00, the start first"
                    ),
                ),
            }
        }
        let weekdays = ranges(&mut fields, "weekdays", p, |text| position(&WEEKDAYS, text, 0), 0..=6);
        let days = ranges(&mut fields, "days_of_month", p, |text| text.parse().ok().filter(|day| *day != 0), -31..=31);
        let months =
            ranges(&mut fields, "months", p, |text| text.parse().ok().or_else(|| position(&MONTHS, text, 1)), 1..=12);
        let years = ranges(&mut fields, "years", p, |text| text.parse().ok(), 0..=9999);
        let zone = match fields.take("location") {
            None => TimeZone::UTC,
            Some(node) => {
                let name = p.text(node, "`location`");
                TimeZone::get(&name).unwrap_or_else(|_| {
                    p.add(node.place, format!("unknown time zone {name:?}"));
                    TimeZone::UTC
                })
            }
        };
        fields.finish(p);
        Some(Self { times, weekdays, days, months, years, zone })
    }
}

fn position(names: &[&str], text: &str, first: i32) -> Option<i32> {
    let text = text.to_lowercase();
    names.iter().position(|name| *name == text).map(|at| at as i32 + first)
}

fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    ((hours < 24 && minutes < 60) || (hours == 24 && minutes == 0)).then_some(hours * 60 + minutes)
}

fn ranges(
    fields: &mut crate::yaml::Fields<'_>,
    name: &'static str,
    p: &mut Problems,
    value: impl Fn(&str) -> Option<i32>,
    allowed: RangeInclusive<i32>,
) -> Vec<RangeInclusive<i32>> {
    let place = fields.place_of(name).unwrap_or(fields.place);
    let mut found = Vec::new();
    for text in fields.list_of_texts(name, p) {
        let (from, to) = text.split_once(':').unwrap_or((&text, &text));
        match (value(from.trim()), value(to.trim())) {
            (Some(from), Some(to)) if allowed.contains(&from) && allowed.contains(&to) && (from <= to || to < 0) => {
                found.push(from..=to)
            }
            _ => p.add(place, format!("`{name}`: {text:?} is no value or range like `a:b`")),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn inside(text: &str, time: &str) -> bool {
        let node = yaml::parse(&format!("name: x\ntime_intervals:\n  - {text}\n")).unwrap();
        let mut problems = Problems::default();
        let interval = TimeInterval::read(&node, &mut problems).unwrap();
        assert!(problems.0.is_empty(), "{problems:?}");
        interval.contains(time.parse::<Timestamp>().unwrap().as_millisecond())
    }

    #[test]
    fn times_days_and_zones_bound_an_interval() {
        let office = "{weekdays: ['monday:friday'], times: [{start_time: '09:00', end_time: '17:00'}]}";
        assert!(inside(office, "2026-11-20T09:00:00Z"));
        assert!(!inside(office, "2026-11-20T17:00:00Z"));
        assert!(!inside(office, "2026-11-21T12:00:00Z"), "a Saturday");
        assert!(inside("{days_of_month: ['-1']}", "2026-02-28T00:00:00Z"));
        assert!(!inside("{days_of_month: ['-1']}", "2024-02-28T00:00:00Z"));
        assert!(inside("{months: ['january:march', '12'], years: ['2026']}", "2026-12-01T00:00:00Z"));
        assert!(inside(
            "{times: [{start_time: '23:00', end_time: '24:00'}], location: 'Asia/Shanghai'}",
            "2026-11-20T15:30:00Z"
        ));
        assert!(inside("{}", "2026-11-20T15:30:00Z"));
    }
}
