//! Which samples of a page are new, by the metrics' own times.
//!
//! A page whose times stand still says nothing, however often it is read. Deliberately absent: whether a time is near now (the
//! recorder asks that first), and for how long a value stands that nobody renewed (that is judged).

use std::collections::BTreeMap;

use crate::record::PageSample;
use crate::series::is_count;

/// So long a value that is seen again with its old time still counts as seen, in milliseconds: a minute, or two slots if that is more.
pub(crate) fn stands_ms(interval_ms: u64) -> u64 {
    interval_ms.saturating_mul(2).max(60_000)
}

/// The own times that the last pages of each target showed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times(BTreeMap<String, Shown>);

#[derive(Debug, Clone)]
struct Shown {
    slot: u64,
    times: BTreeMap<String, i64>,
}

impl Times {
    /// For each sample of a page whether it is new; `None` if nothing on the page is.
    pub(crate) fn news(&self, target: &str, samples: &[PageSample]) -> Option<Vec<bool>> {
        let known = self.0.get(target).map(|shown| &shown.times);
        let before = |s: &PageSample| known.and_then(|times| times.get(&s.series)).copied();
        let new: Vec<bool> = samples.iter().map(|s| s.timestamp_ms.is_none_or(|t| before(s) != Some(t))).collect();
        // A count of ours has no time where its metric has none; beside metrics that have one it is no news of theirs.
        let tells = |s: &PageSample| s.timestamp_ms.is_some() || !is_count(&s.series);
        let timed = samples.iter().any(|s| s.timestamp_ms.is_some());
        let news = samples.iter().zip(&new).any(|(sample, new)| *new && tells(sample));
        (news || !timed).then_some(new)
    }

    /// Remembers what a page showed in `slot`.
    pub(crate) fn remember(&mut self, target: &str, slot: u64, samples: &[PageSample]) {
        let times: BTreeMap<_, _> = samples.iter().filter_map(|s| Some((s.series.clone(), s.timestamp_ms?))).collect();
        if times.is_empty() {
            self.0.remove(target);
        } else {
            self.0.insert(target.to_owned(), Shown { slot, times });
        }
    }

    /// Forgets what was last shown before `slot`: targets come and go.
    pub(crate) fn forget_before(&mut self, slot: u64) {
        self.0.retain(|_, shown| shown.slot >= slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(series: &str, timestamp_ms: Option<i64>) -> PageSample {
        PageSample { series: series.into(), value: 1.0, timestamp_ms }
    }

    #[test]
    fn only_new_times_and_no_times_are_news() {
        let mut times = Times::default();
        let count = "seaworthy_series_of_metric{metric=\"a\"}";
        let page = [sample("a", Some(5)), sample("b", Some(5)), sample(count, None)];
        assert_eq!(times.news("t", &page), Some(vec![true, true, true]));
        times.remember("t", 3, &page);
        assert_eq!(times.news("t", &page), None, "a count is no news");
        assert_eq!(times.news("u", &page), Some(vec![true, true, true]), "another target");
        let moved = [sample("a", Some(5)), sample("b", Some(6)), sample(count, None)];
        assert_eq!(times.news("t", &moved), Some(vec![false, true, true]));
        let untimed = [sample("a", Some(5)), sample("c", None)];
        assert_eq!(times.news("t", &untimed), Some(vec![false, true]));
        assert_eq!(times.news("t", &[]), Some(vec![]));
        assert_eq!(times.news("t", &[sample(count, None)]), Some(vec![true]), "nothing else was asked for");
        assert_eq!(times.news("t", &page[..1]), None);
        times.forget_before(3);
        assert_eq!(times.news("t", &page), None);
        times.forget_before(4);
        assert!(times.0.is_empty());
    }
}
