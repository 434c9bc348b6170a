//! The API server's own record of what was done, held against what we promise: whatever a test did, for every Release in it.
//!
//! I1 `publish-at-most-one-pod`: of each publish attempt one Job was created, unsuspended once, and one pod of it bound to a node; a further
//! attempt's Job came after a verify of the one before. `status-changes-something`: no status was written that is stored already. W: in runs
//! without a fault exactly what the plan says was written ([`clean`]). I6: what fails is not asked again and again. Deliberately absent: what a pod did; the API server does not know.

mod clean;

use std::{collections::BTreeMap, path::Path};

use anyhow::Result;
use jiff::Timestamp;
use seaworthy_audit::{Event, Object};

use crate::api::ADMIN;

/// The most requests of one kind about one object that may fail in a minute, once it has failed for a minute.
const FAILING_A_MINUTE: usize = 6;

/// What the log says.
#[derive(Debug, Default)]
pub struct Report {
    /// Releases that came as far as publishing.
    pub releases: usize,
    /// Publish Jobs that were created.
    pub publishes: usize,
    /// Publish Jobs that were unsuspended.
    pub unsuspends: usize,
    /// Publish pods that were bound to a node.
    pub pods: usize,
    /// Releases of runs without a fault that were held to W.
    pub exact: usize,
    /// Statuses of ours that were written.
    pub statuses: usize,
    /// What must not be.
    pub findings: Vec<String>,
}

/// One attempt to publish.
struct Attempt {
    release: String,
    namespace: String,
    job: String,
    unsuspended: usize,
    pods: usize,
}

#[derive(Default)]
struct Books {
    attempts: Vec<Attempt>,
    /// Verify Jobs by Release, in order: how many attempts there were when it was created.
    verified: BTreeMap<String, Vec<usize>>,
    /// When which request failed.
    failed: BTreeMap<String, Vec<Timestamp>>,
    clean: clean::Clean,
    report: Report,
}

/// Reads a log. `operator` says which users are operators.
///
/// # Errors
/// When it cannot be read.
pub fn check(log: &Path, operator: impl Fn(&str) -> bool) -> Result<Report> {
    let mut books = Books::default();
    let matters = [
        // W counts Leases and ConfigMaps too.
        &format!("\"namespace\":\"{}", clean::PREFIX),
        "\"resource\":\"jobs\"",
        "\"subresource\":\"binding\"",
        "\"apiGroup\":\"seaworthy.dev\"",
        "\"status\":\"Failure\"",
    ];
    seaworthy_audit::each(
        log,
        |line| matters.iter().any(|m| line.contains(m)),
        |event| {
            books.enter(&event, operator(event.user()));
        },
    )?;
    Ok(books.close())
}

impl Books {
    fn enter(&mut self, event: &Event, ours: bool) {
        // An operator in a test's process is the administrator.
        self.clean.enter(event, ours || event.user() == ADMIN);
        let (object, done, code) = (&event.object_ref, event.done(), event.code());
        match (event.verb.as_str(), object.resource.as_str(), object.subresource.as_str()) {
            ("create", "jobs", "") if done => self.created(event, object),
            ("patch", "jobs", "") if done => self.patched(event, object),
            ("create", "pods", "binding") if done => self.bound(object),
            ("update", _, "status") if done && object.api_group == "seaworthy.dev" => self.recorded(event, object),
            _ => {}
        }
        // Not there, and somebody was faster: answers, not failures. An event is sent once, whatever comes of it.
        if ours && code >= 400 && !matches!(code, 404 | 409) && object.resource != "events" {
            // Creates of different objects go to the same place.
            let named = event.request_object["metadata"]["name"].as_str();
            let what = format!("{} {} {}", event.verb, event.uri, named.unwrap_or_default());
            self.failed.entry(what).or_default().push(event.stage_timestamp);
        }
    }

