//! What a check looked at, for plots and tables: the same rows, readings and gains from which its verdict was made.
//!
//! A picture that shows something else than what was judged is worse than none, so this stands beside the judge and uses its parts.
//! Deliberately absent: how it is drawn.

use super::counter::{Gains, gains};
use super::growth;
use super::lives::Lives;
use super::progress::periods;
use super::restarts::{events, pods_in};
use super::spec::{CheckKind, CheckSpec, GrowthOf, Progress, Select, Trend, TrendOf};
use super::survivors::{failed_round, rounds};
use super::trend;
use super::view::{Reading, Series, View, readings};
use super::window::{Phases, Window};
use crate::evidence::Evidence;
use crate::text::PlacedGap;

/// So many lines of one check are worth drawing; of more, those that reach furthest are kept.
const LINES: usize = 12;

/// What a check looked at.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trace {
    /// What the values are: a metric, or what is counted.
    pub what: String,
    /// The values; one line, or one for each series that is judged by itself.
    pub lines: Vec<Line>,
    /// Lines that were left out because there are too many.
    pub left_out: usize,
    /// What the values are held against.
    pub limits: Vec<Limit>,
    /// The floors to which a trend's line is fitted: milliseconds since slot 0, and the value.
    pub floors: Vec<(f64, f64)>,
    /// What a trend's line is held against.
    pub slopes: Option<Slopes>,
    /// The judged time, in milliseconds since slot 0.
    pub judged_ms: (u64, u64),
    /// Where values are missing.
    pub gaps: Vec<Missing>,
}

/// Values in order of time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Line {
    /// The series, where several are shown.
    pub name: String,
    /// Its values.
    pub points: Vec<Point>,
}

/// The slopes per hour that a trend is held against, given or by default.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slopes {
    /// An interval above it fails.
    pub tolerable: f64,
    /// An interval below it passes.
    pub unacceptable: f64,
}

/// One value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Milliseconds since slot 0.
    pub ms: f64,
    /// The value.
    pub value: f64,
    /// Which life of the container this is, from 0; it changes with every restart or replacement.
    pub life: u32,
}

/// A level that values are held against.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// The level.
    pub value: f64,
    /// What it is.
    pub kind: LimitKind,
}

/// What a limit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitKind {
    /// The largest allowed value.
    Max,
    /// The least allowed value.
    Min,
    /// Where growth starts from.
    Baseline,
}

/// A stretch without values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Its first slot's time, in milliseconds since slot 0.
    pub from_ms: u64,
    /// The time of the slot after it.
    pub to_ms: u64,
    /// Why, as it was recorded for the first of its slots.
    pub reason: String,
}

/// What `spec` looked at. Total; works while the run goes on.
pub fn trace(spec: &CheckSpec, evidence: &Evidence, phases: &Phases) -> Trace {
    let view = View::of(evidence);
    let window = Window::new(&view, phases, spec.warm_up_seconds);
    let of = Tracer { view: &view, window };
    let trace = match &spec.kind {
        CheckKind::Bound(rule) => {
            let limits = [(rule.max, LimitKind::Max), (rule.min, LimitKind::Min)];
            let limits = limits.into_iter().filter_map(|(value, kind)| Some(Limit { value: value?, kind })).collect();
            if rule.select.aggregate.is_some() { of.level(&rule.select, limits) } else { of.each(&rule.select, limits) }
        }
        CheckKind::Increase(rule) => of.gained(&rule.select, vec![Limit { value: rule.max, kind: LimitKind::Max }]),
        CheckKind::Growth(rule) if rule.of == GrowthOf::Increase => {
            of.gained(&rule.select, vec![Limit { value: rule.max, kind: LimitKind::Max }])
        }
        CheckKind::Growth(rule) => {
            let limits = growth::level_of_baseline(&view, rule, &window).map_or_else(Vec::new, |baseline| {
                vec![
                    Limit { value: baseline, kind: LimitKind::Baseline },
                    Limit { value: baseline + rule.max, kind: LimitKind::Max },
                ]
            });
            of.level(&rule.select, limits)
        }
        CheckKind::Trend(rule) => {
            let limits = rule.limit.map(|value| Limit { value, kind: LimitKind::Max }).into_iter().collect();
            let (floors, slopes) = trend::fitted(&view, rule, &window).unzip();
            let drawn = if rule.of == TrendOf::Rate { of.rate(rule, limits) } else { of.level(&rule.select, limits) };
            Trace { floors: floors.unwrap_or_default(), slopes, ..drawn }
        }
        CheckKind::Baseline(rule) => of.level(&rule.select, Vec::new()),
        CheckKind::Progress(rule) => of.progress(rule),
        CheckKind::Restarts(rule) => of.restarts(rule.max),
        CheckKind::Survivors(rule) => of.survivors(&spec.name, rule.max),
        CheckKind::Leftovers(_) => Trace { what: "objects left behind".into(), ..Trace::default() },
    };
    Trace { judged_ms: (window.from_ms, window.to_ms), ..trace }
}

