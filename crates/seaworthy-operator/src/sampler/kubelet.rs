//! What the kubelets measure of containers: CPU and working set from `/metrics/resource`, resident memory from `/stats/summary`.
//!
//! Asked directly at the node's address with the operator's own credentials and verified against the cluster's authority, never through
//! `nodes/proxy`, which would be far more power. Pages are shared: many soaks on a node ask its kubelet once a second at most.

use std::{
    borrow::Cow,
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http_body_util::BodyExt as _;
use kube::{Client, client::Body};
use seaworthy_soak::{
    page::{Wants, gap_of},
    record::{Gap, GapReason, Page, PageSample},
    scan::{Format, Limits, Sample, Wanted, scan, series_key},
};
use serde::Deserialize;
use tokio::time::{Instant, timeout};

/// CPU time, in seconds.
const CPU: &str = "container_cpu_usage_seconds_total";
/// Working set, in bytes.
const WORKING_SET: &str = "container_memory_working_set_bytes";
/// Resident set, in bytes. Kubernetes gives it no metric name, so it has one of ours.
const RSS: &str = "container_memory_rss_bytes";
/// The kubelet's port.
const PORT: u16 = 10250;
/// How long one request may take.
const TOTAL: Duration = Duration::from_secs(5);
/// How old a shared page may be: kubelets look at containers every 10 s or so, and say when they did.
const SHARED: Duration = Duration::from_millis(900);
/// Figures of one look that are no further apart than this are of one time. Kubelets take those of their two pages by themselves, each every
/// 10 s or so.
const TOGETHER_MS: i64 = 60_000;
/// The most bytes of a page: a node with 500 pods has about 1 MiB.
const BYTES: usize = 16 << 20;
/// The most nodes that are remembered.
const NODES: usize = 1000;

/// One figure: metric, value, and when the kubelet took it.
#[derive(Debug, Clone, PartialEq)]
struct Figure {
    metric: &'static str,
    value: f64,
    timestamp_ms: Option<i64>,
}

impl Figure {
    /// Whether it may be of a container before the one whose life this is: the kubelet keeps figures by the container's name for longer than
    /// the pod's status takes to name the next one. Lives begin within a second that they name, by the same node's clock.
    fn precedes(&self, life: &str) -> bool {
        let began = life.rsplit_once('@').and_then(|(_, second)| second.parse::<i64>().ok());
        self.timestamp_ms.zip(began).is_some_and(|(time, began)| time.div_euclid(1000) <= began)
    }
}

/// The figures of a node's containers by namespace, pod and container.
type Figures = HashMap<(String, String, String), Vec<Figure>>;

/// The two pages of a kubelet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Resource,
    Summary,
}

/// The kubelets that were asked so far.
pub(crate) struct Kubelets {
    config: kube::Config,
    nodes: Mutex<HashMap<IpAddr, Arc<Node>>>,
}

struct Node {
    client: Client,
    resource: tokio::sync::Mutex<Option<Shared>>,
    summary: tokio::sync::Mutex<Option<Shared>>,
}

#[derive(Clone)]
struct Shared {
    asked: Instant,
    ended: Instant,
    figures: Result<Arc<Figures>, Gap>,
}

impl Kubelets {
    /// Kubelets are asked with the credentials in `config`; their certificates are verified unless `insecure`.
    pub(crate) fn new(mut config: kube::Config, insecure: bool) -> Self {
        config.default_retry = false;
        config.accept_invalid_certs = insecure;
        config.proxy_url = None;
        config.tls_server_name = None;
        Self { config: bounded(config, TOTAL), nodes: Mutex::default() }
    }

