//! What a check asks: plain values, converted from the API's types and stored beside the evidence.
//!
//! Durations are whole seconds, values are plain floats in the metric's own unit. Quantities such as `1Mi`, and the rules of the
//! API server, belong to the API crate; [`CheckSpec::validate`] repeats what a judgement relies on, because a stored spec may
//! come from elsewhere.

use serde::{Deserialize, Serialize};

/// One check over the evidence of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckSpec {
    /// The check's name, unique in its run.
    pub name: String,
    /// Time from the start of the run that this check does not judge; the run's own warm-up by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_up_seconds: Option<u64>,
    /// Whether the check decides, or only reports.
    #[serde(default)]
    pub enforcement: Enforcement,
    /// What it means when the metric is absent from pages that were read well.
    #[serde(default)]
    pub on_missing: OnMissing,
    /// Whether a failure that no further sample can undo ends the run at once.
    #[serde(default)]
    pub fail_fast: bool,
    /// The rule.
    #[serde(flatten)]
    pub kind: CheckKind,
}

/// Whether a check decides over the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Enforcement {
    /// The run succeeds only if this check passes.
    #[default]
    Required,
    /// Judged and reported, without influence on the run.
    Advisory,
}

/// What an absent metric means. An absent metric never passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OnMissing {
    /// The candidate lacks what it has to show: the check fails.
    #[default]
    Fail,
    /// The check cannot be judged.
    Inconclusive,
}

/// The rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CheckKind {
    /// A level stays within bounds.
    Bound(Bound),
    /// A counter rises by at most so much.
    Increase(Increase),
    /// A level or counter rises at most so far above its baseline.
    Growth(Growth),
    /// No leak.
    Trend(Trend),
    /// Restarts, out-of-memory kills, evictions and unexpected recreation of the target's pods.
    Restarts(Restarts),
    /// Objects that outlive their time.
    Survivors(Survivors),
    /// Work is done all the time.
    Progress(Progress),
    /// Objects that stay behind after the load.
    Leftovers(Leftovers),
    /// Not worse than the last published release.
    Baseline(Baseline),
}

impl CheckKind {
    /// The rule's word in the API.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Bound(_) => "bound",
            Self::Increase(_) => "increase",
            Self::Growth(_) => "growth",
            Self::Trend(_) => "trend",
            Self::Restarts(_) => "restarts",
            Self::Survivors(_) => "survivors",
            Self::Progress(_) => "progress",
            Self::Leftovers(_) => "leftovers",
            Self::Baseline(_) => "baseline",
        }
    }

    /// The series that the rule reads, if it reads metrics.
    pub fn select(&self) -> Option<&Select> {
        match self {
            Self::Bound(Bound { select, .. })
            | Self::Increase(Increase { select, .. })
            | Self::Growth(Growth { select, .. })
            | Self::Trend(Trend { select, .. })
            | Self::Progress(Progress { select, .. })
            | Self::Baseline(Baseline { select, .. }) => Some(select),
            Self::Restarts(_) | Self::Survivors(_) | Self::Leftovers(_) => None,
        }
    }
}

/// Which series a rule reads, and how many of them become one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Select {
    /// Name of the source.
    pub source: String,
    /// Name of the metric.
    pub metric: String,
    /// Conditions on labels; all must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Matcher>,
    /// How the series of one slot become one value. Without it `bound` holds each series to its bounds, and all others sum up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregate: Option<Aggregate>,
}

/// A condition on a label, in the words of Kubernetes' label selectors. An empty label is an absent one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Matcher {
    /// The label's name.
    pub label: String,
    /// How it is compared.
    #[serde(default)]
    pub operator: Operator,
    /// The values for `In` and `NotIn`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// How a label is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Operator {
    /// It has one of the values.
    #[default]
    In,
    /// It is absent or has none of the values.
    NotIn,
    /// It is there.
    Exists,
    /// It is absent.
    DoesNotExist,
}

