//! Evidence as checks look at it: per source and row whether there was a page, and the series that a rule selects.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::shown::Shown;
use super::spec::{Aggregate, Matcher, Operator, Select};
use crate::evidence::Evidence;
use crate::record::{Gap, GapReason, PodState};
use crate::scan::{Format, Limits, Wanted, scan};
use crate::series::{AGE, Column, INCARNATION, INVENTORY, LATE, SERIES_OF_METRIC};
use crate::text::{Place, PlacedGap, gaps_from_text, pods_from_text};
use crate::times::stands_ms;

/// One target of a source.
#[derive(Debug)]
pub(crate) struct Target<'e> {
    late: Option<&'e Column>,
    incarnation: Option<&'e Column>,
    series: Vec<(&'e str, &'e Column)>,
    /// Where series are that a page repeats while others of it are new.
    ages: BTreeMap<&'e str, &'e Column>,
    /// Rows that repeat an earlier one, with that one.
    repeats: BTreeMap<usize, usize>,
    /// Lives that differ from what was recorded, and the last row of each life.
    lives: Lives<'e>,
}

impl<'e> Target<'e> {
    /// Whether the target gave a page in `row`.
    pub(crate) fn seen(&self, row: usize) -> bool {
        self.late.is_some_and(|c| c.number(row).is_some())
    }

    /// The life of the container that answered; empty if it is not known.
    pub(crate) fn incarnation(&self, row: usize) -> &str {
        self.lives.corrected.get(&row).copied().unwrap_or_else(|| self.recorded_life(row))
    }

    fn recorded_life(&self, row: usize) -> &'e str {
        self.incarnation.and_then(|c| c.text(row)).unwrap_or_default()
    }

    /// Whether the next page came from another life: the pod's status may have been late, and this page be that life's first.
    pub(crate) fn ends_life(&self, row: usize) -> bool {
        self.lives.last_rows.contains(&row)
    }

    /// The row whose values stand for `row`: itself, or the one that it repeats.
    pub(crate) fn standing(&self, row: usize) -> usize {
        self.repeats.get(&row).copied().unwrap_or(row)
    }

    /// When the target was read, in milliseconds since slot 0.
    pub(crate) fn time_ms(&self, planned_ms: u64, row: usize) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a run are far below 2^53")]
        let planned = planned_ms as f64;
        planned + self.late.and_then(|c| c.number(row)).unwrap_or_default()
    }
}

/// What is known of a target's lives beyond the recorded column.
#[derive(Debug, Default)]
struct Lives<'e> {
    corrected: BTreeMap<usize, &'e str>,
    last_rows: BTreeSet<usize>,
}

/// By so many milliseconds the clock of a node may be behind the one that times of pages are read from.
const CLOCKS_MS: f64 = 10_000.0;

/// When a life surely answered by its node's clock: the second after the one in which it started, in milliseconds since the epoch.
fn started_ms(life: &str) -> Option<i64> {
    let (_, seconds) = life.rsplit_once('@')?;
    seconds.parse::<i64>().ok()?.checked_add(1)?.checked_mul(1000)
}

/// The evidence, sorted by source and target.
pub(crate) struct View<'e> {
    pub(crate) evidence: &'e Evidence,
    targets: BTreeMap<(&'e str, &'e str), Target<'e>>,
    /// Of the rows that have any.
    gaps: BTreeMap<usize, Vec<PlacedGap>>,
    /// What the distinct texts of the pods column say; `None` for one that is not readable.
    pictures: Vec<Option<Vec<PodState>>>,
}

/// What a source gave in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Row {
    /// A page of each of its targets; at least one of them is new.
    Pages,
    /// Nothing new at all: the metrics' own times were those of the look before.
    Repeated,
    /// At least one of its targets gave nothing.
    Gap(Gap),
}

