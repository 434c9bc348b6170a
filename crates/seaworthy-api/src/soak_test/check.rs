//! Checks over samples and pods: one rule each.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use seaworthy_core::verdict::Enforcement;
use serde::{Deserialize, Serialize};

use super::inventory::{Leftovers, Survivors};
use crate::{Duration, Quantity, rules};

/// One rule over the samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::one_of("checks", &["bound", "increase", "growth", "trend", "progress", "baseline", "restarts", "survivors", "leftovers"]))]
#[x_kube(validation = Rule::new("!has(self.onMissing) || !(has(self.survivors) || has(self.leftovers))").message("onMissing goes with checks of metrics and pods: an inventory that finds nothing is always Inconclusive"))]
#[x_kube(validation = Rule::new("!has(self.failFast) || !self.failFast || !(has(self.trend) || has(self.baseline) || has(self.leftovers))").message("failFast goes with facts: no trend, baseline or leftover is certain before its measure is over"))]
pub struct Check {
    /// Its name.
    #[schemars(length(min = 1, max = 40), regex(pattern = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// Whether it can stop a release.
    #[serde(default)]
    pub enforcement: Enforcement,
    /// Its own warm-up instead of the soak's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_up: Option<Duration>,
    /// What it means when what it looks at is absent from pages that were read well: `Fail` unless given. It never passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_missing: Option<OnMissing>,
    /// Whether its failure ends the soak at once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fail_fast: bool,
    /// A series stays within bounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Bound>,
    /// A counter rises by no more than so much; restarts of the counter are accounted for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub increase: Option<Increase>,
    /// A level or a counter rises by no more than so much above its value after warm-up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub growth: Option<Growth>,
    /// A level does not rise for ever: no leak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trend: Option<Trend>,
    /// A counter rises by at least so much in every period: nothing has gone silent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// A series is not much higher than it was for the release that was published last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
    /// The target's containers restart no more than so often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarts: Option<Restarts>,
    /// No more than so many objects grow older than so long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub survivors: Option<Survivors>,
    /// Nothing stays behind after the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leftovers: Option<Leftovers>,
}

impl Check {
    /// The series that it reads, if it reads metrics.
    pub fn select(&self) -> Option<&Select> {
        let bound = self.bound.as_ref().map(|c| &c.select);
        let increase = || self.increase.as_ref().map(|c| &c.select);
        let growth = || self.growth.as_ref().map(|c| &c.select);
        let trend = || self.trend.as_ref().map(|c| &c.select);
        let progress = || self.progress.as_ref().map(|c| &c.select);
        let baseline = || self.baseline.as_ref().map(|c| &c.select);
        bound.or_else(increase).or_else(growth).or_else(trend).or_else(progress).or_else(baseline)
    }
}

/// What it means when what a check looks at is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum OnMissing {
    /// The candidate lacks what it has to show.
    #[default]
    Fail,
    /// The check cannot be judged.
    Inconclusive,
}

/// Which series a check reads, and how several of them become one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::label_of_label_sum())]
pub struct Select {
    /// One of `sources`.
    #[schemars(length(min = 1, max = 40))]
    pub source: String,
    /// The metric's name.
    #[schemars(length(min = 1, max = 200))]
    pub metric: String,
    /// Labels that a series must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 8, "additionalProperties" = {"type": "string", "maxLength": 256}))]
    pub match_labels: BTreeMap<String, String>,
    /// Conditions on labels; all must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub match_expressions: Vec<LabelMatcher>,
    /// How several series become one. Without it `bound` holds each series to its bounds, and all others add up. Of counters (`increase`,
    /// `progress`, `growth` of `Increase`, `trend` of `Rate`) it takes what each gained, so it is `Sum`, `Max` or `Min` there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregate: Option<Aggregate>,
    /// The label of `LabelSum`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub label: Option<String>,
}

/// A condition on a label of a series, in the words of Kubernetes' selectors. An empty label is an absent one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LabelMatcher {
    /// The label.
    #[schemars(length(min = 1, max = 100))]
    pub key: String,
    /// How it is compared.
    pub operator: LabelOperator,
    /// For `In` and `NotIn`, which need at least one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 256)))]
    pub values: Vec<String>,
}

