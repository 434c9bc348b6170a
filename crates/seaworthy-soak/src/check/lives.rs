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

/// The first life of a series' target that is known; empty if there is none.
fn first_life<'s>(series: &'s Series<'_>, rows: usize) -> &'s str {
    (0..rows).map(|row| series.target.incarnation(row)).find(|life| !life.is_empty()).unwrap_or_default()
}

/// Which set of containers stands behind each row, numbered from 0 in order of appearance. A set that comes back is the same life.
pub(super) struct Lives(Vec<u32>);

impl Lives {
    /// The lives of the targets of `series`, each of which counts in the rows in which it gave a page. A page whose life is not known is
    /// the last known one's, or the first one's.
    pub(super) fn of(series: &[Series<'_>], rows: usize) -> Self {
        let targets = one_of_each(series);
        let mut known: BTreeMap<Vec<(&str, &str)>, u32> = BTreeMap::new();
        let mut life = 0;
        let mut own: Vec<&str> = targets.iter().map(|one| first_life(one, rows)).collect();
        let (mut behind, mut before) = (Vec::new(), Vec::new());
        let lives = (0..rows).map(|row| {
            let page = |one: &&Series<'_>| Some(one.target.standing(row)).filter(|page| one.target.seen(*page));
            behind.clear();
            behind.extend(targets.iter().zip(&mut own).filter_map(|(one, own)| {
                let known = Some(one.target.incarnation(page(one)?)).filter(|life| !life.is_empty());
                *own = known.unwrap_or(own);
                Some((one.place, *own))
            }));
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
