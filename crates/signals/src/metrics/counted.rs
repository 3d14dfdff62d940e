//! What a run has given to the counters: its share of every cell. Kept for each run, so that what it gives later is only
//! what is new.

/// A number of a series: the series, and which of its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell(u32);

/// Bits of a cell that say which number of its series it is: 64 numbers at most, which a test holds the table to.
pub(super) const CELL_BITS: u32 = 6;

impl Cell {
    /// A number of a series.
    pub(super) const fn new(series: u32, at: usize) -> Self {
        Self((series << CELL_BITS) | at as u32)
    }

    /// Its series.
    pub(super) const fn series(self) -> u32 {
        self.0 >> CELL_BITS
    }

    /// Which of the series' numbers.
    pub(super) const fn at(self) -> usize {
        (self.0 & ((1 << CELL_BITS) - 1)) as usize
    }
}

/// Shares by cell, in the order of cells.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counted(Vec<(Cell, f64)>);

impl Counted {
    /// Shares that are in the order of cells, each once.
    pub(super) fn in_order(shares: Vec<(Cell, f64)>) -> Self {
        Self(shares)
    }

    /// Sums up shares that come in any order.
    #[cfg(test)]
    fn of(mut shares: Vec<(Cell, f64)>) -> Self {
        shares.sort_by_key(|(cell, _)| *cell);
        shares.dedup_by(|(cell, share), (kept, sum)| {
            let same = cell == kept;
            if same {
                *sum += *share;
            }
            same
        });
        Self(shares)
    }

    /// The shares.
    pub fn shares(&self) -> &[(Cell, f64)] {
        &self.0
    }

    /// What has to be added to `before` to get this; only what is not zero.
    pub fn since(&self, before: &Self) -> Vec<(Cell, f64)> {
        if before.0.is_empty() {
            return self.0.iter().copied().filter(|(_, share)| *share != 0.0).collect();
        }
        let (mut new, mut old) = (self.0.iter().peekable(), before.0.iter().peekable());
        let mut changes = Vec::new();
        loop {
            let (cell, more) = match (new.peek(), old.peek()) {
                (None, None) => return changes,
                (Some((cell, share)), other) if other.is_none_or(|(at, _)| cell < at) => {
                    new.next();
                    (*cell, *share)
                }
                (Some((cell, share)), Some((at, had))) if cell == at => {
                    new.next();
                    old.next();
                    (*cell, share - had)
                }
                (_, Some((cell, had))) => {
                    old.next();
                    (*cell, -had)
                }
                (Some(_), None) => return changes,
            };
            if more != 0.0 {
                changes.push((cell, more));
            }
        }
    }

    /// As bytes: for each share the distance from the last cell, and the number; small whole numbers take one byte, and a number that
    /// one of the last few was (a run's duration is in many series) too.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * 3);
        let (mut last, mut recent) = (0, Recent::default());
        for (cell, share) in &self.0 {
            put(&mut bytes, u64::from(cell.0 - last));
            last = cell.0;
            // Even: a whole number, doubled. 1: any other, whose eight bytes follow. Odd: the one that was so many others ago.
            let whole = *share as u64;
            if whole as f64 == *share && whole < 1 << 52 {
                put(&mut bytes, whole << 1);
            } else if let Some(ago) = recent.ago(*share) {
                put(&mut bytes, (ago << 1) | 1);
            } else {
                put(&mut bytes, 1);
                bytes.extend_from_slice(&share.to_le_bytes());
                recent.note(*share);
            }
        }
        bytes
    }

    /// Reads [`Counted::encode`]; `None` where the bytes are not of that kind.
    pub fn decode(mut bytes: &[u8]) -> Option<Self> {
        let (mut shares, mut last, mut recent) = (Vec::new(), 0u32, Recent::default());
        while !bytes.is_empty() {
            last = last.checked_add(u32::try_from(take(&mut bytes)?).ok()?)?;
            let share = match take(&mut bytes)? {
                1 => {
                    let (number, rest) = bytes.split_first_chunk()?;
                    bytes = rest;
                    let share = f64::from_le_bytes(*number);
                    recent.note(share);
                    share
                }
                whole if whole & 1 == 0 => (whole >> 1) as f64,
                ago => recent.at(ago >> 1)?,
            };
            shares.push((Cell(last), share));
        }
        Some(Self(shares))
    }
}

/// Numbers that were written out, of which the last few can be named.
#[derive(Default)]
struct Recent(Vec<f64>);

impl Recent {
    /// As many as one byte can tell.
    const MOST: usize = 63;

    fn note(&mut self, share: f64) {
        self.0.push(share);
    }

    /// How many were noted since, it among them.
    fn ago(&self, share: f64) -> Option<u64> {
        let ago = self.0.iter().rev().take(Self::MOST).position(|noted| noted.to_bits() == share.to_bits())?;
        Some(ago as u64 + 1)
    }

    fn at(&self, ago: u64) -> Option<f64> {
        let ago = usize::try_from(ago).ok().filter(|ago| (1..=Self::MOST).contains(ago))?;
        self.0.len().checked_sub(ago).map(|at| self.0[at])
    }
}

/// Seven bits a byte, the lowest first.
fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(shares: &[(u32, f64)]) -> Counted {
        Counted::of(shares.iter().map(|(cell, share)| (Cell(*cell), *share)).collect())
    }

    #[test]
    fn shares_of_one_cell_add_up() {
        assert_eq!(counted(&[(5, 1.0), (2, 3.0), (5, 2.0)]), counted(&[(2, 3.0), (5, 3.0)]));
    }

    #[test]
    fn only_what_changed_is_added() {
        let (before, after) = (counted(&[(1, 1.0), (2, 5.0), (3, 1.0)]), counted(&[(1, 1.0), (2, 7.0), (4, 1.0)]));
        assert_eq!(after.since(&before), [(Cell(2), 2.0), (Cell(3), -1.0), (Cell(4), 1.0)]);
        assert_eq!(after.since(&after), []);
        assert_eq!(after.since(&Counted::default()).len(), 3);
        assert_eq!(Counted::default().since(&before).len(), 3);
    }

    #[test]
    fn bytes_read_back_and_damage_is_noticed() {
        let all = counted(&[(0, 0.0), (1, 1.0), (70, 1.5), (4_000_000, 1e18), (u32::MAX, 130.0), (7, -2.0)]);
        assert_eq!(Counted::decode(&all.encode()), Some(all.clone()));
        let bytes = all.encode();
        assert_eq!(Counted::decode(&bytes[..bytes.len() - 1]), None);
    }
    #[test]
    fn a_number_that_came_before_takes_a_byte() {
        let share = |at: u32| if at % 100 < 70 { f64::from(at % 7) + 0.1 } else { f64::from(at) + 0.25 };
        let all = counted(&(0..500).map(|at| (at, share(at))).collect::<Vec<_>>());
        assert_eq!(Counted::decode(&all.encode()), Some(all.clone()));
        let few = counted(&(0..70).map(|at| (at, share(at))).collect::<Vec<_>>());
        assert_eq!(few.encode().len(), 70 * 2 + 7 * 8);
        // The last one noted can be named, none from before.
        assert_eq!(Counted::decode(&[0, 3]), None);
    }
}
