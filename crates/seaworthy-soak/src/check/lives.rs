//! Lives: the values of a row come from some containers, and with other containers a level begins anew.
//!
//! What makes a life is the set of containers that answered, never the series they showed: a sum that grows by new series grows.

use std::collections::BTreeMap;

use super::view::Series;

/// One series of each target.
pub(super) fn one_of_each<'s, 'v>(series: &'s [Series<'v>]) -> Vec<&'s Series<'v>> {
    let mut targets: Vec<&Series<'_>> = series.iter().collect();
    targets.sort_by_key(|one| one.place);
    targets.dedup_by_key(|one| one.place);
    targets
}

/// A life that is not known.
const UNKNOWN: u32 = 0;

/// The lives of a series' target, row by row, numbered from 1 in order of appearance. One that is not known is the known one on both sides of it, or
/// the first one; otherwise it stays [`UNKNOWN`], for it may be the end of the one or the start of the other.
fn lives_of(series: &Series<'_>, rows: usize) -> Vec<u32> {
    let mut numbers: BTreeMap<&str, u32> = BTreeMap::from([("", UNKNOWN)]);
    let mut before: (&str, u32) = ("", UNKNOWN);
    let number = |row| {
        let life = series.target.incarnation(row);
        // Most rows have the text of the one before, and each text is kept once.
        if !std::ptr::eq(life, before.0) {
            let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            before = (life, *numbers.entry(life).or_insert(next));
        }
        before.1
    };
    let mut lives: Vec<u32> = (0..rows).map(number).collect();
    let mut last: Option<(usize, u32)> = None;
    for row in 0..rows {
        let Some(life) = lives.get(row).copied().filter(|life| *life != UNKNOWN) else { continue };
        let unknown = last.map_or(0, |(before, _)| before + 1)..row;
        if last.is_none_or(|(_, before)| before == life) {
            lives.get_mut(unknown).into_iter().flatten().for_each(|own| *own = life);
        }
        last = Some((row, life));
    }
    lives
}

/// Which set of containers stands behind each row, numbered from 0 in order of appearance. A set that comes back is the same life.
pub(super) struct Lives(Vec<u32>);

impl Lives {
    /// The lives of the targets of `series`, each of which counts in the rows in which it gave a page.
    pub(super) fn of(series: &[Series<'_>], rows: usize) -> Self {
        let targets = one_of_each(series);
        let mut known: BTreeMap<Vec<(usize, u32)>, u32> = BTreeMap::new();
        let mut life = 0;
        let own: Vec<Vec<u32>> = targets.iter().map(|one| lives_of(one, rows)).collect();
        let (mut behind, mut before) = (Vec::new(), Vec::new());
        let lives = (0..rows).map(|row| {
            behind.clear();
            for (place, (one, own)) in targets.iter().zip(&own).enumerate() {
                let page = one.target.standing(row);
                let answered = own.get(page).filter(|_| one.target.seen(page));
                behind.extend(answered.map(|life| (place, *life)));
            }
            // Most rows have the same behind them as the one before.
            if !behind.is_empty() && behind != before && series.iter().any(|one| one.standing(row).is_some()) {
                let next = u32::try_from(known.len()).unwrap_or(u32::MAX);
                life = *known.entry(behind.clone()).or_insert(next);
                before.clone_from(&behind);
            }
            life
        });
        Self(lives.collect())
    }

    /// The life behind a row; that of the row before where there is no value.
    pub(super) fn at(&self, row: usize) -> u32 {
        self.0.get(row).copied().unwrap_or_default()
    }
}