impl<'e> View<'e> {
    pub(crate) fn of(evidence: &'e Evidence) -> Self {
        let mut targets: BTreeMap<(&str, &str), Target<'_>> = BTreeMap::new();
        for (name, column) in &evidence.table.columns {
            let Some((place, series)) = name.split_once(' ') else { continue };
            let Some((source, target)) = place.split_once('/') else { continue };
            let entry = targets.entry((source, target)).or_insert(Target {
                late: None,
                incarnation: None,
                series: Vec::new(),
                ages: BTreeMap::new(),
                repeats: BTreeMap::new(),
                lives: Lives::default(),
            });
            match (series, series.strip_prefix(AGE)) {
                (LATE, _) => entry.late = Some(column),
                (INCARNATION, _) => entry.incarnation = Some(column),
                (_, Some(repeated)) => {
                    entry.ages.insert(repeated, column);
                }
                (series, None) => entry.series.push((series, column)),
            }
        }
        let unreadable = |text: &str| {
            let gap = Gap::new(GapReason::Other, format!("unreadable gap {text}"));
            vec![PlacedGap { place: Place::Everywhere, gap }]
        };
        let gaps = (0..evidence.table.rows()).filter_map(|row| {
            let text = evidence.table.gaps.get(row)?;
            Some((row, gaps_from_text(text).unwrap_or_else(|| unreadable(text))))
        });
        let gaps = gaps.collect();
        let pictures = evidence.table.pods.distinct().iter().map(|text| pods_from_text(text)).collect();
        let mut view = Self { evidence, targets, gaps, pictures };
        view.place_repeats();
        view.correct_lives();
        view
    }

    /// Finds, for each row in which a target had nothing new, the page that it repeats. One that is too old stands for nothing.
    fn place_repeats(&mut self) {
        let longest = self.stands_ms();
        let run = &self.evidence.run;
        let repeated = |placed: &PlacedGap| match &placed.place {
            Place::Target { source, target } if placed.gap.reason == GapReason::Repeated => {
                Some((source.clone(), target.clone()))
            }
            Place::Target { .. } | Place::Everywhere | Place::Pods => None,
        };
        for (&row, gaps) in &self.gaps {
            for (source, target) in gaps.iter().filter_map(repeated) {
                let mut all = self.targets.iter_mut();
                let Some((_, found)) = all.find(|((s, t), _)| (*s, *t) == (&*source, &*target)) else { continue };
                let near = |before: &usize| run.planned_ms((row - before) as u64) <= longest;
                let before = (0..row).rev().take_while(near).find(|before| found.seen(*before));
                found.repeats.extend(before.map(|before| (row, before)));
            }
        }
    }

    /// A container's new ID reaches us after its first page may have. So a page that was read after the new one had started is not surely the
    /// old one's; and it is surely the new one's only where the clocks of node and reader may differ by [`CLOCKS_MS`] and it still is.
    fn correct_lives(&mut self) {
        let (run, rows) = (&self.evidence.run, self.evidence.table.rows());
        let several = |target: &&mut Target<'_>| target.incarnation.is_some_and(|lives| lives.distinct().len() > 1);
        for target in self.targets.values_mut().filter(several) {
            let seen: Vec<usize> = (0..rows).filter(|row| target.seen(*row)).collect();
            let mut lives = Lives::default();
            for (index, next) in seen.iter().enumerate().skip(1) {
                let life = target.recorded_life(*next);
                let before = |i: usize| seen.get(i).map_or("", |row| target.recorded_life(*row));
                let old = before(index - 1);
                if life == old || life.is_empty() || old.is_empty() {
                    continue;
                }
                let started = started_ms(life).map(|at| at.saturating_sub(run.start_unix_ms));
                for (i, row) in seen.iter().enumerate().take(index).rev() {
                    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a run are far below 2^53")]
                    let since = started.map(|s| target.time_ms(run.planned_ms(*row as u64), *row) - s as f64);
                    let Some(since) = since.filter(|since| *since >= 0.0 && before(i) == old) else {
                        lives.last_rows.insert(*row);
                        break;
                    };
                    lives.corrected.insert(*row, if since >= CLOCKS_MS { life } else { "" });
                }
            }
            target.lives = lives;
        }
    }

    /// The planned time of a row in milliseconds since slot 0.
    pub(crate) fn planned_ms(&self, row: usize) -> u64 {
        self.evidence.run.planned_ms(row as u64)
    }

    pub(crate) fn interval_ms(&self) -> u64 {
        self.evidence.run.interval_ms
    }

    /// So long a value stands for what was not seen anew: a minute, or two slots if that is more.
    pub(crate) fn stands_ms(&self) -> u64 {
        stands_ms(self.interval_ms())
    }

    /// When a life began, in milliseconds since slot 0 and to the second before, if it says so.
    pub(crate) fn began_ms(&self, life: &str) -> Option<i64> {
        Some(started_ms(life)?.saturating_sub(1000).saturating_sub(self.evidence.run.start_unix_ms))
    }

