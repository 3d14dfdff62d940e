//! The test behind drift: how likely two sets of counts come from one distribution.
//!
//! The likelihood-ratio statistic of two multinomials (G), whose distribution without a change is chi-squared with one degree of freedom
//! less than there are categories. Rare categories are put together first, with those beyond the names that a stream has room for, so that neither
//! a handful of odd runs nor the order in which names come counts as a change.
//!
//! Most changes are of one kind: one category gains or loses, or a number goes up or down. Against those the statistic of all categories
//! wastes its degrees of freedom, so each category is also held against all others, and a number's range is cut in two at each border. Half of
//! the chance goes to the whole, half to the parts, divided by how many there are. In a table of two by two the tail of the statistic is right within a
//! factor of three, whatever the share of a category, in windows of 8 runs after 30 to 128 after 200 (summed over all outcomes).

use std::sync::LazyLock;

use super::REMEMBERED;
use super::stream::{CATEGORIES, Side};

/// Counts below this, on both sides together, are put together into one category.
const RARE: u32 = 5;
/// Categories that most streams have at most. Only where a run is in one beyond these are all looked at.
const FEW: usize = 8;

/// Runs before and after, by category.
type Cell = [u32; 2];

fn merged(side: &Side) -> ([Cell; CATEGORIES], usize) {
    let (mut cells, mut used, mut rest) = ([[0; 2]; CATEGORIES], 0, [0; 2]);
    let has_few = [&side.before, &side.after].iter().all(|counts| counts[FEW..] == [0; CATEGORIES - FEW]);
    let told = if has_few { FEW } else { CATEGORIES };
    for at in 0..told {
        let (before, after) = (side.before[at], side.after[at]);
        // Names are given in the order in which they come: whatever has none comes late, and is no other than what is rare early.
        if before + after >= RARE && at < CATEGORIES - 1 {
            cells[used] = [before, after];
            used += 1;
        } else {
            rest = plus(rest, [before, after]);
        }
    }
    if rest[0] + rest[1] > 0 {
        if used == CATEGORIES || (used > 0 && rest[0] + rest[1] < RARE) {
            // Too few even together: with the smallest other category.
            let smallest = (0..used).min_by_key(|&at| cells[at][0] + cells[at][1]);
            if let Some(at) = smallest.filter(|_| used > 1) {
                cells[at][0] += rest[0];
                cells[at][1] += rest[1];
                return (cells, used);
            }
        }
        cells[used.min(CATEGORIES - 1)] = rest;
        used = (used + 1).min(CATEGORIES);
    }
    (cells, used)
}

/// The likelihood-ratio statistic.
pub(super) fn statistic(side: &Side) -> f64 {
    let (cells, used) = merged(side);
    g(&cells[..used])
}

/// The same of the categories as they are, however rare: what little a few runs say, put together, would be nothing.
pub(super) fn plain(side: &Side) -> f64 {
    let cells: [Cell; CATEGORIES] = std::array::from_fn(|at| [side.before[at], side.after[at]]);
    g(&cells)
}

/// How far both sides lie apart beyond chance, however many runs there are; `None` where there are fewer than `least` on one of them.
pub(super) fn effect(side: &Side, least: u32) -> Option<f64> {
    let runs = side.runs();
    if runs.iter().any(|runs| *runs < least) {
        return None;
    }
    let categories = (0..CATEGORIES).filter(|&at| side.before[at] + side.after[at] > 0).count();
    let beyond_chance = (plain(side) - categories.saturating_sub(1) as f64).max(0.0);
    Some((beyond_chance * runs.iter().map(|runs| 1.0 / f64::from(*runs)).sum::<f64>()).sqrt())
}

/// Whether the shares of several groups of runs are others than before, beyond what chance does.
pub(super) fn shares_changed(groups: &[Cell]) -> bool {
    let free = groups.len().saturating_sub(1) as f64;
    // Three standard deviations of the chi-squared distribution above its mean.
    g(groups) > free + 3.0 * (2.0 * free).sqrt()
}

/// `n ln n` of every count there can be: each stream is looked at after each run, and a look asks for a dozen of them.
static TERMS: LazyLock<Vec<f64>> = LazyLock::new(|| (0..=REMEMBERED as u32).map(term).collect());

fn term(n: u32) -> f64 {
    let n = f64::from(n);
    if n > 0.0 { n * n.ln() } else { 0.0 }
}

fn g(cells: &[Cell]) -> f64 {
    let terms = &**TERMS;
    let term = |n: u32| terms.get(n as usize).copied().unwrap_or_else(|| term(n));
    let sums = cells.iter().fold([0; 2], |sums, cell| plus(sums, *cell));
    let inner: f64 = cells.iter().map(|cell| term(cell[0]) + term(cell[1]) - term(cell[0] + cell[1])).sum();
    (2.0 * (inner - term(sums[0]) - term(sums[1]) + term(sums[0] + sums[1]))).max(0.0)
}

