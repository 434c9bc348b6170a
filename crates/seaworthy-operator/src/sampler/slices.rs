//! The ready pods behind a Service, by its EndpointSlices. Never the Service's own address, and never an address that is not a pod's:
//! whoever can write an EndpointSlice must not be able to send us elsewhere.

use std::{net::IpAddr, sync::Arc};

use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::ResourceExt as _;

use super::{pods::PodView, watch::View};

/// What is kept of an EndpointSlice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SliceView {
    service: String,
    ready: Vec<(String, IpAddr)>,
}

impl View<EndpointSlice> for SliceView {
    fn of(slice: &EndpointSlice) -> Self {
        let service = slice.labels().get("kubernetes.io/service-name").cloned().unwrap_or_default();
        let mut ready = Vec::new();
        for endpoint in slice.endpoints.iter().filter(|e| e.conditions.as_ref().is_none_or(|c| c.ready != Some(false)))
        {
            let Some(pod) = endpoint.target_ref.as_ref().filter(|r| r.kind.as_deref() == Some("Pod")) else { continue };
            let address = endpoint.addresses.first().and_then(|a| a.parse().ok());
            if let (Some(name), Some(address)) = (pod.name.clone(), address) {
                ready.push((name, address));
            }
        }
        Self { service, ready }
    }
}

/// The ready pods of a Service, each with the address to ask: only where the pod itself says that it is ready at that address, too. One that
/// is over keeps its address in its status while another may have it already.
pub(crate) fn ready_pods(
    service: &str,
    slices: &[Arc<SliceView>],
    pods: &[Arc<PodView>],
) -> Vec<(Arc<PodView>, IpAddr)> {
    let mut found: Vec<(Arc<PodView>, IpAddr)> = Vec::new();
    for (name, address) in slices.iter().filter(|s| s.service == service).flat_map(|s| &s.ready) {
        let is_ready = |p: &PodView| p.ready && !p.is_over() && !p.deleting;
        let pod = pods.iter().find(|p| p.name == *name && is_ready(p) && p.addresses.contains(address));
        if let Some(pod) = pod.filter(|p| !found.iter().any(|(known, _)| known.uid == p.uid)) {
            found.push((Arc::clone(pod), *address));
        }
    }
    found.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    found
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Pod;

    use super::*;

    fn slice(json: &str) -> Arc<SliceView> {
        Arc::new(SliceView::of(&serde_json::from_str(json).unwrap()))
    }

    #[test]
    fn only_ready_pods_at_their_own_address() {
        let pod = |name: &str, ip: &str, phase: &str, ready: &str, deleted: Option<&str>| {
            let json = serde_json::json!({
                "metadata": {"name": name, "uid": name, "deletionTimestamp": deleted},
                "status": {"podIP": ip, "phase": phase, "conditions": [{"type": "Ready", "status": ready}]},
            });
            Arc::new(PodView::of(&serde_json::from_value::<Pod>(json).unwrap()))
        };
        let pods = [
            pod("a", "10.0.0.1", "Running", "True", None),
            pod("b", "10.0.0.2", "Running", "True", None),
            pod("c", "10.0.0.3", "Running", "True", None),
            pod("over", "10.0.0.4", "Succeeded", "True", None),
            pod("failed", "10.0.0.5", "Failed", "True", None),
            pod("ends", "10.0.0.6", "Running", "True", Some("2026-01-01T00:00:00Z")),
            pod("unready", "10.0.0.7", "Running", "False", None),
        ];
        let slices = [
            slice(
                r#"{"metadata":{"labels":{"kubernetes.io/service-name":"s"}},"addressType":"IPv4","endpoints":[
                {"addresses":["10.0.0.1"],"conditions":{"ready":true},"targetRef":{"kind":"Pod","name":"a"}},
                {"addresses":["10.0.0.2"],"conditions":{"ready":false},"targetRef":{"kind":"Pod","name":"b"}},
                {"addresses":["169.254.169.254"],"conditions":{"ready":true},"targetRef":{"kind":"Pod","name":"c"}},
                {"addresses":["10.0.0.4"],"targetRef":{"kind":"Pod","name":"over"}},
                {"addresses":["10.0.0.5"],"targetRef":{"kind":"Pod","name":"failed"}},
                {"addresses":["10.0.0.6"],"targetRef":{"kind":"Pod","name":"ends"}},
                {"addresses":["10.0.0.7"],"targetRef":{"kind":"Pod","name":"unready"}},
                {"addresses":["10.0.0.9"],"conditions":{"ready":true}}]}"#,
            ),
            slice(
                r#"{"metadata":{"labels":{"kubernetes.io/service-name":"s"}},"addressType":"IPv6","endpoints":[
                {"addresses":["fd00::1"],"targetRef":{"kind":"Pod","name":"a"}}]}"#,
            ),
            slice(
                r#"{"metadata":{"labels":{"kubernetes.io/service-name":"other"}},"addressType":"IPv4","endpoints":[
                {"addresses":["10.0.0.3"],"targetRef":{"kind":"Pod","name":"c"}}]}"#,
            ),
        ];
        let found: Vec<String> =
            ready_pods("s", &slices, &pods).iter().map(|(p, ip)| format!("{} {ip}", p.name)).collect();
        assert_eq!(found, ["a 10.0.0.1"]);
    }
}
