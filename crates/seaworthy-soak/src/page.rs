//! From the bytes of a page to the series that some check asks for.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::{CheckSpec, Matcher};
use crate::record::{Gap, GapReason, Page, PageSample};
use crate::row::too_many;
use crate::scan::{Format, Limits, Sample, ScanError, Wanted, scan, series_key};
use crate::series::SERIES_OF_METRIC;
use crate::types::declared;

/// What the checks of a run ask of one source.
#[derive(Debug, Clone, PartialEq)]
pub struct Wants {
    names: Wanted,
    selects: Vec<(String, Vec<Matcher>)>,
}

impl Wants {
    /// What `specs` ask of `source`.
    pub fn of(specs: &[CheckSpec], source: &str) -> Self {
        let mut selects: Vec<(String, Vec<Matcher>)> = Vec::new();
        for select in specs.iter().filter_map(|s| s.kind.select()).filter(|s| s.source == source) {
            let one = (select.metric.clone(), select.labels.clone());
            if !selects.contains(&one) {
                selects.push(one);
            }
        }
        Self { names: Wanted::names(selects.iter().map(|(metric, _)| metric.clone())), selects }
    }

    /// The metrics of which some check wants some series only.
    fn narrowed(&self) -> impl Iterator<Item = &str> {
        self.selects.iter().filter(|(_, matchers)| !matchers.is_empty()).map(|(metric, _)| metric.as_str())
    }

    /// Whether any check asks for the metric at all: a hint before its labels are known.
    pub fn metric(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Whether any check asks for this series.
    pub fn series<'a>(&self, name: &str, label: impl Fn(&str) -> Option<std::borrow::Cow<'a, str>>) -> bool {
        let fits = |m: &Matcher| m.matches(label(&m.label).as_deref());
        self.selects.iter().any(|(metric, matchers)| metric == name && matchers.iter().all(fits))
    }
}

/// Reads a page and keeps the series that some check asks for.
///
/// # Errors
/// A gap with the reason: the page is malformed, cut, over a bound, or shows one of the wanted series twice.
pub fn read_page(
    page: &[u8],
    format: Format,
    limits: &Limits,
    wants: &Wants,
    late_ms: i64,
    incarnation: &str,
) -> Result<Page, Gap> {
    let mut samples = Vec::new();
    let mut name_bytes = 0;
    let mut families: BTreeMap<&str, Family> = wants.narrowed().map(|metric| (metric, Family::default())).collect();
    let mut keep = |sample: &Sample<'_>| {
        if let Some(family) = families.get_mut(&*sample.name()) {
            family.add(sample);
        }
        // What is over a bound is known by the first series beyond it.
        if too_many(samples.len(), name_bytes).is_none() && wants.series(&sample.name(), |label| sample.label(label)) {
            let (series, value, timestamp_ms) = (sample.series_key(), sample.value, sample.timestamp_ms);
            name_bytes += series.len();
            samples.push(PageSample { series, value, timestamp_ms });
        }
    };
    let summary = scan(page, format, limits, &wants.names, &mut keep).map_err(|error| gap_of(&error))?;
    if let Some(gap) = too_many(samples.len(), name_bytes) {
        return Err(gap);
    }
    let mut seen = BTreeSet::new();
    if let Some(twice) = samples.iter().find(|s| !seen.insert(s.series.as_str())) {
        return Err(Gap::new(GapReason::Malformed, format!("{} stands on the page twice", twice.series)));
    }
    samples.extend(families.into_iter().map(|(metric, family)| PageSample {
        series: series_key(SERIES_OF_METRIC, [("metric".into(), metric.into())]),
        value: f64::from(family.series),
        timestamp_ms: family.newest.filter(|_| family.timed),
    }));
    let types = declared(page, &wants.selects.iter().map(|(metric, _)| metric.as_str()));
    Ok(Page { late_ms, incarnation: incarnation.to_owned(), series_on_page: summary.series as u64, samples, types })
}