/// Chance of such a difference, or a larger one, without a change. Anything above one in ten thousand or so counts as 1.
/// `ordered` says that categories follow one another, as those of a number; `spread` how many runs count for one (the design effect, 1 for
/// independent runs).
pub(super) fn chance(side: &Side, ordered: bool, spread: f64) -> f64 {
    let (cells, used) = merged(side);
    let cells = &cells[..used];
    match cells {
        [] | [_] => return 1.0,
        [one, other] => return tail(g(&[*one, *other]) / spread, 1),
        _ => {}
    }
    // No part differs more than the whole does.
    let whole = g(cells) / spread;
    if whole < 2.0 * FAR {
        return 1.0;
    }
    let all = cells.iter().fold([0; 2], |all, cell| plus(all, *cell));
    let parts = if ordered { below_borders(side) } else { cells.to_vec() };
    let farthest = parts.iter().map(|part| g(&[*part, minus(all, *part)])).fold(0.0, f64::max);
    let of_parts = tail(farthest / spread, 1) * parts.len() as f64;
    (2.0 * tail(whole, used - 1).min(of_parts)).min(1.0)
}

/// The same where only runs of one group are compared with one another, over all groups together.
pub(super) fn chance_within(groups: &[Side], spread: f64) -> f64 {
    let both = groups.iter().filter(|side| side.runs().iter().all(|runs| *runs > 0));
    let (mut all, mut degrees) = (0.0, 0);
    for side in both {
        let categories = (0..CATEGORIES).filter(|&at| side.before[at] + side.after[at] > 0).count();
        all += plain(side);
        degrees += categories - 1;
    }
    if degrees == 0 { 1.0 } else { tail(all / spread, degrees) }
}

/// Counts below each border between categories that follow one another.
fn below_borders(side: &Side) -> Vec<Cell> {
    let told = (0..CATEGORIES).map(|at| [side.before[at], side.after[at]]);
    let mut below = [0; 2];
    let mut borders: Vec<Cell> = told
        .filter(|cell| cell[0] + cell[1] > 0)
        .map(|cell| {
            below = plus(below, cell);
            below
        })
        .collect();
    // Everything lies below the last one.
    borders.pop();
    borders
}

fn plus(one: Cell, other: Cell) -> Cell {
    [one[0] + other[0], one[1] + other[1]]
}

fn minus(all: Cell, some: Cell) -> Cell {
    [all[0] - some[0], all[1] - some[1]]
}

/// Half of a statistic from which on its tail is told; below that every chance counts as 1.
const FAR: f64 = 7.0;

/// Upper tail of the chi-squared distribution, exact for even degrees; for odd ones by the asymptotic series of the error function, good to one
/// part in a thousand in the far tail, which is all that is asked for.
fn tail(g: f64, degrees: usize) -> f64 {
    let x = g / 2.0;
    if x < FAR {
        return 1.0;
    }
    let mut sum;
    let mut term;
    if degrees.is_multiple_of(2) {
        (sum, term) = (1.0, 1.0);
        for i in 1..degrees / 2 {
            term *= x / i as f64;
            sum += term;
        }
    } else {
        let series = 1.0 - 1.0 / (2.0 * x) + 3.0 / (4.0 * x * x) - 15.0 / (8.0 * x * x * x);
        sum = series / (std::f64::consts::PI * x).sqrt();
        // x^a / Γ(a + 1) for a = 1/2, 3/2, …
        term = 2.0 * (x / std::f64::consts::PI).sqrt();
        for i in 1..=(degrees - 1) / 2 {
            sum += term;
            term *= x / (i as f64 + 0.5);
        }
    }
    (sum * (-x).exp()).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(before: &[u32], after: &[u32]) -> Side {
        let mut side = Side::default();
        side.before[..before.len()].copy_from_slice(before);
        side.after[..after.len()].copy_from_slice(after);
        side
    }

    #[test]
    fn the_tail_agrees_with_tables_of_the_chi_squared_distribution() {
        for (g, degrees, expected) in
            [(23.928, 1, 1e-6), (27.631, 2, 1e-6), (30.665, 3, 1e-6), (33.377, 4, 1e-6), (19.511, 1, 1e-5)]
        {
            let found = tail(g, degrees);
            assert!((found / expected - 1.0).abs() < 0.02, "{g} with {degrees}: {found}");
        }
    }

    #[test]
    fn a_rate_that_falls_to_nothing_is_certain_after_twenty_runs_and_chance_is_not() {
        assert!(chance(&side(&[60, 40], &[0, 40]), false, 1.0) < 1e-9);
        assert_eq!(chance(&side(&[60, 40], &[6, 4]), false, 1.0), 1.0);
        assert_eq!(chance(&side(&[500, 0], &[7, 1]), false, 1.0), 1.0);
    }

    #[test]
    fn one_category_of_many_and_a_number_that_goes_up_are_found_by_their_part() {
        // A tenth of the runs does what none did before, the other categories stay as they were.
        let rare = side(&[100, 40, 30, 20, 10, 0], &[135, 54, 40, 27, 14, 30]);
        let (cells, used) = merged(&rare);
        assert!(chance(&rare, false, 1.0) < tail(g(&cells[..used]), used - 1) / 10.0);
        // A tenth, two fifths, two fifths and a tenth of a number's range before; after it the middle has moved.
        let risen = side(&[20, 80, 80, 20], &[10, 40, 110, 40]);
        let (cells, used) = merged(&risen);
        assert!(chance(&risen, true, 1.0) < tail(g(&cells[..used]), used - 1));
        assert!(chance(&risen, true, 1.0) < chance(&risen, false, 1.0));
        assert_eq!(chance(&side(&[20, 80, 80, 20], &[20, 80, 80, 20]), true, 1.0), 1.0);
    }
}