impl Matcher {
    /// Whether a series with this value of the label (`None` when it has none) fits.
    pub fn matches(&self, value: Option<&str>) -> bool {
        let value = value.filter(|v| !v.is_empty());
        match self.operator {
            Operator::In => value.is_some_and(|v| self.values.iter().any(|w| w == v)),
            Operator::NotIn => value.is_none_or(|v| self.values.iter().all(|w| w != v)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}

/// How the matching series of one slot become one value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Aggregate {
    /// Their sum.
    Sum,
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// The last by label order, in which numbers stand as numbers: the newest where a label is a time or a running number. Where targets
    /// disagree about it there is no value.
    Last,
    /// The sum of a label's numeric values; the series' own values do not count.
    LabelSum {
        /// The label.
        label: String,
    },
}

/// A level stays within bounds: each sample, or a quantile of the samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bound {
    /// The series.
    #[serde(flatten)]
    pub select: Select,
    /// The least allowed value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The largest allowed value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Judge this quantile (0 to 1) of the samples instead of each one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantile: Option<f64>,
}

/// A counter rises by at most `max`: exact, across restarts, never extrapolated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Increase {
    /// The series.
    #[serde(flatten)]
    pub select: Select,
    /// The largest allowed increase.
    pub max: f64,
}

/// A level, or the increase of a counter, against a baseline taken after warm-up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Growth {
    /// The series.
    #[serde(flatten)]
    pub select: Select,
    /// How far above the baseline is allowed.
    pub max: f64,
    /// What is compared with the baseline.
    #[serde(default)]
    pub of: GrowthOf,
    /// How the baseline is taken.
    #[serde(default)]
    pub baseline: GrowthBaseline,
}

/// What growth looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum GrowthOf {
    /// The highest level after the baseline.
    #[default]
    Level,
    /// What a counter gained since the baseline, across restarts.
    Increase,
}

/// Where growth starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GrowthBaseline {
    /// The first sample after warm-up.
    #[default]
    First,
    /// The median of the first samples after warm-up.
    Median {
        /// For how long they are taken.
        seconds: u64,
    },
}

/// No leak: the slope of the series' floor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trend {
    /// The series.
    #[serde(flatten)]
    pub select: Select,
    /// Whether the level itself or its rate is followed.
    #[serde(default)]
    pub of: TrendOf,
    /// A rise per hour that is harmless. Default: 0.5 % of the baseline, and at least 1 MiB for metrics in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerable_per_hour: Option<f64>,
    /// A rise per hour that must be found. Default: four times the tolerable one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unacceptable_per_hour: Option<f64>,
    /// A level that must not be reached, such as the memory limit: the time to it is reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
}

/// What a trend follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum TrendOf {
    /// The level: memory, file descriptors, object counts. Its floor is judged.
    #[default]
    Level,
    /// The rate of a counter, per second: CPU time. The median of each block is judged.
    Rate,
}

/// Restarts of the target, whatever the candidate itself claims.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Restarts {
    /// How many are allowed, all causes together.
    #[serde(default)]
    pub max: u64,
}

/// Objects that are older than they should ever get.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Survivors {
    /// The age that an object of the inventory may reach.
    pub max_age_seconds: u64,
    /// How many objects may be older at the same time.
    #[serde(default)]
    pub max: u64,
}

/// At least `min` in each period while the load runs: a watch that went silent is found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// The series: a counter.
    #[serde(flatten)]
    pub select: Select,
    /// The least increase in a period.
    pub min: f64,
    /// The period. Default 10 minutes.
    #[serde(default = "ten_minutes")]
    pub period_seconds: u64,
}

fn ten_minutes() -> u64 {
    600
}

/// What was not there before the load is gone after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Leftovers {
    /// How many objects may stay.
    #[serde(default)]
    pub max: u64,
}

/// The median or another quantile against the last published release's evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Baseline {
    /// The series.
    #[serde(flatten)]
    pub select: Select,
    /// The quantile that is compared. Default 0.5.
    #[serde(default = "half")]
    pub quantile: f64,
    /// How much more than the baseline is allowed, as a fraction of it.
    pub max_rise: f64,
}

fn half() -> f64 {
    0.5
}

/// Why a check cannot be judged as it is written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {value}: {remedy}")]
pub struct SpecError {
    /// The field.
    pub field: &'static str,
    /// Its value.
    pub value: String,
    /// What to write instead.
    pub remedy: &'static str,
}

