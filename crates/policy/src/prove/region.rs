//! Sets of requests as boxes: for each variable of a request, the values that it may have, each variable apart.

use super::answer::Unknown;

/// A set of the values of one variable, by their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Values {
    words: Vec<u64>,
}

impl Values {
    pub(super) fn none(size: usize) -> Self {
        Self { words: vec![0; size.div_ceil(BITS)] }
    }

    /// The values, of so many, that pass the test.
    pub(super) fn that(size: usize, mut test: impl FnMut(usize) -> bool) -> Self {
        let mut values = Self::none(size);
        for at in 0..size {
            if test(at) {
                values.insert(at);
            }
        }
        values
    }

    pub(super) fn insert(&mut self, at: usize) {
        if let Some(word) = self.words.get_mut(at / BITS) {
            *word |= 1 << (at % BITS);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    pub(super) fn first(&self) -> Option<usize> {
        let at = self.words.iter().position(|word| *word != 0)?;
        self.words.get(at).map(|word| at * BITS + word.trailing_zeros() as usize)
    }

    pub(super) fn and(&self, other: &Self) -> Self {
        self.combined(other, |left, right| left & right)
    }

    pub(super) fn without(&self, other: &Self) -> Self {
        self.combined(other, |left, right| left & !right)
    }

    fn meets(&self, other: &Self) -> bool {
        self.words.iter().zip(&other.words).any(|(left, right)| left & right != 0)
    }

    fn is_within(&self, other: &Self) -> bool {
        self.words.iter().zip(&other.words).all(|(left, right)| left & !right == 0)
    }

    fn combined(&self, other: &Self, combine: impl Fn(u64, u64) -> u64) -> Self {
        Self { words: self.words.iter().zip(&other.words).map(|(left, right)| combine(*left, *right)).collect() }
    }
}

/// A box: the requests of which each variable has one of its values. A variable that is not there may have any.
///
/// **Invariant:** the variables are ordered, and each stands there once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Region {
    sides: Vec<(usize, Values)>,
}

impl Region {
    pub(super) fn everything() -> Self {
        Self::default()
    }

    /// The part of the box where the variable has one of these values.
    #[must_use]
    pub(super) fn narrowed(mut self, variable: usize, values: &Values) -> Self {
        match self.sides.binary_search_by_key(&variable, |(known, _)| *known) {
            Ok(at) => {
                if let Some((_, side)) = self.sides.get_mut(at) {
                    *side = side.and(values);
                }
            }
            Err(at) => self.sides.insert(at, (variable, values.clone())),
        }
        self
    }

    /// What both hold; none if that is nothing.
    pub(super) fn and(&self, other: &Self) -> Option<Self> {
        if !self.meets(other) {
            return None;
        }
        Some(other.sides.iter().fold(self.clone(), |region, (variable, values)| region.narrowed(*variable, values)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sides.iter().any(|(_, values)| values.is_empty())
    }

    pub(super) fn side(&self, variable: usize) -> Option<&Values> {
        let at = self.sides.binary_search_by_key(&variable, |(known, _)| *known).ok()?;
        self.sides.get(at).map(|(_, values)| values)
    }

    fn meets(&self, other: &Self) -> bool {
        !self.is_empty()
            && other
                .sides
                .iter()
                .all(|(variable, values)| self.side(*variable).map_or(!values.is_empty(), |own| own.meets(values)))
    }

    /// Whether the other box covers this one. It may say no where the other has a side that bounds nothing.
    fn is_within(&self, other: &Self) -> bool {
        other.sides.iter().all(|(variable, values)| self.side(*variable).is_some_and(|own| own.is_within(values)))
    }
}

/// How much work a search may still do.
#[derive(Debug)]
pub(super) struct Work {
    left: usize,
}

impl Work {
    pub(super) fn new(limit: usize) -> Self {
        Self { left: limit }
    }

    pub(super) fn spend(&mut self, steps: usize) -> Result<(), Unknown> {
        self.left = self.left.checked_sub(steps).ok_or(Unknown::TooMuchWork)?;
        Ok(())
    }
}

/// A box that lies in `region` and in none of the others; none if they cover it.
pub(super) fn remainder(
    region: &Region,
    without: &[Region],
    size_of: &impl Fn(usize) -> usize,
    work: &mut Work,
) -> Result<Option<Region>, Unknown> {
    if region.is_empty() {
        return Ok(None);
    }
    let relevant: Vec<&Region> = without.iter().filter(|other| other.meets(region)).collect();
    search(region, &relevant, size_of, work)
}

fn search(
    region: &Region,
    without: &[&Region],
    size_of: &impl Fn(usize) -> usize,
    work: &mut Work,
) -> Result<Option<Region>, Unknown> {
    work.spend(1 + without.len())?;
    let meeting: Vec<&Region> = without.iter().copied().filter(|other| other.meets(region)).collect();
    if meeting.iter().any(|other| region.is_within(other)) {
        return Ok(None);
    }
    // The one with the fewest bounds takes away the most, and splits the least.
    let Some((at, next)) = meeting.iter().enumerate().min_by_key(|(_, other)| other.sides.len()) else {
        return Ok(Some(region.clone()));
    };
    let rest: Vec<&Region> = meeting.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, it)| *it).collect();
    let mut inner = region.clone();
    for (variable, values) in &next.sides {
        let own = inner.side(*variable).cloned();
        let own = own.unwrap_or_else(|| Values::that(size_of(*variable), |_| true));
        let outside = own.without(values);
        if !outside.is_empty() {
            let piece = inner.clone().narrowed(*variable, &outside);
            if let Some(found) = search(&piece, &rest, size_of, work)? {
                return Ok(Some(found));
            }
        }
        inner = inner.narrowed(*variable, values);
    }
    Ok(None)
}

const BITS: usize = 64;