    /// What the API said about the pods in a row, if anything is recorded.
    pub(crate) fn pods(&self, row: usize) -> Option<Result<&[PodState], Gap>> {
        let picture = self.pictures.get(self.evidence.table.pods.which(row)?)?.as_deref();
        Some(picture.ok_or_else(|| Gap::new(GapReason::Other, "the pods column is not readable")))
    }

    /// All that was ever said of the pods of the soak's target: each distinct picture once.
    pub(crate) fn pictures(&self) -> impl Iterator<Item = &[PodState]> {
        self.pictures.iter().flatten().map(Vec::as_slice)
    }

    /// The names of all pods of the soak's target that were seen.
    pub(crate) fn pod_names(&self) -> BTreeSet<&str> {
        self.pictures().flatten().map(|pod| pod.name.as_str()).collect()
    }

    /// The gaps of a row; none for a row that is not recorded.
    pub(crate) fn gaps(&self, row: usize) -> &[PlacedGap] {
        self.gaps.get(&row).map_or(&[], Vec::as_slice)
    }

    /// The targets of a source.
    pub(crate) fn targets(&self, source: &str) -> impl Iterator<Item = (&str, &Target<'e>)> {
        self.targets.iter().filter(move |((s, _), _)| *s == source).map(|((_, name), target)| (*name, target))
    }

    /// All names of sources, inventories excluded.
    pub(crate) fn sources(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.targets.keys().map(|(source, _)| *source).filter(|s| *s != INVENTORY).collect();
        names.dedup();
        names
    }

    /// What a source gave in a row, for row after row.
    pub(crate) fn rows<'v>(&'v self, source: &'v str) -> impl Fn(usize) -> Row + 'v {
        let targets: Vec<_> = self.targets(source).map(|(_, target)| target).collect();
        move |row| {
            let mut repeated = false;
            for PlacedGap { place, gap } in self.gaps(row) {
                let here = match place {
                    Place::Everywhere => true,
                    Place::Pods => false,
                    Place::Target { source: s, .. } => s == source,
                };
                if here && gap.reason == GapReason::Repeated {
                    repeated = true;
                } else if here {
                    return Row::Gap(gap.clone());
                }
            }
            if targets.iter().any(|target| target.seen(row)) {
                Row::Pages
            } else if repeated {
                Row::Repeated
            } else {
                Row::Gap(Gap::new(GapReason::Missed, ""))
            }
        }
    }

    /// Whether every target of a source gave something new in a row: only then all of its counters are known as of now.
    pub(crate) fn all_new<'v>(&'v self, source: &'v str) -> impl Fn(usize) -> bool + 'v {
        let ours = move |p: &PlacedGap| matches!(&p.place, Place::Target { source: s, .. } if s == source);
        let gave = self.rows(source);
        move |row| gave(row) == Row::Pages && !self.gaps(row).iter().any(ours)
    }

    /// How many series of the selected metric stood on each target's page, whatever their labels: only kept for selections with
    /// conditions on labels.
    pub(crate) fn family(&self, select: &Select) -> Vec<Series<'_>> {
        if select.labels.is_empty() {
            return Vec::new();
        }
        let matcher = Matcher { label: "metric".into(), operator: Operator::In, values: vec![select.metric.clone()] };
        let family = Select {
            source: select.source.clone(),
            metric: SERIES_OF_METRIC.to_owned(),
            labels: vec![matcher],
            aggregate: None,
        };
        self.select(&family)
    }

    /// The series that `select` names.
    pub(crate) fn select<'v>(&'v self, select: &Select) -> Vec<Series<'v>> {
        let mut found = Vec::new();
        let reach = stands_ms(self.interval_ms()) / self.interval_ms().max(1);
        let reach = usize::try_from(reach).unwrap_or(usize::MAX);
        for (name, target) in self.targets(&select.source) {
            for (key, column) in &target.series {
                // Most keys can be told apart without taking them to pieces.
                if !key.contains(select.metric.as_str()) && !key.starts_with('{') {
                    continue;
                }
                let Some((metric, labels)) = parse_key(key) else { continue };
                let fits = |label: &str| labels.iter().find(|(n, _)| n == label).map(|(_, v)| v.as_str());
                if metric == select.metric && select.labels.iter().all(|m| m.matches(fits(&m.label))) {
                    let age = target.ages.get(key).copied();
                    found.push(Series { place: name, target, key, labels, column, age, reach });
                }
            }
        }
        found
    }
}