impl SpecError {
    fn new(field: &'static str, value: impl std::fmt::Display, remedy: &'static str) -> Self {
        Self { field, value: format!("{value}"), remedy }
    }
}

fn finite(field: &'static str, value: f64) -> Result<(), SpecError> {
    if value.is_finite() { Ok(()) } else { Err(SpecError::new(field, value, "give a finite number")) }
}

impl CheckSpec {
    /// Whether the check can be judged as it is written.
    ///
    /// # Errors
    /// The first field that makes no sense, with its value and a remedy.
    pub fn validate(&self) -> Result<(), SpecError> {
        if self.name.is_empty() {
            return Err(SpecError::new("name", "empty", "name the check"));
        }
        if let Some(select) = self.kind.select() {
            select.validate()?;
        }
        match &self.kind {
            CheckKind::Bound(bound) => bound.validate(),
            CheckKind::Increase(increase) => {
                increase.select.validate_of_counter("increase.aggregate")?;
                finite("increase.max", increase.max)
            }
            CheckKind::Growth(growth) => growth.validate(),
            CheckKind::Trend(trend) => trend.validate(),
            CheckKind::Progress(progress) => progress.validate(),
            CheckKind::Baseline(baseline) => baseline.validate(),
            CheckKind::Survivors(survivors) if survivors.max_age_seconds == 0 => {
                Err(SpecError::new("survivors.maxAge", 0, "give an age above zero"))
            }
            CheckKind::Survivors(_) | CheckKind::Restarts(_) | CheckKind::Leftovers(_) => Ok(()),
        }
    }
}

impl Select {
    fn validate(&self) -> Result<(), SpecError> {
        if self.metric.is_empty() {
            return Err(SpecError::new("metric", "empty", "name the metric"));
        }
        for matcher in &self.labels {
            let needs_values = matches!(matcher.operator, Operator::In | Operator::NotIn);
            if needs_values == matcher.values.is_empty() {
                let remedy = "In and NotIn need values, Exists and DoesNotExist take none";
                return Err(SpecError::new("labels.values", matcher.values.len(), remedy));
            }
        }
        Ok(())
    }

    /// What counters gained can be added or compared; which of them comes last, and what their labels say, has nothing to do with it.
    fn validate_of_counter(&self, field: &'static str) -> Result<(), SpecError> {
        let word = match &self.aggregate {
            Some(Aggregate::Last) => "Last",
            Some(Aggregate::LabelSum { .. }) => "LabelSum",
            None | Some(Aggregate::Sum | Aggregate::Max | Aggregate::Min) => return Ok(()),
        };
        Err(SpecError::new(field, word, "counters take Sum, Max or Min: use one of these, or leave it out"))
    }
}

impl Growth {
    fn validate(&self) -> Result<(), SpecError> {
        if self.of == GrowthOf::Increase {
            self.select.validate_of_counter("growth.aggregate")?;
        }
        finite("growth.max", self.max)
    }
}

impl Bound {
    fn validate(&self) -> Result<(), SpecError> {
        for (field, value) in [("bound.min", self.min), ("bound.max", self.max)] {
            value.map_or(Ok(()), |value| finite(field, value))?;
        }
        match (self.min, self.max) {
            (None, None) => Err(SpecError::new("bound", "without min and max", "give min, max or both")),
            (Some(min), Some(max)) if min > max => Err(SpecError::new("bound.min", min, "keep it at or below max")),
            _ => quantile("bound.quantile", self.quantile),
        }
    }
}

impl Trend {
    fn validate(&self) -> Result<(), SpecError> {
        if self.of == TrendOf::Rate {
            self.select.validate_of_counter("trend.aggregate")?;
        }
        if self.tolerable_per_hour.is_some_and(|d| !d.is_finite() || d < 0.0) {
            return Err(SpecError::new(
                "trend.tolerablePerHour",
                "negative or not a number",
                "give a rise of zero or more",
            ));
        }
        let tolerable = self.tolerable_per_hour.unwrap_or(0.0);
        match self.unacceptable_per_hour {
            Some(m) if !m.is_finite() || m <= tolerable => {
                Err(SpecError::new("trend.unacceptablePerHour", m, "give more than tolerablePerHour"))
            }
            _ => Ok(()),
        }
    }
}

