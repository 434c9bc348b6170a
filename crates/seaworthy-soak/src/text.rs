//! The text columns of evidence: gaps, pods, oldest objects. Readable by people, and read back exactly.
//!
//! Each is a list with `;` between its entries and `|` between an entry's parts. Names and reasons are cleaned when they are
//! recorded, so no part can hold a separator.

use std::fmt::Write as _;

use crate::record::{ContainerState, Gap, GapReason, ObjectAge, PodPhase, PodState, word};

/// Where a gap counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// The whole slot.
    Everywhere,
    /// The look at the pods.
    Pods,
    /// A look at a target of a source, or a round of the inventory (with the source `@inventory` and the check as target).
    Target {
        /// The source.
        source: String,
        /// The target.
        target: String,
    },
}

/// One gap in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlacedGap {
    pub(crate) place: Place,
    pub(crate) gap: Gap,
}

/// `*|Missed|detail; source/target|Timeout|no answer in 5 s`.
pub(crate) fn gaps_to_text(gaps: &[PlacedGap]) -> String {
    let mut out = String::new();
    for PlacedGap { place, gap } in gaps {
        if !out.is_empty() {
            out.push_str("; ");
        }
        let place = match place {
            Place::Everywhere => "*".to_owned(),
            Place::Pods => "pods".to_owned(),
            Place::Target { source, target } => format!("{source}/{target}"),
        };
        let _ = write!(out, "{place}|{:?}|{}", gap.reason, gap.detail);
    }
    out
}

/// Reads what [`gaps_to_text`] wrote. A reason that is not known becomes [`GapReason::Other`] with the reason in the detail.
pub(crate) fn gaps_from_text(text: &str) -> Option<Vec<PlacedGap>> {
    entries(text).map(gap_from_text).collect()
}

fn gap_from_text(entry: &str) -> Option<PlacedGap> {
    let mut parts = entry.splitn(3, '|');
    let (place, reason, detail) = (parts.next()?, parts.next()?, parts.next()?);
    let place = match place {
        "*" => Place::Everywhere,
        "pods" => Place::Pods,
        place => {
            let (source, target) = place.split_once('/')?;
            Place::Target { source: source.to_owned(), target: target.to_owned() }
        }
    };
    let known = GapReason::ALL.into_iter().find(|r| format!("{r:?}") == reason);
    let gap = match known {
        Some(reason) => Gap { reason, detail: detail.to_owned() },
        None => Gap { reason: GapReason::Other, detail: format!("{reason} {detail}").trim().to_owned() },
    };
    Some(PlacedGap { place, gap })
}

fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.split(';').map(str::trim_start).filter(|e| !e.is_empty())
}

/// No pods at all; an empty cell means that nobody looked.
const NO_PODS: &str = "none";

/// `name|uid|Running,reason=Evicted,foreign,terminating|container=2(OOMKilled:137)`.
pub(crate) fn pods_to_text(pods: &[PodState]) -> String {
    if pods.is_empty() {
        return NO_PODS.to_owned();
    }
    let mut out = String::new();
    for pod in pods {
        if !out.is_empty() {
            out.push_str("; ");
        }
        let _ = write!(out, "{}|{}|{:?}", word(&pod.name), word(&pod.uid), pod.phase);
        if !pod.reason.is_empty() {
            let _ = write!(out, ",reason={}", word(&pod.reason));
        }
        if !pod.candidate {
            out.push_str(",foreign");
        }
        if pod.terminating {
            out.push_str(",terminating");
        }
        for c in &pod.containers {
            let _ = write!(out, "|{}={}", word(&c.name), c.restarts);
            if !c.last_reason.is_empty() || c.last_exit_code != 0 {
                let _ = write!(out, "({}:{})", word(&c.last_reason).replace(':', ""), c.last_exit_code);
            }
        }
    }
    out
}

/// Reads what [`pods_to_text`] wrote.
pub(crate) fn pods_from_text(text: &str) -> Option<Vec<PodState>> {
    if text == NO_PODS { Some(Vec::new()) } else { entries(text).map(pod_from_text).collect() }
}