struct Tracer<'v> {
    view: &'v View<'v>,
    window: Window,
}

impl Tracer<'_> {
    fn rows(&self) -> usize {
        self.view.evidence.table.rows()
    }

    /// One value a row, from all selected series.
    fn level(&self, select: &Select, limits: Vec<Limit>) -> Trace {
        let series = self.view.select(select);
        let readings = readings(self.view, select, &series, self.rows());
        let lives = Lives::of(&series, self.rows());
        let points = readings.iter().enumerate().filter_map(|(row, reading)| match reading {
            Reading::Value(value) => Some(Point { ms: self.time(&series, row), value: *value, life: lives.at(row) }),
            Reading::Repeated | Reading::Absent | Reading::NotANumber(_) | Reading::Gap(_) => None,
        });
        let line = Line { name: String::new(), points: points.collect() };
        Trace { what: select.metric.clone(), lines: vec![line], limits, gaps: self.gaps(&readings), ..Trace::default() }
    }

    /// The rates of a counter in the judged time.
    fn rate(&self, rule: &Trend, limits: Vec<Limit>) -> Trace {
        let series = self.view.select(&rule.select);
        let readings = readings(self.view, &rule.select, &series, self.rows());
        let samples = trend::samples(self.view, rule, &self.window).into_iter();
        let points = samples.map(|s| Point { ms: s.seconds * 1000.0, value: s.value, life: s.incarnation });
        let line = Line { name: String::new(), points: points.collect() };
        let what = format!("rate of {} per second", rule.select.metric);
        Trace { what, lines: vec![line], limits, gaps: self.gaps(&readings), ..Trace::default() }
    }

    /// Each selected series by itself.
    fn each(&self, select: &Select, limits: Vec<Limit>) -> Trace {
        let series = self.view.select(select);
        let readings = readings(self.view, select, &series, self.rows());
        let mut found: Vec<(f64, Line)> = Vec::new();
        for one in &series {
            let lives = Lives::of(std::slice::from_ref(one), self.rows());
            let mut furthest = 0.0;
            let points = (0..self.rows()).filter_map(|row| {
                let value = one.value(row).filter(|v| v.is_finite())?;
                furthest = value.abs().max(furthest);
                Some(Point { ms: one.target.time_ms(self.view.planned_ms(row), row), value, life: lives.at(row) })
            });
            let line = Line { name: format!("{} {}", one.place, one.key), points: points.collect() };
            found.push((furthest, line));
        }
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        let left_out = found.len().saturating_sub(LINES);
        let lines = found.into_iter().take(LINES).map(|(_, line)| line).collect();
        Trace { what: select.metric.clone(), lines, left_out, limits, gaps: self.gaps(&readings), ..Trace::default() }
    }

    /// What counters gained since the judged time began.
    fn gained(&self, select: &Select, limits: Vec<Limit>) -> Trace {
        let what = format!("increase of {}", select.metric);
        self.counted(select, what, limits, |gains, _, rows| {
            rows.iter().filter_map(|row| Some((*row, *gains.by_row.get(row - self.window.from)?))).collect()
        })
    }

    /// What counters gained in the period before each row.
    fn progress(&self, rule: &Progress) -> Trace {
        let what = format!("increase of {} in {} s", rule.select.metric, rule.period_seconds);
        let limits = vec![Limit { value: rule.min, kind: LimitKind::Min }];
        let period = rule.period_seconds.saturating_mul(1000);
        self.counted(&rule.select, what, limits, |gains, series, rows| {
            let judged = rows.partition_point(|row| *row < self.window.reached);
            let periods = periods(self.view, rows.get(..judged).unwrap_or(rows), period);
            periods.map(|rows| (rows.end, gains.between(series, &rows))).collect()
        })
    }

    /// What becomes of counters, by the rows that have a value.
    fn counted(
        &self,
        select: &Select,
        what: String,
        limits: Vec<Limit>,
        values: impl FnOnce(&Gains, &[Series<'_>], &[usize]) -> Vec<(usize, f64)>,
    ) -> Trace {
        let series = self.view.select(select);
        let readings = readings(self.view, select, &series, self.rows());
        let lives = Lives::of(&series, self.rows());
        let gains = gains(self.view, select, &series, &self.window);
        let seen = |row: &usize| matches!(readings.get(*row), Some(Reading::Value(_)));
        let rows: Vec<usize> = self.window.closed(self.view).filter(seen).collect();
        let point = |(row, value)| Point { ms: self.time(&series, row), value, life: lives.at(row) };
        let points = values(&gains, &series, &rows).into_iter().map(point).collect();
        let line = Line { name: String::new(), points };
        Trace { what, lines: vec![line], limits, gaps: self.gaps(&readings), ..Trace::default() }
    }

    /// Restarts so far.
    fn restarts(&self, max: u64) -> Trace {
        let so_far = events(self.view, &self.window);
        #[expect(clippy::cast_precision_loss, reason = "counts of restarts are far below 2^53")]
        let points = so_far.iter().map(|(row, n)| Point { ms: self.planned(*row), value: *n as f64, life: 0 });
        let line = Line { name: String::new(), points: points.collect() };
        let missing = (0..self.rows()).map(|row| pods_in(self.view, row).err().map(|gap| gap.to_string()));
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let limits = vec![Limit { value: max as f64, kind: LimitKind::Max }];
        Trace { what: "restarts".into(), lines: vec![line], limits, gaps: self.stretches(missing), ..Trace::default() }
    }

    /// Objects that were older than they should get, in each round.
    fn survivors(&self, name: &str, max: u64) -> Trace {
        let points = rounds(self.view, name, 0..self.rows());
        let points = points.iter().map(|r| Point { ms: self.planned(r.row), value: r.older, life: 0 });
        let line = Line { name: String::new(), points: points.collect() };
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let limits = vec![Limit { value: max as f64, kind: LimitKind::Max }];
        let ours = |gap: &&PlacedGap| failed_round(&gap.place, name);
        // Outside of the judged time no round is owed: the task that makes them may be still to come, or gone as it should be.
        let judged = |row: &usize| self.window.rows().contains(row);
        let failed = |row: usize| self.view.gaps(row).iter().find(ours).map(|g| g.gap.to_string());
        let missing = (0..self.rows()).map(|row| Some(row).filter(judged).and_then(failed));
        let (what, gaps) = ("objects older than allowed".into(), self.stretches(missing));
        Trace { what, lines: vec![line], limits, gaps, ..Trace::default() }
    }

    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a run are far below 2^53")]
    fn planned(&self, row: usize) -> f64 {
        self.view.planned_ms(row) as f64
    }

    /// When the first of the series that have a value in `row` was read.
    fn time(&self, series: &[Series<'_>], row: usize) -> f64 {
        let here = series.iter().find(|s| s.value(row).is_some());
        here.map_or_else(|| self.planned(row), |s| s.target.time_ms(self.view.planned_ms(row), row))
    }

    fn gaps(&self, readings: &[Reading]) -> Vec<Missing> {
        self.stretches(readings.iter().map(|reading| match reading {
            Reading::Value(_) | Reading::Repeated => None,
            Reading::Absent => Some("the metric is absent from the page".to_owned()),
            Reading::NotANumber(_) => Some("not a finite number".to_owned()),
            Reading::Gap(gap) => Some(gap.to_string()),
        }))
    }

    /// Neighbouring rows without a value, together.
    fn stretches(&self, missing: impl Iterator<Item = Option<String>>) -> Vec<Missing> {
        let mut all: Vec<Missing> = Vec::new();
        let mut open = false;
        for (row, reason) in missing.enumerate() {
            let to_ms = self.view.planned_ms(row + 1);
            match (reason, all.last_mut().filter(|_| open)) {
                (Some(_), Some(last)) => last.to_ms = to_ms,
                (Some(reason), None) => all.push(Missing { from_ms: self.view.planned_ms(row), to_ms, reason }),
                (None, _) => {}
            }
            open = all.last().is_some_and(|last| last.to_ms == to_ms);
        }
        all
    }
}
