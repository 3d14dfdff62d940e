//! What a day and a month will come to, from the hours behind.
//!
//! The hours that are left of today are taken to cost what the same hours cost on average over the [`BASIS_DAYS`] full days before;
//! where there is no such day, what the hours since the first money cost so far. Further days of the month are taken to cost what a full day did,
//! else what today will come to. It is a plain extrapolation: it knows no holidays and no growth.

use std::collections::BTreeMap;

use model::{Timestamp, Usd};

use super::{DAY, HOUR, day_of, month_of, next_month};

/// Full days before today that the forecast goes by.
pub const BASIS_DAYS: i64 = 7;

/// Spent and expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forecast {
    /// Spent since the day began (UTC).
    pub today: Usd,
    /// Expected for the whole day.
    pub day: Usd,
    /// Spent since the month began (UTC).
    pub so_far: Usd,
    /// Expected for the whole month.
    pub month: Usd,
    /// Full days before today that it is based on; 0: on the hours since money was first spent.
    pub basis_days: i64,
}

/// The forecast at `now` from money by hour (its beginning). Hours needed: since the month began, and a day more than [`BASIS_DAYS`] back.
pub fn forecast(hours: &BTreeMap<Timestamp, Usd>, now: Timestamp) -> Forecast {
    let (day, month) = (day_of(now), month_of(now));
    let between =
        |from: Timestamp, to: Timestamp| hours.range(from..to).fold(Usd::default(), |sum, (_, usd)| sum.plus(*usd));
    let after = now.plus_nanos(1);
    let (today, so_far) = (between(day, after), between(month, after));
    // Days before the first money there is are not days without cost, and its own day is hardly a full one; those after it are.
    let first = hours.range(..after).find(|(_, usd)| usd.as_pico() != 0).map(|(hour, _)| *hour);
    let begun = first.map(|first| if first == day_of(first) { first } else { day_of(first).plus_nanos(DAY) });
    let basis_days = begun.map_or(0, |begun| (day.nanos_since(begun) / DAY).clamp(0, BASIS_DAYS));

    let tomorrow = day.plus_nanos(DAY);
    let (expected, full_day) = if basis_days > 0 {
        // The running hour counts for the part that is left of it.
        let mut rest = 0i128;
        for back in 1..=basis_days {
            let shift = -back * DAY;
            let (hour, left) = (super::hour_of(now), HOUR - now.as_nanos().rem_euclid(HOUR));
            let running = hours.get(&hour.plus_nanos(shift)).copied().unwrap_or_default().as_pico();
            rest += running * i128::from(left) / i128::from(HOUR);
            rest += between(hour.plus_nanos(shift + HOUR), tomorrow.plus_nanos(shift)).as_pico();
        }
        let full = between(day.plus_nanos(-basis_days * DAY), day).as_pico() / i128::from(basis_days);
        (today.plus(Usd::from_pico(rest / i128::from(basis_days))), Usd::from_pico(full))
    } else {
        let first = first.unwrap_or(day);
        let (gone, left) = (now.nanos_since(first).max(HOUR / 60), tomorrow.nanos_since(now));
        let rest = between(first, after).as_pico().saturating_mul(i128::from(left)) / i128::from(gone);
        let expected = today.plus(Usd::from_pico(rest));
        (expected, expected)
    };
    let days_left = i128::from(next_month(now).nanos_since(tomorrow) / DAY);
    let further = Usd::from_pico(full_day.as_pico().saturating_mul(days_left));
    let month = so_far.minus(today).plus(expected).plus(further);
    Forecast { today, day: expected, so_far, month, basis_days }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn usd(dollars: i128) -> Usd {
        Usd::from_pico(dollars * 1_000_000_000_000)
    }

    #[test]
    fn a_steady_week_goes_on_as_it_was() {
        let now = at("2026-11-21T06:00:00Z");
        // A dollar an hour since the 14th, today's hours up to now included.
        let hours = (0..7 * 24 + 6).map(|hour| (at("2026-11-14T00:00:00Z").plus_nanos(hour * HOUR), usd(1))).collect();
        let forecast = forecast(&hours, now);
        assert_eq!((forecast.today, forecast.day), (usd(6), usd(24)));
        // 7 days and 6 hours gone; the rest of today and nine days to come: 17 days in all.
        assert_eq!((forecast.so_far, forecast.month), (usd(7 * 24 + 6), usd(17 * 24)));
        assert_eq!(forecast.basis_days, 7);
    }

    #[test]
    fn a_day_without_cost_counts_where_there_was_money_before_it() {
        let hours = BTreeMap::from([(at("2026-11-13T10:00:00Z"), usd(7)), (at("2026-11-20T10:00:00Z"), usd(7))]);
        let forecast = forecast(&hours, at("2026-11-21T00:00:00Z"));
        assert_eq!((forecast.basis_days, forecast.day), (7, usd(1)));
    }

    #[test]
    fn office_hours_are_over_in_the_evening() {
        let now = at("2026-11-20T18:00:00Z");
        let mut hours = BTreeMap::new();
        for day in 0..8 {
            for hour in 9..17 {
                hours.insert(at("2026-11-13T00:00:00Z").plus_nanos(day * DAY + hour * HOUR), usd(2));
            }
        }
        let forecast = forecast(&hours, now);
        assert_eq!((forecast.today, forecast.day), (usd(16), usd(16)), "nothing is spent at night");
    }

    #[test]
    fn a_first_morning_is_extrapolated_from_itself() {
        let now = at("2026-11-21T12:00:00Z");
        let hours = [(at("2026-11-21T10:00:00Z"), usd(4))].into();
        let forecast = forecast(&hours, now);
        // 4 dollars in the two hours since money was first spent: 2 an hour for 12 more hours.
        assert_eq!((forecast.day, forecast.basis_days), (usd(28), 0));
        assert_eq!(super::forecast(&BTreeMap::new(), now).month, usd(0));
    }

    #[test]
    fn an_evening_is_no_full_day_to_go_by() {
        let hours: BTreeMap<_, _> =
            (0..8).map(|hour| (at("2026-11-20T20:00:00Z").plus_nanos(hour * HOUR), usd(3))).collect();
        let forecast = forecast(&hours, at("2026-11-21T04:00:00Z"));
        // 24 dollars in eight hours: 3 an hour also for the 20 that are left.
        assert_eq!((forecast.today, forecast.day, forecast.basis_days), (usd(12), usd(72), 0));
        // The day after, the first whole one is gone by.
        let hours = (0..28).map(|hour| (at("2026-11-20T20:00:00Z").plus_nanos(hour * HOUR), usd(3))).collect();
        let forecast = super::forecast(&hours, at("2026-11-22T00:00:00Z"));
        assert_eq!((forecast.day, forecast.basis_days), (usd(72), 1));
    }
}
