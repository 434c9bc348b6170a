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

/// The lives of a series' target, row by row. One that is not known is the known one on both sides of it, or the first one; otherwise it
/// stays empty, for it may be the end of the one or the start of the other.
fn lives_of<'s>(series: &'s Series<'_>, rows: usize) -> Vec<&'s str> {
    let mut lives: Vec<&str> = (0..rows).map(|row| series.target.incarnation(row)).collect();
    let mut last: Option<(usize, &str)> = None;
    for row in 0..rows {
        let Some(life) = lives.get(row).copied().filter(|life| !life.is_empty()) else { continue };
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
    pub(super) fn of<'s, 'v>(series: &'s [Series<'v>], rows: usize) -> Self {
        let targets = one_of_each(series);
        let mut known: BTreeMap<Vec<(&str, &str)>, u32> = BTreeMap::new();
        let mut life = 0;
        let own: Vec<Vec<&str>> = targets.iter().map(|one| lives_of(one, rows)).collect();
        let (mut behind, mut before) = (Vec::new(), Vec::new());
        let lives = (0..rows).map(|row| {
            let page = |one: &Series<'_>| Some(one.target.standing(row)).filter(|page| one.target.seen(*page));
            behind.clear();
            let answered =
                |(one, own): (&&'s Series<'v>, &Vec<&'s str>)| Some((one.place, own.get(page(one)?).copied()?));
            behind.extend(targets.iter().zip(&own).filter_map(answered));
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