/// How a label is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LabelOperator {
    /// It has one of the values.
    In,
    /// It is absent or has none of the values.
    NotIn,
    /// It is there.
    Exists,
    /// It is absent.
    DoesNotExist,
}

/// How several series become one value a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Aggregate {
    /// Added up.
    Sum,
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// The last by label order, in which numbers stand as numbers: the newest where a label is a time or a running number. Where targets
    /// disagree about it there is no sample.
    Last,
    /// The numbers in `label` added up, whatever the values are.
    LabelSum,
}

/// A series stays within bounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.min) || has(self.max)").message("bound: give min, max or both"))]
pub struct Bound {
    /// The series.
    #[serde(flatten)]
    pub select: Select,
    /// At least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Quantity>,
    /// At most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Quantity>,
    /// Hold this quantile of each series' samples to the bounds, from `0` to `1`, instead of every sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantile: Option<Quantity>,
}

/// A counter rises by no more than so much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::aggregate_of_counters("increase", "true"))]
pub struct Increase {
    /// The series.
    #[serde(flatten)]
    pub select: Select,
    /// At most.
    pub max: Quantity,
}

/// A level or a counter rises by no more than so much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::aggregate_of_counters("growth", "has(self.of) && self.of == 'Increase'"))]
pub struct Growth {
    /// The series.
    #[serde(flatten)]
    pub select: Select,
    /// At most so much above the baseline.
    pub max: Quantity,
    /// What is compared with the baseline: the level itself, or what a counter gained, across restarts.
    #[serde(default)]
    pub of: GrowthOf,
    /// The baseline is the median of the samples in this time after warm-up, instead of the first one; it ends before measure does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = rules::duration("baselineWindow", 1, 2_592_000, "between 1s and 720h"))]
    pub baseline_window: Option<Duration>,
}

/// What growth looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum GrowthOf {
    /// The highest level after the baseline.
    #[default]
    Level,
    /// What a counter gained since the baseline.
    Increase,
}

/// No leak: the slope of the series' floor, with an interval that holds under autocorrelation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::unacceptable_is_more())]
#[x_kube(validation = rules::aggregate_of_counters("trend", "has(self.of) && self.of == 'Rate'"))]
pub struct Trend {
    /// The series.
    #[serde(flatten)]
    pub select: Select,
    /// What is followed: the level itself (memory, file descriptors, object counts), or a counter's rate per second (CPU time).
    #[serde(default)]
    pub of: TrendOf,
    /// A rise per hour that is harmless. Without it: 0.5 % of the baseline, and at least 1Mi for metrics in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerable_per_hour: Option<Quantity>,
    /// A rise per hour that must be found; more than the tolerable one. Without it: four times as much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unacceptable_per_hour: Option<Quantity>,
    /// A level that must not be reached, such as the memory limit: the time to it is reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Quantity>,
}

/// What a trend follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum TrendOf {
    /// The level: its floor is judged.
    #[default]
    Level,
    /// The rate of a counter per second: the median of each block is judged.
    Rate,
}

/// A counter rises by at least so much in every period while the load runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::aggregate_of_counters("progress", "true"))]
pub struct Progress {
    /// The series: a counter.
    #[serde(flatten)]
    pub select: Select,
    /// At least, in each period; above zero.
    pub min: Quantity,
    /// The period.
    #[serde(default = "ten_minutes")]
    #[x_kube(validation = rules::duration("period", 1, 2_592_000, "between 1s and 720h"))]
    pub period: Duration,
}

const fn ten_minutes() -> Duration {
    Duration::minutes(10)
}

/// The median, or another quantile, against the evidence of the plan's last published Release, by the gate of the same name. Inconclusive
/// while there is none, and for a SoakTest that belongs to no Release: make it Advisory until something is published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Baseline {
    /// The series.
    #[serde(flatten)]
    pub select: Select,
    /// What is compared, from `0` to `1`: the median unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantile: Option<Quantity>,
    /// How much higher it may be, as a part of what it was: `"0.1"` for ten percent.
    pub max_rise: Quantity,
}

/// The target's containers restart no more than so often; from the pods' status, never from the candidate's own claims.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Restarts {
    /// Restarts, OOM kills, evictions and unexpected recreations, at most.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub max: u32,
}
