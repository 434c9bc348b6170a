//! The types that a page declares for the metrics that checks ask for. A metric that was a gauge and is a counter now is another metric under
//! the same name: what it says can no longer be compared with what it said, so such a page is a gap and never a sample.
//!
//! Read after the page was validated, beside the scanner: the samples of a page do not depend on it, and few lines of a page are comments.
//! Deliberately absent: what a type means for a check, and untyped metrics, which claim nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::record::{Gap, GapReason};
use crate::scan::unescape;

/// The most metrics whose types are remembered.
const MAX_METRICS: usize = 4096;
/// What formats add to the name of a family for its samples.
const SUFFIXES: [&str; 6] = ["_total", "_bucket", "_count", "_sum", "_created", "_info"];

/// A declared type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MetricType {
    /// It only rises, but for restarts.
    Counter,
    /// A level.
    Gauge,
    /// Buckets.
    Histogram,
    /// Quantiles.
    Summary,
    /// One of those that only `OpenMetrics` has.
    Other,
}

impl MetricType {
    fn of(word: &str) -> Option<Self> {
        match word {
            "counter" => Some(Self::Counter),
            "gauge" => Some(Self::Gauge),
            "histogram" => Some(Self::Histogram),
            "summary" => Some(Self::Summary),
            "info" | "stateset" | "gaugehistogram" => Some(Self::Other),
            _ => None,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
            Self::Other => "metric of another type",
        }
    }
}

/// The types that a valid page declares for `metrics`, by the name of the family or that of its samples.
pub(crate) fn declared<'m>(
    page: &[u8],
    metrics: &(impl Iterator<Item = &'m str> + Clone),
) -> BTreeMap<String, MetricType> {
    let mut found = BTreeMap::new();
    for at in memchr::memchr_iter(b'#', page) {
        // Blanks before it do not count, as in the scanner.
        let before = page.get(..at).unwrap_or_default().iter().rev().find(|b| !matches!(b, b' ' | b'\t'));
        if before.is_some_and(|b| *b != b'\n') {
            continue;
        }
        let rest = page.get(at..).unwrap_or_default();
        let line = rest.get(..memchr::memchr(b'\n', rest).unwrap_or(rest.len())).unwrap_or_default();
        let Some((family, kind)) = std::str::from_utf8(line).ok().and_then(declaration) else { continue };
        let belongs = |metric: &&str| {
            let bare = || SUFFIXES.iter().find_map(|suffix| metric.strip_suffix(suffix));
            **metric == *family || bare() == Some(&*family)
        };
        for metric in metrics.clone().filter(belongs) {
            // The family of exactly this name comes before one that only leads to it.
            if *metric == *family || !found.contains_key(metric) {
                found.insert(metric.to_owned(), kind);
            }
        }
    }
    found
}

/// `# TYPE family kind`.
fn declaration(line: &str) -> Option<(std::borrow::Cow<'_, str>, MetricType)> {
    let blank = |rest: &&str| rest.starts_with([' ', '\t']);
    let rest = line.strip_prefix('#').filter(blank)?.trim_start_matches([' ', '\t']);
    let rest = rest.strip_prefix("TYPE").filter(blank)?.trim_matches([' ', '\t', '\r']);
    let (family, kind) = rest.rsplit_once([' ', '\t'])?;
    let family = family.trim_matches([' ', '\t']);
    let quoted = family.strip_prefix('"').and_then(|f| f.strip_suffix('"'));
    Some((unescape(quoted.unwrap_or(family)), MetricType::of(kind)?))
}

/// The types that a run's metrics have had from the first page on, by source and metric.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Types(BTreeMap<String, MetricType>);

impl Types {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Remembers what `other` does, where nothing is known yet.
    pub(crate) fn go_on_with(&mut self, other: &Self) {
        for (metric, kind) in &other.0 {
            if self.0.len() < MAX_METRICS {
                self.0.entry(metric.clone()).or_insert(*kind);
            }
        }
    }

    /// The gap for a page that declares another type than before; otherwise what it declares is remembered.
    pub(crate) fn check(&mut self, source: &str, declared: &BTreeMap<String, MetricType>) -> Option<Gap> {
        let mut new = Vec::new();
        for (metric, now) in declared {
            let key = [source, " ", metric].concat();
            match self.0.get(&key) {
                Some(before) if before != now => {
                    let (now, before) = (now.word(), before.word());
                    let detail = format!("{metric} is a {now} here and was a {before} before");
                    return Some(Gap::new(GapReason::Malformed, detail));
                }
                Some(_) => {}
                None => new.push((key, *now)),
            }
        }
        let room = MAX_METRICS.saturating_sub(self.0.len());
        self.0.extend(new.into_iter().take(room));
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(page: &str, metrics: &[&str]) -> Vec<(String, MetricType)> {
        declared(page.as_bytes(), &metrics.iter().copied()).into_iter().collect()
    }

    #[test]
    fn types_are_found_by_family_and_by_sample() {
        let page = "# HELP a b\n# TYPE a gauge\na 1\n# TYPE b counter\nb_total 2\n#\tTYPE\tc\thistogram\r\nc_count 1\n";
        assert_eq!(of(page, &["a"]), [("a".into(), MetricType::Gauge)]);
        assert_eq!(
            of(page, &["b_total", "c_count"]),
            [("b_total".into(), MetricType::Counter), ("c_count".into(), MetricType::Histogram)]
        );
        assert_eq!(of(page, &["d"]), []);
        assert_eq!(of("# TYPE \"a.b\" gauge\n", &["a.b"]), [("a.b".into(), MetricType::Gauge)]);
        assert_eq!(
            of("# TYPE a untyped\n#TYPEa gauge\n # TYPE x gauge\n# a TYPE a gauge\nb # TYPE a gauge\n", &["a"]),
            []
        );
        assert_eq!(of("a 1\n \t# TYPE a gauge\n", &["a"]), [("a".into(), MetricType::Gauge)]);
        // A family of the very name wins over one that leads to it, in any order.
        for page in ["# TYPE q_sum gauge\n# TYPE q summary\n", "# TYPE q summary\n# TYPE q_sum gauge\n"] {
            assert_eq!(of(page, &["q_sum"]), [("q_sum".into(), MetricType::Gauge)]);
        }
    }

    #[test]
    fn a_change_is_told_and_not_remembered() {
        let mut types = Types::default();
        let page = |kind| BTreeMap::from([("m".to_owned(), kind)]);
        assert_eq!(types.check("s", &page(MetricType::Gauge)), None);
        for _ in 0..2 {
            let gap = types.check("s", &page(MetricType::Counter)).unwrap();
            assert_eq!(gap.to_string(), "Malformed: m is a counter here and was a gauge before");
        }
        assert_eq!(types.check("s", &BTreeMap::new()), None, "no claim is no contradiction");
        assert_eq!(types.check("other", &page(MetricType::Counter)), None);
        assert_eq!(types.check("s", &page(MetricType::Gauge)), None);
    }
}
