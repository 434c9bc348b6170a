//! A small world: slots of 30 s, a warm-up of 10 minutes, a measure of an hour, one source with one target unless told otherwise.

use seaworthy_soak::check::{CheckSpec, CheckVerdict, Judgement, Phases, Verdict, judge};
use seaworthy_soak::evidence::Evidence;
use seaworthy_soak::record::{
    ContainerState, FaultWindow, Gap, GapReason, InventoryLook, InventoryPoint, Look, ObjectRef, Page, PageSample,
    PodPhase, PodState, RunInfo, SlotRecord,
};
use seaworthy_soak::recorder::Recorder;

pub(crate) const INTERVAL_MS: u64 = 30_000;
/// The first judged slot.
pub(crate) const FROM: u64 = 20;
/// The slot after the last judged one.
pub(crate) const TO: u64 = 140;

pub(crate) const PHASES: Phases =
    Phases { warm_up_ms: 600_000, measure_ms: 3_600_000, settle_ms: 0, elapsed_ms: 4_200_000 };

pub(crate) struct World {
    recorder: Recorder,
}

/// What a slot shows.
#[derive(Clone)]
pub(crate) struct Slot(SlotRecord);

pub(crate) fn slot(slot: u64) -> Slot {
    let unix_ms = 1_700_000_000_000 + i64::try_from(slot * INTERVAL_MS).unwrap();
    Slot(SlotRecord { slot, unix_ms, looks: vec![], pods: None, inventories: vec![] })
}

impl Slot {
    /// A page of source `s`, target `t`, incarnation `c`.
    pub(crate) fn page(self, samples: &[(&str, f64)]) -> Self {
        self.page_of("s", "t", "c", samples)
    }

    pub(crate) fn page_of(mut self, source: &str, target: &str, incarnation: &str, samples: &[(&str, f64)]) -> Self {
        let samples = samples
            .iter()
            .map(|(series, value)| PageSample { series: (*series).into(), value: *value, timestamp_ms: None })
            .collect();
        let page = Page {
            late_ms: 1,
            incarnation: incarnation.into(),
            series_on_page: 10,
            samples,
            types: std::collections::BTreeMap::new(),
        };
        self.0.looks.push(Look { source: source.into(), target: target.into(), result: Ok(page) });
        self
    }

    /// A page whose metrics carry their own times.
    pub(crate) fn timed_page(
        self,
        source: &str,
        target: &str,
        incarnation: &str,
        samples: &[(&str, f64, i64)],
    ) -> Self {
        let plain: Vec<(&str, f64)> = samples.iter().map(|(series, value, _)| (*series, *value)).collect();
        let mut slot = self.page_of(source, target, incarnation, &plain);
        let page = slot.0.looks.last_mut().unwrap().result.as_mut().unwrap();
        for (sample, (_, _, time)) in page.samples.iter_mut().zip(samples) {
            sample.timestamp_ms = Some(*time);
        }
        slot
    }

    pub(crate) fn failed(self, reason: GapReason) -> Self {
        self.failed_of("t", reason)
    }

    /// No page of a target of source `s`.
    pub(crate) fn failed_of(mut self, target: &str, reason: GapReason) -> Self {
        self.0.looks.push(Look { source: "s".into(), target: target.into(), result: Err(Gap::new(reason, "")) });
        self
    }

    pub(crate) fn pods(mut self, pods: &[PodState]) -> Self {
        self.0.pods = Some(Ok(pods.into()));
        self
    }

    pub(crate) fn round(mut self, look: InventoryLook) -> Self {
        self.0.inventories.push(look);
        self
    }
}

pub(crate) fn pod(name: &str, restarts: u32, last_reason: &str) -> PodState {
    let container =
        ContainerState { name: "manager".into(), restarts, last_reason: last_reason.into(), last_exit_code: 0 };
    PodState {
        name: name.into(),
        uid: format!("uid-{name}"),
        phase: PodPhase::Running,
        reason: String::new(),
        candidate: true,
        terminating: false,
        containers: vec![container],
    }
}

