//! What runs cost, who spent it, and a brake.
//!
//! * [`ledger`]: a resolved run, call by call, each with where its cost comes from;
//! * [`hours`]: the same added up by hour, which is what is kept for ever;
//! * [`budget`]: what may still be spent, with reservations;
//! * [`sla`]: what a workflow promises, and whether its runs kept it;
//! * [`forecast`]: what a day and a month will come to.
//!
//! Pure: the time and every id are passed in.

pub mod budget;
mod dollars;
pub mod forecast;
pub mod hours;
pub mod ledger;
pub mod sla;

use model::Timestamp;

/// Nanoseconds of an hour.
pub const HOUR: i64 = 3_600 * 1_000_000_000;
/// Nanoseconds of a day.
pub const DAY: i64 = 24 * HOUR;

/// The beginning of the hour (UTC) in which `at` lies.
pub const fn hour_of(at: Timestamp) -> Timestamp {
    Timestamp::from_nanos(at.as_nanos() - at.as_nanos().rem_euclid(HOUR))
}

/// The beginning of the day (UTC) in which `at` lies.
pub const fn day_of(at: Timestamp) -> Timestamp {
    Timestamp::from_nanos(at.as_nanos() - at.as_nanos().rem_euclid(DAY))
}

/// The beginning of the month (UTC) in which `at` lies.
pub fn month_of(at: Timestamp) -> Timestamp {
    let days = day_of(at).as_nanos() / DAY;
    Timestamp::from_nanos((days - i64::from(civil(days).2) + 1) * DAY)
}

/// The beginning of the month after the one in which `at` lies.
pub fn next_month(at: Timestamp) -> Timestamp {
    // No month has more than 31 days, none fewer than 28.
    month_of(month_of(at).plus_nanos(32 * DAY))
}

/// Year, month and day of a day since 1970-01-01 (H. Hinnant, "chrono-compatible low-level date algorithms", civil_from_days).
fn civil(days: i64) -> (i64, u8, u8) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month as u8, day as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_begin_and_end_where_the_calendar_says() {
        for (at, begins, ends) in [
            ("2026-11-21T15:04:05Z", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"),
            ("2024-02-29T23:59:59Z", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"),
            ("2025-12-31T00:00:00Z", "2025-12-01T00:00:00Z", "2026-01-01T00:00:00Z"),
            ("1969-12-31T23:00:00Z", "1969-12-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        ] {
            let at = Timestamp::parse_rfc3339(at).unwrap();
            assert_eq!((month_of(at).to_string(), next_month(at).to_string()), (begins.into(), ends.into()));
        }
    }
}