    fn created(&mut self, event: &Event, object: &Object) {
        let request = &event.request_object;
        let meta = &request["metadata"];
        let owner = &meta["ownerReferences"][0];
        if owner["kind"] != "Release" || !owner["apiVersion"].as_str().unwrap_or_default().starts_with("seaworthy.dev/")
        {
            return;
        }
        let release = owner["uid"].as_str().unwrap_or_default().to_owned();
        let job = meta["name"].as_str().unwrap_or_default().to_owned();
        let before = self.attempts.iter().filter(|a| a.release == release).count();
        match meta["labels"]["seaworthy.dev/purpose"].as_str() {
            Some("publish") => {
                if request["spec"]["suspend"] != true {
                    self.report.findings.push(format!("I1: Job {}/{job} was created unsuspended", object.namespace));
                }
                if self.attempts.iter().any(|a| a.release == release && a.job == job) {
                    self.report
                        .findings
                        .push(format!("I1: Job {}/{job} was created twice for Release {release}", object.namespace));
                }
                let verified = self.verified.get(&release).is_some_and(|all| all.contains(&before));
                if before > 0 && !verified {
                    self.report.findings.push(format!(
                        "I1: Job {}/{job} was created before a verify of the attempt before it",
                        object.namespace
                    ));
                }
                self.attempts.push(Attempt {
                    release,
                    namespace: object.namespace.clone(),
                    job,
                    unsuspended: 0,
                    pods: 0,
                });
            }
            Some("verify") => self.verified.entry(release).or_default().push(before),
            _ => {}
        }
    }

    /// The newest attempt whose Job has this name, or whose pod has.
    fn attempt(&mut self, namespace: &str, of: impl Fn(&str) -> bool) -> Option<&mut Attempt> {
        self.attempts.iter_mut().rev().find(|a| a.namespace == namespace && of(&a.job))
    }

    fn patched(&mut self, event: &Event, object: &Object) {
        let request = &event.request_object;
        if request["spec"]["suspend"] != false {
            return;
        }
        let unconditional = request["metadata"]["uid"].is_null() || request["metadata"]["resourceVersion"].is_null();
        let Some(attempt) = self.attempt(&object.namespace, |job| job == object.name) else { return };
        attempt.unsuspended += 1;
        let twice = attempt.unsuspended > 1;
        for (wrong, what) in [(twice, "twice"), (unconditional, "without naming its UID and resourceVersion")] {
            if wrong {
                self.report
                    .findings
                    .push(format!("I1: Job {}/{} was unsuspended {what}", object.namespace, object.name));
            }
        }
    }

    fn bound(&mut self, object: &Object) {
        let of = |job: &str| object.name.strip_prefix(job).is_some_and(|rest| rest.starts_with('-') && rest.len() == 6);
        let Some(attempt) = self.attempt(&object.namespace, of) else { return };
        attempt.pods += 1;
        if attempt.pods > 1 {
            self.report
                .findings
                .push(format!("I1: {}/{} is a second pod of its publish Job", object.namespace, object.name));
        }
    }

    fn recorded(&mut self, event: &Event, object: &Object) {
        self.report.statuses += 1;
        let version = |of: &serde_json::Value| of["metadata"]["resourceVersion"].as_str().map(str::to_owned);
        let (asked, stored) = (version(&event.request_object), version(&event.response_object));
        let name = format!("{} {}/{}", object.resource, object.namespace, object.name);
        if !event.request_object.is_null() && asked.is_none() {
            self.report.findings.push(format!("the status of {name} was written without a resourceVersion"));
        }
        if asked.is_some() && asked == stored {
            self.report
                .findings
                .push(format!("status-changes-something: {name} was stored as it was, at {}", event.stage_timestamp));
        }
    }

    fn close(mut self) -> Report {
        let (exact, apart) = self.clean.close();
        self.report.exact = exact;
        self.report.findings.extend(apart);
        for (what, times) in &self.failed {
            if let Some(most) = too_often(times) {
                self.report.findings.push(format!("I6: `{what}` failed {most} times in a minute"));
            }
        }
        let mut releases: Vec<&str> = self.attempts.iter().map(|a| a.release.as_str()).collect();
        releases.sort_unstable();
        releases.dedup();
        self.report.releases = releases.len();
        self.report.publishes = self.attempts.len();
        self.report.unsuspends = self.attempts.iter().map(|a| a.unsuspended).sum();
        self.report.pods = self.attempts.iter().map(|a| a.pods).sum();
        self.report
    }
}

