//! Parts of a date, in UTC. Times are seconds since 1970.

/// Year, month from 1 and day from 1 of a time, by the proleptic Gregorian calendar (Hinnant's `civil_from_days`).
fn civil(seconds: i64) -> (i64, i64, i64) {
    let days = seconds.div_euclid(86_400) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

fn is_leap(year: i64) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

fn month_length(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

pub(super) fn year(seconds: i64) -> f64 {
    civil(seconds).0 as f64
}

pub(super) fn month(seconds: i64) -> f64 {
    civil(seconds).1 as f64
}

pub(super) fn day_of_month(seconds: i64) -> f64 {
    civil(seconds).2 as f64
}

/// From 0 for Sunday.
pub(super) fn day_of_week(seconds: i64) -> f64 {
    (seconds.div_euclid(86_400) + 4).rem_euclid(7) as f64
}

pub(super) fn day_of_year(seconds: i64) -> f64 {
    let (year, month, day) = civil(seconds);
    ((1..month).map(|earlier| month_length(year, earlier)).sum::<i64>() + day) as f64
}

pub(super) fn days_in_month(seconds: i64) -> f64 {
    let (year, month, _) = civil(seconds);
    month_length(year, month) as f64
}

pub(super) fn hour(seconds: i64) -> f64 {
    (seconds.rem_euclid(86_400) / 3_600) as f64
}

pub(super) fn minute(seconds: i64) -> f64 {
    (seconds.rem_euclid(3_600) / 60) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leap_days_and_times_before_1970() {
        assert_eq!(civil(1_456_790_399), (2016, 2, 29));
        assert_eq!(civil(-1), (1969, 12, 31));
        assert_eq!((day_of_week(-1), hour(-1), minute(-1)), (3.0, 23.0, 59.0));
        assert_eq!(civil(951_782_400), (2000, 2, 29));
        assert_eq!(day_of_year(4_133_894_400), 365.0);
    }

    #[test]
    fn times_at_the_end_of_the_range_do_not_overflow() {
        for seconds in [i64::MAX / 2, i64::MIN / 2, i64::MAX - 1_000_000_000, i64::MIN] {
            civil(seconds);
        }
    }
}