/// The series of one metric, whatever their labels: how many, and how new they are.
struct Family {
    series: u32,
    newest: Option<i64>,
    /// Whether every one of them carries its own time.
    timed: bool,
}

impl Default for Family {
    fn default() -> Self {
        Self { series: 0, newest: None, timed: true }
    }
}

impl Family {
    fn add(&mut self, sample: &Sample<'_>) {
        self.series += 1;
        self.timed &= sample.timestamp_ms.is_some();
        self.newest = self.newest.max(sample.timestamp_ms);
    }
}

/// The gap that a refused page leaves.
pub fn gap_of(error: &ScanError) -> Gap {
    let reason = if error.over_limit() {
        if matches!(error.expected, crate::scan::Expected::FewerSeries(_)) {
            GapReason::TooManySeries
        } else {
            GapReason::TooLarge
        }
    } else if error.cut_short() {
        GapReason::Truncated
    } else {
        GapReason::Malformed
    };
    Gap::new(reason, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wants() -> Wants {
        let specs: Vec<CheckSpec> = serde_json::from_str(
            r#"[{"name":"a","increase":{"source":"s","metric":"m_total","max":0,"labels":[{"label":"code","values":["500"]}]}},
                {"name":"b","bound":{"source":"s","metric":"up","min":1}},
                {"name":"c","bound":{"source":"other","metric":"x","min":1}},
                {"name":"d","restarts":{}}]"#,
        )
        .unwrap();
        Wants::of(&specs, "s")
    }

    fn read(page: &str) -> Result<Page, Gap> {
        read_page(page.as_bytes(), Format::Text, &Limits { series: 6, ..Limits::default() }, &wants(), 3, "c1")
    }

    #[test]
    fn only_what_is_asked_for_is_kept() {
        let page = read("m_total{code=\"200\"} 9\nm_total{code=\"500\"} 1\nx 4\nup 1 5\n").unwrap();
        let series: Vec<_> = page.samples.iter().map(|s| s.series.as_str()).collect();
        assert_eq!(series, ["m_total{code=\"500\"}", "up", "seaworthy_series_of_metric{metric=\"m_total\"}"]);
        assert_eq!(page.samples[2].value.to_bits(), 2.0f64.to_bits());
        assert_eq!(page.samples[1].timestamp_ms, Some(5));
        assert_eq!((page.series_on_page, page.late_ms, page.incarnation.as_str()), (4, 3, "c1"));
    }

    #[test]
    fn bad_pages_are_gaps() {
        assert_eq!(read("up 1\nup 2\n").unwrap_err().to_string(), "Malformed: up stands on the page twice");
        assert_eq!(read("<html>\n").unwrap_err().reason, GapReason::Malformed);
        for cut in ["up 1\nup_time 12", "up 1\nup_ti", "up 1\nup -", "up 1\nx{a=\"b", "up 1\n# TYPE x gau", "up 1 "] {
            let gap = read(cut).unwrap_err();
            assert_eq!(gap.reason, GapReason::Truncated, "{cut}: {gap}");
            assert!(gap.detail.ends_with("may have been cut"), "{gap}");
        }
        assert_eq!(read("<html></html>").unwrap_err().reason, GapReason::Malformed, "no cut makes that");
        let crlf = read("up 1\r\n").unwrap_err().to_string();
        assert!(
            crlf.starts_with("Malformed: ") && crlf.ends_with(r"the line ends with \r\n, this format wants \n alone"),
            "{crlf}"
        );
        assert_eq!(read(&"x 1\n".repeat(7)).unwrap_err().reason, GapReason::TooManySeries);
        assert_eq!(read(&format!("# {}\n", "x".repeat(20_000))).unwrap_err().reason, GapReason::TooLarge);
        assert_eq!(read("").unwrap().series_on_page, 0);
    }
}