/// The most failures within a minute, not counting the first minute of a row of failures, if they are too many. A row ends where nothing
/// failed for three minutes.
fn too_often(times: &[Timestamp]) -> Option<usize> {
    let ms = |t: &Timestamp| t.as_millisecond();
    let mut times: Vec<i64> = times.iter().map(ms).collect();
    times.sort_unstable();
    let (mut row, mut late) = (times.first().copied()?, Vec::new());
    let mut before = row;
    for time in times {
        if time - before > 180_000 {
            row = time;
        }
        before = time;
        if time - row >= 60_000 {
            late.push(time);
        }
    }
    let within = |from: &i64| late.iter().filter(|t| (from..&(from + 60_000)).contains(t)).count();
    late.iter().map(within).max().filter(|most| *most > FAILING_A_MINUTE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn event(
        verb: &str,
        resource: &str,
        sub: &str,
        name: &str,
        code: u16,
        request: &Value,
        response: &Value,
    ) -> String {
        json!({"verb": verb, "user": {"username": "op"}, "requestURI": format!("/{resource}/{name}"),
            "objectRef": {"resource": resource, "subresource": sub, "namespace": "n", "name": name,
                "apiGroup": if resource == "releases" { "seaworthy.dev" } else { "" }},
            "responseStatus": {"code": code, "status": if code < 300 { "Success" } else { "Failure" }},
            "requestObject": request, "responseObject": response, "stageTimestamp": "2026-01-01T00:00:00Z"})
        .to_string()
    }

    fn job(name: &str, purpose: &str, suspend: bool) -> Value {
        json!({"metadata": {"name": name, "labels": {"seaworthy.dev/purpose": purpose},
            "ownerReferences": [{"apiVersion": "seaworthy.dev/v1alpha1", "kind": "Release", "uid": "u"}]}, "spec": {"suspend": suspend}})
    }

    fn create(name: &str, purpose: &str) -> String {
        event("create", "jobs", "", name, 201, &job(name, purpose, purpose == "publish"), &Value::Null)
    }

    fn unsuspend(name: &str) -> String {
        let patch = json!({"metadata": {"uid": "j", "resourceVersion": "1"}, "spec": {"suspend": false}});
        event("patch", "jobs", "", name, 200, &patch, &Value::Null)
    }

    fn bind(pod: &str) -> String {
        event("create", "pods", "binding", pod, 201, &Value::Null, &Value::Null)
    }

    fn said(lines: &[String]) -> Report {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("audit.log");
        std::fs::write(&log, lines.join("\n")).unwrap();
        check(&log, |user| user == "op").unwrap()
    }

    #[test]
    fn two_attempts_with_a_verify_between_them_are_as_promised() {
        let lines = [
            create("r-publish-1", "publish"),
            unsuspend("r-publish-1"),
            bind("r-publish-1-abcde"),
            create("r-verify-1-1", "verify"),
            create("r-publish-2", "publish"),
            unsuspend("r-publish-2"),
            bind("r-publish-2-abcde"),
        ];
        let report = said(&lines);
        assert_eq!(report.findings, [""; 0]);
        assert_eq!((report.releases, report.publishes, report.unsuspends, report.pods), (1, 2, 2, 2));
    }

    #[test]
    fn each_breach_is_found() {
        let first = create("r-publish-1", "publish");
        let breaches: [(&str, Vec<String>); 6] = [
            ("created twice", vec![first.clone(), first.clone()]),
            ("before a verify", vec![first.clone(), create("r-publish-2", "publish")]),
            ("unsuspended twice", vec![first.clone(), unsuspend("r-publish-1"), unsuspend("r-publish-1")]),
            ("second pod", vec![first.clone(), bind("r-publish-1-abcde"), bind("r-publish-1-fghij")]),
            (
                "created unsuspended",
                vec![event("create", "jobs", "", "x", 201, &job("x", "publish", false), &Value::Null)],
            ),
            (
                "without naming",
                vec![
                    first,
                    event("patch", "jobs", "", "r-publish-1", 200, &json!({"spec": {"suspend": false}}), &Value::Null),
                ],
            ),
        ];
        for (what, lines) in breaches {
            let report = said(&lines);
            assert!(report.findings.iter().any(|f| f.contains(what)), "{what}: {:?}", report.findings);
        }
    }

    #[test]
    fn a_status_that_is_stored_already_is_found() {
        let at = |version: &str| json!({"metadata": {"resourceVersion": version}});
        let update = |stored| event("update", "releases", "status", "r", 200, &at("1"), &at(stored));
        assert_eq!(said(&[update("2")]).findings, [""; 0]);
        assert!(said(&[update("1")]).findings[0].contains("status-changes-something"));
        let bare = event("update", "releases", "status", "r", 200, &json!({"metadata": {}}), &at("2"));
        assert!(said(&[bare]).findings[0].contains("without a resourceVersion"));
    }

    #[test]
    fn what_fails_all_the_time_is_found() {
        let at = |seconds: i64| Timestamp::from_second(seconds).unwrap();
        let busy: Vec<_> = (0..200).map(|n| at(n * 5)).collect();
        assert_eq!(too_often(&busy), Some(12));
        let patient: Vec<_> = [0, 1, 3, 7, 15, 31, 63, 120, 180, 240].map(at).into();
        assert_eq!(too_often(&patient), None);
    }
}