    /// What `wants` asks for of one container. `planned` is when the slot was due.
    pub(crate) async fn look(
        &self,
        node: IpAddr,
        pod: (&str, &str),
        container: (&str, &str),
        wants: &Wants,
        planned: Instant,
    ) -> Result<Page, Gap> {
        let node = self.node(node)?;
        let mut asked = None;
        let mut samples = Vec::new();
        let (namespace, pod) = pod;
        let (container, incarnation) = container;
        let mut older = false;
        for (which, metrics) in [(Which::Resource, &[CPU, WORKING_SET][..]), (Which::Summary, &[RSS][..])] {
            if !metrics.iter().any(|m| wants.metric(m)) {
                continue;
            }
            let shared = node.figures(which).await;
            asked.get_or_insert(shared.asked);
            let figures = shared.figures?;
            let key = (namespace.to_owned(), pod.to_owned(), container.to_owned());
            let Some(found) = figures.get(&key) else { continue };
            for figure in found {
                if figure.precedes(incarnation) {
                    older = true;
                    continue;
                }
                let label = |name: &str| match name {
                    "container" => Some(container.into()),
                    "namespace" => Some(namespace.into()),
                    "pod" => Some(pod.into()),
                    _ => None,
                };
                if wants.series(figure.metric, label) {
                    let labels = [("container", container), ("namespace", namespace), ("pod", pod)];
                    let labels = labels.map(|(k, v)| (Cow::from(k), Cow::from(v)));
                    let series = series_key(figure.metric, labels);
                    samples.push(PageSample { series, value: figure.value, timestamp_ms: figure.timestamp_ms });
                }
            }
        }
        if samples.is_empty() && older {
            let what = "the kubelet's figures are from before this container started: it has not looked at it yet";
            return Err(Gap::new(GapReason::Stale, what));
        }
        if samples.is_empty() {
            return Err(Gap::new(GapReason::NoTarget, "the kubelet has no figures of this container (yet)"));
        }
        unify(&mut samples);
        let late = asked.map_or(0, |asked| super::late_ms(planned, asked));
        let series_on_page = samples.len() as u64;
        Ok(Page {
            late_ms: late,
            incarnation: incarnation.to_owned(),
            series_on_page,
            samples,
            types: std::collections::BTreeMap::new(),
        })
    }

    fn node(&self, address: IpAddr) -> Result<Arc<Node>, Gap> {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(node) = nodes.get(&address) {
            return Ok(Arc::clone(node));
        }
        if nodes.len() >= NODES {
            nodes.clear();
        }
        let mut config = self.config.clone();
        let bad = |e: String| Gap::new(GapReason::Other, format!("cannot ask the kubelet at {address}: {e}"));
        config.cluster_url =
            format!("https://{}", std::net::SocketAddr::new(address, PORT)).parse().map_err(|e| bad(format!("{e}")))?;
        let client = Client::try_from(config).map_err(|e| bad(e.to_string()))?;
        let node =
            Arc::new(Node { client, resource: tokio::sync::Mutex::default(), summary: tokio::sync::Mutex::default() });
        nodes.insert(address, Arc::clone(&node));
        Ok(node)
    }
}

/// Gives figures that belong together the time of the newest, so that none of them seems absent when only another one is new. One that stays
/// behind keeps its own: it is not new because others are.
fn unify(samples: &mut [PageSample]) {
    let Some(newest) = samples.iter().filter_map(|s| s.timestamp_ms).max() else { return };
    for sample in samples {
        if sample.timestamp_ms.is_none_or(|time| newest.saturating_sub(time) <= TOGETHER_MS) {
            sample.timestamp_ms = Some(newest);
        }
    }
}

/// Bounds connections to those over which one request takes `total` at most; each request is bounded as a whole besides.
///
/// Reads are not: that would also end a connection that merely waits for the next slot, and where that comes after just as long, the request
/// would be lost with it.
fn bounded(mut config: kube::Config, total: Duration) -> kube::Config {
    config.connect_timeout = Some(total.min(Duration::from_secs(2)));
    config.read_timeout = None;
    config.write_timeout = Some(total);
    config
}

impl Node {
    /// A page that is not older than a second; who comes while it is being asked for waits for the same answer.
    async fn figures(&self, which: Which) -> Shared {
        let place = match which {
            Which::Resource => &self.resource,
            Which::Summary => &self.summary,
        };
        let mut place = place.lock().await;
        if let Some(shared) = place.as_ref().filter(|s| s.ended.elapsed() < SHARED) {
            return shared.clone();
        }
        let asked = Instant::now();
        let figures = match timeout(TOTAL, ask(&self.client, which)).await {
            Ok(figures) => figures.map(Arc::new),
            Err(_) => {
                Err(Gap::new(GapReason::Timeout, format!("the kubelet did not answer within {} s", TOTAL.as_secs())))
            }
        };
        place.insert(Shared { asked, ended: Instant::now(), figures }).clone()
    }
}