/// One selected series.
pub(crate) struct Series<'v> {
    /// The target's name.
    pub(crate) place: &'v str,
    pub(crate) target: &'v Target<'v>,
    /// Its canonical key.
    pub(crate) key: &'v str,
    labels: Vec<(String, String)>,
    column: &'v Column,
    age: Option<&'v Column>,
    /// So many rows on a value stands that is only repeated.
    reach: usize,
}

/// What a series has in a row.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Held {
    New(f64),
    /// Seen again with its old time: the value, and the row in which it was new.
    Repeated(f64, usize),
    /// Seen again for so long that its value stands no more.
    Outdated,
    Absent,
}

impl Series<'_> {
    pub(crate) fn value(&self, row: usize) -> Option<f64> {
        self.column.number(row)
    }

    /// Its value, or the one that still stands because its target had nothing new.
    pub(crate) fn standing(&self, row: usize) -> Option<f64> {
        match self.held(row) {
            Held::New(value) | Held::Repeated(value, _) => Some(value),
            Held::Outdated | Held::Absent => None,
        }
    }

    /// The row in which the value that stands in `row` was new.
    pub(crate) fn standing_row(&self, row: usize) -> usize {
        if let Held::Repeated(_, new) = self.held(row) { new } else { row }
    }

    /// Whether it is not on the page, as series may go with what their labels name.
    pub(crate) fn went(&self, row: usize) -> bool {
        !self.labels.is_empty() && self.held(row) == Held::Absent
    }

    /// Whether nothing is hidden behind a value of before.
    pub(crate) fn is_up_to_date(&self, row: usize) -> bool {
        matches!(self.held(row), Held::New(_) | Held::Absent)
    }

    fn held(&self, row: usize) -> Held {
        if let Some(value) = self.column.number(row) {
            return Held::New(value);
        }
        let shown = self.target.standing(row);
        if let Some(value) = self.column.number(shown) {
            return Held::Repeated(value, shown);
        }
        if self.age.is_none_or(|age| age.number(shown).is_none()) {
            return Held::Absent;
        }
        let mut before = (row.saturating_sub(self.reach)..shown).rev();
        let new = before.find_map(|new| Some(Held::Repeated(self.column.number(new)?, new)));
        new.unwrap_or(Held::Outdated)
    }

    fn label_value(&self, label: &str) -> Option<f64> {
        self.labels.iter().find(|(n, _)| n == label).and_then(|(_, v)| v.parse().ok())
    }
}

fn parse_key(key: &str) -> Option<(String, Vec<(String, String)>)> {
    if !key.contains('{') {
        return Some((key.to_owned(), Vec::new()));
    }
    let mut parsed = None;
    let page = format!("{key} 0\n");
    let limits = Limits { line_bytes: usize::MAX, ..Limits::default() };
    let own = |(name, value): (Cow<'_, str>, Cow<'_, str>)| (name.into_owned(), value.into_owned());
    let result = scan(page.as_bytes(), Format::Text, &limits, &Wanted::all(), &mut |sample| {
        parsed = Some((sample.name().into_owned(), sample.labels().map(own).collect()));
    });
    result.ok().and(parsed)
}

/// What a rule finds in one row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reading {
    /// One value of all selected series.
    Value(f64),
    /// Pages came, with nothing new; a value was seen shortly before.
    Repeated,
    /// Pages came, and the metric was not on them, or not on one whose target had shown it before.
    Absent,
    /// Pages came, and a value was not a finite number: infinite where one value of all selected series is that for certain, NaN otherwise.
    NotANumber(f64),
    /// No page.
    Gap(Gap),
}