fn pod_from_text(entry: &str) -> Option<PodState> {
    let mut parts = entry.split('|');
    let (name, uid, state) = (parts.next()?.to_owned(), parts.next()?.to_owned(), parts.next()?);
    let mut marks = state.split(',');
    let phase = match marks.next()? {
        "Pending" => PodPhase::Pending,
        "Running" => PodPhase::Running,
        "Succeeded" => PodPhase::Succeeded,
        "Failed" => PodPhase::Failed,
        "Unknown" => PodPhase::Unknown,
        _ => return None,
    };
    let mut pod = PodState {
        name,
        uid,
        phase,
        reason: String::new(),
        candidate: true,
        terminating: false,
        containers: Vec::new(),
    };
    for mark in marks {
        match mark.split_once('=') {
            Some(("reason", reason)) => reason.clone_into(&mut pod.reason),
            None if mark == "foreign" => pod.candidate = false,
            None if mark == "terminating" => pod.terminating = true,
            _ => return None,
        }
    }
    pod.containers = parts.map(container_from_text).collect::<Option<_>>()?;
    Some(pod)
}

fn container_from_text(text: &str) -> Option<ContainerState> {
    let (name, rest) = text.split_once('=')?;
    let (restarts, last) = rest.split_once('(').unwrap_or((rest, ":0)"));
    let (reason, code) = last.strip_suffix(')')?.split_once(':')?;
    Some(ContainerState {
        name: name.to_owned(),
        restarts: restarts.parse().ok()?,
        last_reason: reason.to_owned(),
        last_exit_code: code.parse().ok()?,
    })
}

/// `pods|namespace|name|uid|612; …`.
pub(crate) fn oldest_to_text(objects: &[ObjectAge]) -> String {
    let one = |o: &ObjectAge| {
        format!("{}|{}|{}|{}|{}", word(&o.resource), word(&o.namespace), word(&o.name), word(&o.uid), o.age_seconds)
    };
    objects.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// Reads what [`oldest_to_text`] wrote.
pub(crate) fn oldest_from_text(text: &str) -> Option<Vec<ObjectAge>> {
    let one = |entry: &str| {
        let mut parts = entry.split('|').map(str::to_owned);
        Some(ObjectAge {
            resource: parts.next()?,
            namespace: parts.next()?,
            name: parts.next()?,
            uid: parts.next()?,
            age_seconds: parts.next()?.parse().ok()?,
        })
    };
    entries(text).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_read_back() {
        let gaps = vec![
            PlacedGap { place: Place::Everywhere, gap: Gap::new(GapReason::OperatorDown, "") },
            PlacedGap { place: Place::Pods, gap: Gap::new(GapReason::Forbidden, "pods | list") },
            PlacedGap {
                place: Place::Target { source: "s".into(), target: "pod/c".into() },
                gap: Gap::new(GapReason::Timeout, "no answer; gave up"),
            },
        ];
        let text = gaps_to_text(&gaps);
        assert_eq!(text, "*|OperatorDown|; pods|Forbidden|pods | list; s/pod/c|Timeout|no answer, gave up");
        assert_eq!(gaps_from_text(&text).unwrap(), gaps);
        assert_eq!(gaps_from_text("*|Sunspots|big").unwrap()[0].gap, Gap::new(GapReason::Other, "Sunspots big"));
        assert_eq!(gaps_from_text("no separators"), None);
    }

    #[test]
    fn pods_are_read_back() {
        let pod = PodState {
            name: "web-1".into(),
            uid: "u-1".into(),
            phase: PodPhase::Failed,
            reason: "Evicted".into(),
            candidate: false,
            terminating: true,
            containers: vec![
                ContainerState { name: "a".into(), restarts: 0, last_reason: String::new(), last_exit_code: 0 },
                ContainerState { name: "b".into(), restarts: 3, last_reason: "OOMKilled".into(), last_exit_code: 137 },
                ContainerState { name: "c".into(), restarts: 1, last_reason: String::new(), last_exit_code: -1 },
            ],
        };
        let plain = PodState { reason: String::new(), candidate: true, terminating: false, ..pod.clone() };
        for pods in [vec![], vec![pod.clone()], vec![pod, plain]] {
            assert_eq!(pods_from_text(&pods_to_text(&pods)).unwrap(), pods);
        }
        assert_eq!(pods_from_text("web|u|Sleeping"), None);
    }

    #[test]
    fn oldest_are_read_back() {
        let object = ObjectAge {
            resource: "pods".into(),
            namespace: String::new(),
            name: "n".into(),
            uid: "u".into(),
            age_seconds: 612,
        };
        let objects = vec![object.clone(), object];
        assert_eq!(oldest_from_text(&oldest_to_text(&objects)).unwrap(), objects);
        assert_eq!(oldest_from_text(""), Some(vec![]));
    }
}
