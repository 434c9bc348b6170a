//! Visits on a played API server that does not give the evidence.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use clap::Parser as _;
use http::{Request, Response};
use kube::{Client, client::Body};
use seaworthy_core::soak_test::{SoakTestPhase, decide};
use serde_json::{Value, json};

use super::*;
use crate::{Config, metrics::Metrics};

/// A soak that settled long ago and has until 2999.
fn soak(edit: impl FnOnce(&mut Value)) -> SoakTest {
    let mut soak = json!({
        "apiVersion": "seaworthy.dev/v1alpha1", "kind": "SoakTest",
        "metadata": {"name": "soak", "namespace": "n", "uid": "uid"},
        "spec": {
            "targetRef": {"kind": "Deployment", "name": "t"},
            "workload": {"task": {"image": "w", "timeout": "1m"}},
            "interval": "1s", "warmUp": "0s", "measure": "20s", "settle": "0s",
            "sources": [{"name": "page", "prometheus": {"port": 8080}}],
            "checks": [{"name": "level", "bound": {"source": "page", "metric": "m", "max": 5}}],
        },
        "status": {
            "turnTime": "2026-01-01T00:00:00Z", "startTime": "2026-01-01T00:00:00Z",
            "measureStartTime": "2026-01-01T00:00:00Z", "measureEndTime": "2026-01-01T00:00:20Z",
            "settleEndTime": "2026-01-01T00:00:20Z", "deadline": "2999-01-01T00:00:00Z",
        },
    });
    edit(&mut soak);
    serde_json::from_value(soak).unwrap()
}

/// What is observed where lists of ConfigMaps are answered so and nothing else is there, and how often they were asked for.
async fn observed(code: u16, answer: Value, soak: &SoakTest) -> (Observed, u32) {
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    let service = tower::service_fn(move |request: Request<Body>| {
        let evidence = request.uri().path().ends_with("/configmaps");
        counted.fetch_add(u32::from(evidence), Ordering::Relaxed);
        let none = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "message": "no",
            "code": 404});
        let (code, said) = if evidence { (code, answer.to_string()) } else { (404, none.to_string()) };
        async move { Response::builder().status(code).body(Body::from(said.into_bytes())) }
    });
    let ctx = Context::new(Client::new(service, "n"), Config::parse_from(["test"]), Metrics::default());
    let observed = Box::pin(observe(&ctx, soak)).await.unwrap();
    (observed, asked.load(Ordering::Relaxed))
}

fn forbidden() -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden",
        "message": "configmaps is forbidden", "code": 403})
}

#[tokio::test]
async fn evidence_that_may_not_be_read_is_a_fact_and_no_failure() {
    let (seen, asked) = observed(403, forbidden(), &soak(|_| {})).await;
    assert_eq!((seen.sampler.judgement.as_ref(), seen.sampler.broken.as_ref(), asked), (None, None, 1));
    let why = seen.sampler.unread.unwrap();
    assert!(why.contains("configmaps is forbidden"), "{why}");

    let late = soak(|soak| soak["status"]["deadline"] = json!("2026-01-02T00:00:00Z"));
    let (seen, asked) = observed(403, forbidden(), &late).await;
    let ending = decide(&seen, Timestamp::from_millis(1_800_000_000_000)).status.ending.unwrap();
    assert_eq!((ending.phase, asked), (SoakTestPhase::Inconclusive, 0), "{}", ending.message);
    let deleted = soak(|soak| soak["metadata"]["deletionTimestamp"] = json!("2026-01-02T00:00:00Z"));
    assert_eq!(observed(403, forbidden(), &deleted).await.1, 0, "nobody waits for a verdict");
}

#[tokio::test]
async fn nothing_is_no_evidence_where_some_was_stored() {
    let none = json!({"kind": "ConfigMapList", "apiVersion": "v1", "metadata": {}, "items": []});
    let (seen, _) = observed(200, none.clone(), &soak(|_| {})).await;
    assert!(seen.sampler.judgement.is_some() && seen.sampler.broken.is_none());
    let stored = soak(|soak| {
        soak["status"]["evidence"] = json!({"chainTip": "", "sealed": 0, "head": "soak-evidence-head"});
    });
    let (seen, _) = observed(200, none, &stored).await;
    assert_eq!(seen.sampler.judgement, None);
    assert!(seen.sampler.broken.is_some_and(|what| what.contains("head is missing")));
}
