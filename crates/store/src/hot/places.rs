//! Where the rows of one trace are, by id.

use std::hash::Hash;

use super::{Map, Place};

/// Places of rows of one trace by id. A handful is looked through, more get a hash table.
pub(crate) struct Places<K> {
    list: Vec<(K, Place)>,
    /// Positions in `list`; `None` while it is short.
    by_id: Option<Box<Map<K, u32>>>,
}

impl<K> Default for Places<K> {
    fn default() -> Self {
        Self { list: Vec::new(), by_id: None }
    }
}

impl<K: Copy + Eq + Hash> Places<K> {
    /// Ids from which on there is a hash table.
    const MANY: usize = 32;

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn at(&self, id: K) -> Option<usize> {
        match &self.by_id {
            Some(by_id) => by_id.get(&id).map(|at| *at as usize),
            None => self.list.iter().position(|(other, _)| *other == id),
        }
    }

    /// Whether an id is there.
    pub fn contains(&self, id: K) -> bool {
        self.at(id).is_some()
    }

    /// Where the row of an id is.
    pub fn get(&self, id: K) -> Option<Place> {
        Some(self.list[self.at(id)?].1)
    }

    /// Adds an id that is not there.
    pub fn insert(&mut self, id: K, place: Place) {
        if let Some(by_id) = &mut self.by_id {
            by_id.insert(id, self.list.len() as u32);
        }
        self.list.push((id, place));
        if self.by_id.is_none() && self.list.len() >= Self::MANY {
            let places = self.list.iter().zip(0..).map(|((id, _), at)| (*id, at));
            self.by_id = Some(Box::new(places.collect()));
        }
    }

    /// Removes an id; gives back where its row is.
    pub fn remove(&mut self, id: K) -> Option<Place> {
        let at = self.at(id)?;
        let (_, place) = self.list.swap_remove(at);
        if let Some(by_id) = &mut self.by_id {
            by_id.remove(&id);
            if let Some((moved, _)) = self.list.get(at) {
                by_id.insert(*moved, at as u32);
            }
        }
        Some(place)
    }

    /// Every place.
    pub fn iter(&self) -> impl Iterator<Item = Place> {
        self.list.iter().map(|(_, place)| *place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_while_few_when_many_and_after_some_left() {
        let mut places = Places::default();
        for id in 0..100u32 {
            assert!(!places.contains(id));
            places.insert(id, Place { chunk: 7, row: id });
            assert_eq!(places.get(id / 2), Some(Place { chunk: 7, row: id / 2 }));
        }
        for id in (0..100).step_by(3) {
            assert_eq!(places.remove(id).map(|place| place.row), Some(id));
            assert_eq!(places.remove(id), None);
        }
        let mut left: Vec<u32> = places.iter().map(|place| place.row).collect();
        left.sort_unstable();
        assert_eq!(left, (0..100).filter(|id| id % 3 != 0).collect::<Vec<_>>());
        assert!(left.iter().all(|id| places.get(*id).is_some_and(|place| place.row == *id)));
    }
}