async fn ask(client: &Client, which: Which) -> Result<Figures, Gap> {
    let path = match which {
        Which::Resource => "/metrics/resource",
        Which::Summary => "/stats/summary",
    };
    let bad = |reason, what: String| Gap::new(reason, format!("kubelet {path}: {what}"));
    let request = http::Request::get(path).body(Body::empty()).map_err(|e| bad(GapReason::Other, e.to_string()))?;
    let response = client.send(request).await.map_err(|e| bad(GapReason::Connection, chain(&e)))?;
    match response.status().as_u16() {
        200 => {}
        401 | 403 => {
            let what = "refused: the operator's account needs get on nodes/metrics and nodes/stats".to_owned();
            return Err(bad(GapReason::Forbidden, what));
        }
        code => return Err(bad(GapReason::HttpStatus, format!("HTTP {code}"))),
    }
    let mut body = response.into_body();
    let mut page = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| bad(GapReason::Truncated, chain(&e)))?;
        if let Some(chunk) = frame.data_ref() {
            if page.len() + chunk.len() > BYTES {
                return Err(bad(GapReason::TooLarge, format!("more than {BYTES} bytes")));
            }
            page.extend_from_slice(chunk);
        }
    }
    match which {
        Which::Resource => resource(&page),
        Which::Summary => summary(&page).map_err(|e| bad(GapReason::Malformed, e.to_string())),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(e) = source {
        text = format!("{text}: {e}");
        source = e.source();
    }
    text
}

/// CPU and working set from `/metrics/resource`.
fn resource(page: &[u8]) -> Result<Figures, Gap> {
    let mut figures = Figures::new();
    let mut take = |sample: &Sample<'_>| {
        let metric = if sample.name() == CPU { CPU } else { WORKING_SET };
        let label = |name| sample.label(name).unwrap_or_default().into_owned();
        let figure = Figure { metric, value: sample.value, timestamp_ms: sample.timestamp_ms };
        figures.entry((label("namespace"), label("pod"), label("container"))).or_default().push(figure);
    };
    let limits = Limits { page_bytes: BYTES, ..Limits::default() };
    scan(page, Format::Text, &limits, &Wanted::names([CPU, WORKING_SET]), &mut take).map_err(|e| gap_of(&e))?;
    Ok(figures)
}

/// The part of `/stats/summary` that is read.
#[derive(Deserialize)]
struct Summary {
    #[serde(default)]
    pods: Vec<PodStats>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodStats {
    pod_ref: PodReference,
    #[serde(default)]
    containers: Vec<ContainerStats>,
}

#[derive(Deserialize)]
struct PodReference {
    name: String,
    namespace: String,
}

#[derive(Deserialize)]
struct ContainerStats {
    name: String,
    #[serde(default)]
    memory: Option<MemoryStats>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MemoryStats {
    #[serde(default)]
    time: Option<String>,
    #[serde(default)]
    rss_bytes: Option<u64>,
}

/// Resident memory from `/stats/summary`.
fn summary(page: &[u8]) -> Result<Figures, serde_json::Error> {
    let summary: Summary = serde_json::from_slice(page)?;
    let mut figures = Figures::new();
    for pod in summary.pods {
        for container in pod.containers {
            let Some(memory) = container.memory else { continue };
            let Some(rss) = memory.rss_bytes else { continue };
            let time = memory.time.and_then(|t| t.parse::<jiff::Timestamp>().ok());
            #[expect(
                clippy::cast_precision_loss,
                reason = "memory sizes are far below the 2^53 that a float holds exactly"
            )]
            let figure =
                Figure { metric: RSS, value: rss as f64, timestamp_ms: time.map(jiff::Timestamp::as_millisecond) };
            figures.insert((pod.pod_ref.namespace.clone(), pod.pod_ref.name.clone(), container.name), vec![figure]);
        }
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
        sync::mpsc,
    };

    use super::*;

    /// Answers any request with this page and keeps connections; tells of each one.
    async fn kubelet(listener: TcpListener, connections: mpsc::UnboundedSender<()>, page: &'static str) {
        while let Ok((mut stream, _)) = listener.accept().await {
            connections.send(()).unwrap();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{page}", page.len());
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    }

    #[tokio::test]
    async fn a_connection_that_waits_for_the_next_slot_is_kept() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let (sender, mut connections) = mpsc::unbounded_channel();
        tokio::spawn(kubelet(listener, sender, ""));
        let total = Duration::from_millis(200);
        let client = Client::try_from(bounded(kube::Config::new(url), total)).unwrap();
        for _ in 0..2 {
            assert!(ask(&client, Which::Resource).await.unwrap().is_empty());
            // The pause between two slots, longer than any request may take.
            tokio::time::sleep(total * 2).await;
        }
        connections.try_recv().unwrap();
        assert!(connections.try_recv().is_err(), "there was a second connection");
    }