impl World {
    pub(crate) fn empty() -> Self {
        let run = RunInfo { run: "r".into(), start_unix_ms: 1_700_000_000_000, interval_ms: INTERVAL_MS };
        Self { recorder: Recorder::new(run) }
    }

    /// All slots, each as `show` says; `None` is a slot that nobody looked at.
    pub(crate) fn of(show: impl Fn(u64) -> Option<Slot>) -> Self {
        Self::long(TO, show)
    }

    pub(crate) fn fault(&mut self, from_ms: u64, to_ms: u64) {
        self.recorder.fault(&FaultWindow { from_ms, to_ms, kind: "node lost".into() });
    }

    pub(crate) fn inventory(&mut self, point: InventoryPoint, objects: &[ObjectRef]) {
        self.recorder.inventory("check-0", point, objects);
    }

    /// The same for another number of slots.
    pub(crate) fn long(slots: u64, show: impl Fn(u64) -> Option<Slot>) -> Self {
        let mut world = Self::empty();
        for slot in (0..slots).filter_map(show) {
            world.recorder.record(&slot.0).unwrap();
        }
        world
    }

    /// The same for slots of another length, the times of which count.
    pub(crate) fn every(interval_ms: u64, slots: u64, show: impl Fn(u64) -> Slot) -> Self {
        let run = RunInfo { run: "r".into(), start_unix_ms: 1_700_000_000_000, interval_ms };
        let mut world = Self { recorder: Recorder::new(run) };
        for mut slot in (0..slots).map(show) {
            slot.0.unix_ms = 1_700_000_000_000 + i64::try_from(slot.0.slot * interval_ms).unwrap();
            world.recorder.record(&slot.0).unwrap();
        }
        world
    }

    /// A page in each slot with metric `m`.
    pub(crate) fn with_metric(value: impl Fn(u64) -> f64) -> Self {
        Self::of(|k| Some(slot(k).page(&[("m", value(k))])))
    }

    pub(crate) fn evidence(mut self) -> Evidence {
        let checkpoint = self.recorder.checkpoint();
        let run = self.recorder.run().clone();
        let objects = checkpoint.sealed.into_iter().chain([checkpoint.head]).collect();
        Evidence::decode(&run, objects, checkpoint.tip.as_deref()).unwrap()
    }

    pub(crate) fn judge(self, check: &str) -> CheckVerdict {
        self.judge_at(check, &PHASES)
    }

    pub(crate) fn judge_at(self, check: &str, phases: &Phases) -> CheckVerdict {
        let judgement = self.judge_all(&[check], phases);
        let verdict = judgement.checks.into_iter().next().unwrap();
        assert_eq!(verdict.verdict, judgement.verdict);
        verdict
    }

    pub(crate) fn judge_all(self, checks: &[&str], phases: &Phases) -> Judgement {
        let specs: Vec<CheckSpec> = checks.iter().zip(0..).map(|(check, n)| spec(check, n)).collect();
        judge(&specs, &self.evidence(), phases)
    }
}

/// `increase max=0` stands for a check of metric `m` of source `s`; JSON after the word is added as it is.
pub(crate) fn spec(check: &str, n: u32) -> CheckSpec {
    let (kind, rest) = check.split_once(' ').unwrap_or((check, ""));
    let (rule, rest) = rest.split_once('|').unwrap_or((rest, ""));
    let select = match kind {
        "restarts" | "survivors" | "leftovers" => "",
        _ => r#""source":"s","metric":"m","#,
    };
    let comma = if rest.is_empty() { "" } else { "," };
    let rule = format!("{select}{rule}");
    let text = format!(r#"{{"name":"check-{n}","{kind}":{{{}}}{comma}{rest}}}"#, rule.trim_end_matches(','));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

#[track_caller]
pub(crate) fn expect(verdict: &CheckVerdict, want: Verdict, words: &str) {
    assert_eq!(verdict.verdict, want, "{verdict:#?}");
    assert!(verdict.message.contains(words), "{}", verdict.message);
}