/// The order of series by their labels, in which numbers stand as numbers, and before everything else.
fn by_labels(a: &[(String, String)], b: &[(String, String)]) -> Ordering {
    let number = |text: &str| text.parse::<f64>().ok().filter(|n| n.is_finite());
    let values = |a: &str, b: &str| match (number(a), number(b)) {
        // Large numbers may differ only as texts.
        (Some(x), Some(y)) => x.total_cmp(&y).then_with(|| a.cmp(b)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    };
    let labels = a.iter().zip(b).map(|((name_a, a), (name_b, b))| name_a.cmp(name_b).then_with(|| values(a, b)));
    labels.fold(Ordering::Equal, Ordering::then).then_with(|| a.len().cmp(&b.len()))
}

/// All readings of a rule, row by row, from row 0 to `rows`.
pub(crate) fn readings(view: &View<'_>, select: &Select, series: &[Series<'_>], rows: usize) -> Vec<Reading> {
    let aggregate = select.aggregate.as_ref().unwrap_or(&Aggregate::Sum);
    let family = view.family(select);
    let shown = Shown::of(view, select, series, rows);
    let mut ordered: Vec<&Series<'_>> = series.iter().collect();
    if *aggregate == Aggregate::Last {
        ordered.sort_by(|a, b| by_labels(&a.labels, &b.labels));
    }
    let gave = view.rows(&select.source);
    let reading = |row| match gave(row) {
        Row::Gap(gap) => Reading::Gap(gap),
        Row::Repeated | Row::Pages if stale(view, &select.source, row) => outdated(),
        Row::Repeated | Row::Pages => match aggregated(aggregate, &ordered, row) {
            // A page that stands still does not say that something is not there.
            Reading::Absent if family.iter().any(|f| f.held(row) == Held::Outdated) => outdated(),
            Reading::Absent => Reading::Absent,
            other @ (Reading::Value(_) | Reading::Repeated | Reading::NotANumber(_) | Reading::Gap(_)) => other,
        },
    };
    let complete = |row| match reading(row) {
        Reading::Value(_) | Reading::Repeated if shown.lacks(row) => Reading::Absent,
        other
        @ (Reading::Value(_) | Reading::Repeated | Reading::Absent | Reading::NotANumber(_) | Reading::Gap(_)) => other,
    };
    (0..rows).map(complete).collect()
}

/// Whether a target had nothing new for so long that its last values stand no more.
pub(crate) fn stale(view: &View<'_>, source: &str, row: usize) -> bool {
    view.gaps(row).iter().any(|placed| match &placed.place {
        Place::Target { source: s, target } if s == source && placed.gap.reason == GapReason::Repeated => {
            view.targets(source).find(|(name, _)| name == target).is_none_or(|(_, t)| t.standing(row) == row)
        }
        Place::Target { .. } | Place::Everywhere | Place::Pods => false,
    })
}

fn outdated() -> Reading {
    Reading::Gap(Gap::new(GapReason::Repeated, "the metrics' own times do not move on"))
}

fn aggregated(aggregate: &Aggregate, series: &[&Series<'_>], row: usize) -> Reading {
    let mut result: Option<f64> = None;
    let mut last: Option<&Series<'_>> = None;
    let mut disputed = false;
    let mut news = false;
    let mut odd: Option<f64> = None;
    for one in series {
        let value = match one.held(row) {
            Held::New(value) => {
                news = true;
                value
            }
            Held::Repeated(value, _) => value,
            Held::Outdated => return outdated(),
            Held::Absent => continue,
        };
        let value = match aggregate {
            Aggregate::LabelSum { label } => one.label_value(label).unwrap_or(f64::NAN),
            Aggregate::Sum | Aggregate::Max | Aggregate::Min | Aggregate::Last => value,
        };
        if !value.is_finite() {
            let value = if decides(aggregate, value) { value } else { f64::NAN };
            odd = Some(odd.map_or(value, |odd| odd + value));
            continue;
        }
        let again = last.replace(one).is_some_and(|last| last.labels == one.labels);
        disputed = again && (disputed || result != Some(value));
        result = Some(match (aggregate, result) {
            (_, None) | (Aggregate::Last, Some(_)) => value,
            (Aggregate::Sum | Aggregate::LabelSum { .. }, Some(sum)) => sum + value,
            (Aggregate::Max, Some(max)) => max.max(value),
            (Aggregate::Min, Some(min)) => min.min(value),
        });
    }
    if let Some(odd) = odd {
        return Reading::NotANumber(odd);
    }
    match (aggregate, last, result) {
        (Aggregate::Last, Some(last), _) if disputed => ambiguous(last.key),
        // Finite values may add up to what is not.
        (_, _, Some(value)) if !value.is_finite() => Reading::NotANumber(value),
        (_, _, Some(value)) if news => Reading::Value(value),
        (_, _, Some(_)) => Reading::Repeated,
        (_, _, None) => Reading::Absent,
    }
}

/// Whether an infinite value is that of the aggregate, whatever the finite others are.
fn decides(aggregate: &Aggregate, value: f64) -> bool {
    match aggregate {
        Aggregate::Sum => true,
        Aggregate::Max => value > 0.0,
        Aggregate::Min => value < 0.0,
        Aggregate::Last | Aggregate::LabelSum { .. } => false,
    }
}

fn ambiguous(key: &str) -> Reading {
    let why = "targets disagree about the last series by label order: aggregate by Max, Min or Sum, or use a source with one target";
    Reading::Gap(Gap::new(GapReason::Other, format!("{why} ({key})")))
}