    #[tokio::test]
    async fn figures_of_the_container_before_are_none_of_this_ones() {
        let page = "container_memory_working_set_bytes{container=\"c\",namespace=\"n\",pod=\"p\"} 7 1700000000500\n";
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = kube::Config::new(format!("http://{}", listener.local_addr().unwrap()).parse().unwrap());
        let (sender, _connections) = mpsc::unbounded_channel();
        tokio::spawn(kubelet(listener, sender, page));
        let node = Node {
            client: Client::try_from(bounded(config.clone(), TOTAL)).unwrap(),
            resource: tokio::sync::Mutex::default(),
            summary: tokio::sync::Mutex::default(),
        };
        let address: IpAddr = "127.0.0.1".parse().unwrap();
        let kubelets = Kubelets::new(config, false);
        kubelets.nodes.lock().unwrap().insert(address, Arc::new(node));
        let check = serde_json::json!({"name": "x", "bound": {"source": "k", "metric": WORKING_SET, "max": 9}});
        let wants = Wants::of(&[serde_json::from_value(check).unwrap()], "k");
        for (life, reason) in [
            ("x://1@1699999999", None),
            // Within that second either may have been looked at.
            ("x://1@1700000000", Some(GapReason::Stale)),
            ("x://1@1700000007", Some(GapReason::Stale)),
            ("x://1", None),
            ("", None),
        ] {
            let page = kubelets.look(address, ("n", "p"), ("c", life), &wants, Instant::now()).await;
            assert_eq!(page.as_ref().err().map(|gap| gap.reason), reason, "{life}: {page:?}");
        }
    }

    #[test]
    fn a_figure_that_stays_behind_is_not_new_because_others_are() {
        let sample = |timestamp_ms| PageSample { series: String::new(), value: 1.0, timestamp_ms };
        for (given, want) in [
            ([Some(100_000), Some(85_000), Some(40_000)], [Some(100_000); 3]),
            ([Some(100_000), Some(39_999), None], [Some(100_000), Some(39_999), Some(100_000)]),
            ([Some(5), Some(i64::MAX), Some(i64::MIN)], [Some(5), Some(i64::MAX), Some(i64::MIN)]),
            ([None; 3], [None; 3]),
        ] {
            let mut samples = given.map(sample);
            unify(&mut samples);
            assert_eq!(samples.map(|s| s.timestamp_ms), want);
        }
    }

    fn key(pod: &str) -> (String, String, String) {
        ("n".into(), pod.into(), "c".into())
    }

    #[test]
    fn both_pages_are_read() {
        let page = b"# HELP container_cpu_usage_seconds_total x\n# TYPE container_cpu_usage_seconds_total counter\n\
            container_cpu_usage_seconds_total{container=\"c\",namespace=\"n\",pod=\"p\"} 0.5 1700000000123\n\
            container_memory_working_set_bytes{container=\"c\",namespace=\"n\",pod=\"p\"} 1024 1700000000124\n\
            node_cpu_usage_seconds_total 9 1700000000123\n";
        let figures = resource(page).unwrap();
        let want = [(CPU, 0.5, 123), (WORKING_SET, 1024.0, 124)];
        let found = &figures[&key("p")];
        for (figure, (metric, value, ms)) in found.iter().zip(want) {
            let wanted = Figure { metric, value, timestamp_ms: Some(1_700_000_000_000 + ms) };
            assert_eq!(figure, &wanted);
        }
        assert_eq!((figures.len(), found.len()), (1, 2));
        assert_eq!(resource(b"<html>\n").unwrap_err().reason, GapReason::Malformed);
        let page = br#"{"node":{"nodeName":"x"},"pods":[{"podRef":{"name":"p","namespace":"n","uid":"u"},"containers":[
            {"name":"c","memory":{"time":"2026-01-02T03:04:05Z","rssBytes":77,"workingSetBytes":99}},{"name":"d"}]}]}"#;
        let figures = summary(page).unwrap();
        assert!((figures[&key("p")][0].value - 77.0).abs() < 1e-9);
        assert_eq!(figures.len(), 1);
        assert!(summary(b"7").is_err());
    }
}