impl Progress {
    fn validate(&self) -> Result<(), SpecError> {
        self.select.validate_of_counter("progress.aggregate")?;
        finite("progress.min", self.min)?;
        if self.min <= 0.0 {
            return Err(SpecError::new("progress.min", self.min, "ask for an increase above zero"));
        }
        if self.period_seconds == 0 {
            return Err(SpecError::new("progress.period", 0, "give a period above zero"));
        }
        Ok(())
    }
}

impl Baseline {
    fn validate(&self) -> Result<(), SpecError> {
        quantile("baseline.quantile", Some(self.quantile))?;
        finite("baseline.maxRise", self.max_rise)
    }
}

fn quantile(field: &'static str, quantile: Option<f64>) -> Result<(), SpecError> {
    match quantile {
        Some(q) if !(0.0..=1.0).contains(&q) => Err(SpecError::new(field, q, "give a fraction from 0 to 1")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> CheckSpec {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn reads_what_people_write() {
        let spec = parse(r#"{"name":"n","warmUpSeconds":0,"increase":{"source":"s","metric":"m","max":0}}"#);
        assert_eq!(spec.warm_up_seconds, Some(0));
        assert_eq!(spec.enforcement, Enforcement::Required);
        assert_eq!(spec.on_missing, OnMissing::Fail);
        assert_eq!(spec.kind.word(), "increase");
        let text = serde_json::to_string(&spec).unwrap();
        assert_eq!(parse(&text), spec);
        let sum =
            r#"{"name":"n","bound":{"source":"s","metric":"m","aggregate":{"labelSum":{"label":"count"}},"max":5}}"#;
        let select = parse(sum).kind.select().cloned().unwrap();
        assert_eq!(select.aggregate, Some(Aggregate::LabelSum { label: "count".into() }));
    }

    #[test]
    fn senseless_specs_are_named() {
        for (text, field) in [
            (r#"{"name":"","restarts":{}}"#, "name"),
            (r#"{"name":"n","bound":{"source":"s","metric":"m"}}"#, "bound"),
            (r#"{"name":"n","bound":{"source":"s","metric":"m","min":2,"max":1}}"#, "bound.min"),
            (r#"{"name":"n","bound":{"source":"s","metric":"m","max":1,"quantile":1.5}}"#, "bound.quantile"),
            (r#"{"name":"n","increase":{"source":"s","metric":"","max":1}}"#, "metric"),
            (
                r#"{"name":"n","increase":{"source":"s","metric":"m","max":1,"labels":[{"label":"a"}]}}"#,
                "labels.values",
            ),
            (
                r#"{"name":"n","trend":{"source":"s","metric":"m","tolerablePerHour":4,"unacceptablePerHour":4}}"#,
                "trend.unacceptablePerHour",
            ),
            (r#"{"name":"n","trend":{"source":"s","metric":"m","tolerablePerHour":-4}}"#, "trend.tolerablePerHour"),
            (r#"{"name":"n","survivors":{"maxAgeSeconds":0}}"#, "survivors.maxAge"),
            (r#"{"name":"n","progress":{"source":"s","metric":"m","min":0}}"#, "progress.min"),
        ] {
            assert_eq!(parse(text).validate().unwrap_err().field, field, "{text}");
        }
        assert_eq!(parse(r#"{"name":"n","restarts":{"max":0}}"#).validate(), Ok(()));
    }

    #[test]
    fn labels_match_as_in_kubernetes() {
        let matcher = |operator, values: &[&str]| Matcher {
            label: "l".into(),
            operator,
            values: values.iter().map(|v| (*v).to_owned()).collect(),
        };
        assert!(matcher(Operator::In, &["a", "b"]).matches(Some("b")));
        assert!(!matcher(Operator::In, &["a"]).matches(None));
        assert!(matcher(Operator::NotIn, &["a"]).matches(None));
        assert!(!matcher(Operator::NotIn, &["a"]).matches(Some("a")));
        assert!(!matcher(Operator::Exists, &[]).matches(Some("")));
        assert!(matcher(Operator::DoesNotExist, &[]).matches(Some("")));
    }
}
