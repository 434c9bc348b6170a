//! The ground that runs stand on: the cluster, the played node, the page that soaks read, the registry that records what is published.

use std::{
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, ListParams},
};
use seaworthy_api::{Release, ReleasePlan, SoakTest, core::condition::types};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{
    canonical::{self, RELEASE, Shape},
    instance::Instance,
    layer::{Faults, Record},
    node::{Kubelet, Registry},
    world::{Loads, World, differences, world},
};
use crate::{
    api,
    cluster::{Ground, is_true},
};

/// How long a run may take, faults and all.
pub const PATIENCE: Duration = Duration::from_secs(240);
/// How long what follows a Release's end may take: a plan that sums up, a Lease that is given back; after an outage, what is left in peace
/// because its last visit failed.
const SETTLE: Duration = Duration::from_secs(20);

/// What all runs share.
pub struct Lab {
    /// How operators reach the API server.
    pub kube: kube::Config,
    /// The played node.
    pub kubelet: Arc<Kubelet>,
    /// What was published.
    pub registry: Arc<Registry>,
    /// Where the target's page is.
    pub port: u16,
}

impl std::fmt::Debug for Lab {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lab").field("port", &self.port).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

/// How a run ended.
pub struct Run {
    /// Where it was.
    pub namespace: String,
    /// What it left behind.
    pub world: World,
    /// What was put out, in order.
    pub published: Vec<String>,
    /// The most publish pods at the same time.
    pub most_at_once: usize,
    /// Every call.
    pub records: Vec<Record>,
    /// Lives of the operator.
    pub lives: u32,
    /// How long it took.
    pub took: Duration,
}

impl Lab {
    /// The one of this process: its node and its page outlive the test that opened it.
    ///
    /// # Panics
    /// When there is no cluster; the message says how to get one.
    #[expect(clippy::unwrap_used, reason = "without it no test can run")]
    pub async fn shared() -> &'static Self {
        static LAB: tokio::sync::OnceCell<(tokio::runtime::Runtime, Lab)> = tokio::sync::OnceCell::const_new();
        let open = || async {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            let lab = runtime.spawn(Self::open()).await.unwrap().unwrap();
            (runtime, lab)
        };
        &LAB.get_or_init(open).await.1
    }

    /// Sets everything up.
    ///
    /// # Errors
    /// When there is no cluster; the message says how to get one.
    async fn open() -> Result<Self> {
        let client = api::client().await?;
        api::install_definitions(&client).await?;
        served(&client).await?;
        let kube = seaworthy_operator::client::settings().await?;
        let address = outside(&kube)?;
        let registry = Arc::new(Registry::default());
        let kubelet = Kubelet::join(client, address, Arc::clone(&registry)).await?;
        let port = serve_page().await?;
        Ok(Self { kube, kubelet, registry, port })
    }

    /// A namespace of its own.
    ///
    /// # Errors
    /// When the API server refuses it.
    pub async fn ground(&self, prefix: &str) -> Result<Ground> {
        // A client of its own: connections end with the test that opened them.
        let client = Client::try_from(self.kube.clone())?;
        let namespace = api::create_namespace(&client, prefix).await?;
        Ok(Ground { client, namespace })
    }

    /// One Release of this shape under these faults, to its end. With a clean run's world, it is waited for until this one is the same.
    ///
    /// # Errors
    /// When it does not end, with how far it came; when it left something else behind than the clean run, with every difference.
    pub async fn run(&self, prefix: &str, shape: Shape, faults: &Arc<Faults>, clean: Option<&World>) -> Result<Run> {
        self.run_by(prefix, shape, clean, |namespace| Instance::start(&self.kube, namespace, faults)).await.map(
            |(mut run, operator)| {
                run.records = faults.records();
                run.lives = operator.lives();
                run
            },
        )
    }

    /// One Release of this shape to its end, in a namespace that whatever `start` gives looks after; see [`Lab::run`]. The run holds no
    /// records, and one life.
    ///
    /// # Errors
    /// As [`Lab::run`].
    pub async fn run_by<T>(
        &self,
        prefix: &str,
        shape: Shape,
        clean: Option<&World>,
        start: impl FnOnce(&str) -> Result<T>,
    ) -> Result<(Run, T)> {
        let ground = self.ground(prefix).await?;
        let namespace = ground.namespace.clone();
        let began = Instant::now();
        ground.create::<ReleasePlan>(canonical::plan(shape)).await?;
        if shape.soak.is_some() {
            ground.create::<Deployment>(canonical::target()).await?;
        }
        let operator = start(&namespace)?;
        ground.create::<Release>(canonical::release()).await?;
        self.ended(&ground).await?;
        let took = began.elapsed();
        let world = self.settled(&ground, clean).await?;
        if shape.soak.is_some() {
            // Its pod would be played for as long as the cluster lives.
            removed::<Deployment>(&ground, canonical::TARGET).await?;
        }
        let run = Run {
            published: self.registry.out(&namespace),
            most_at_once: self.registry.most_at_once(&namespace),
            records: Vec::new(),
            lives: 1,
            took,
            namespace,
            world,
        };
        Ok((run, operator))
    }

    /// A Release of this plan, looked after by an operator under these faults; it is for the test to follow it.
    ///
    /// # Errors
    /// The API server's refusal.
    pub async fn begin(&self, ground: &Ground, plan: Value, faults: &Arc<Faults>) -> Result<Instance> {
        ground.create::<ReleasePlan>(plan).await?;
        let operator = Instance::start(&self.kube, &ground.namespace, faults)?;
        ground.create::<Release>(canonical::release()).await?;
        Ok(operator)
    }

    /// Waits for the end of the Release.
    ///
    /// # Errors
    /// When it does not come, with how far it came.
    pub async fn ended(&self, ground: &Ground) -> Result<Release> {
        let over = |r: &Release| {
            r.status.as_ref().is_some_and(|s| is_true(&s.conditions, types::FINISHED)) && r.finalizers().is_empty()
        };
        let began = Instant::now();
        loop {
            // A cluster that is down on purpose gives no answer: it is asked again.
            let seen = ground.api::<Release>().get(RELEASE).await;
            match seen {
                Ok(release) if over(&release) => return Ok(release),
                Ok(release) => ensure!(
                    began.elapsed() < PATIENCE,
                    "the Release in {} did not end in {PATIENCE:?}: {:#?}",
                    ground.namespace,
                    release.status
                ),
                Err(e) => {
                    ensure!(began.elapsed() < PATIENCE, "no answer about the Release in {}: {e}", ground.namespace);
                }
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// What is there once nothing changes any more.
    ///
    /// # Errors
    /// When it does not come to rest, or not to what the clean run left, with every difference.
    pub async fn settled(&self, ground: &Ground, clean: Option<&World>) -> Result<World> {
        let (first, mut began) = (Instant::now(), Instant::now());
        let mut last = None;
        loop {
            let loads = Loads { ran: self.kubelet.load(&ground.namespace), all: clean.is_none() };
            let now = match world(&ground.client, &ground.namespace, loads).await {
                // A cluster that is down on purpose gives no answer: nothing settles meanwhile. A soak may not be judged yet.
                Err(e) if first.elapsed() < PATIENCE && (e.is::<kube::Error>() || began.elapsed() < SETTLE) => {
                    if e.is::<kube::Error>() {
                        began = Instant::now();
                    }
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    continue;
                }
                seen => seen?,
            };
            let found = match (clean, &last) {
                (Some(clean), _) => differences(clean, &now),
                (None, Some(last)) => differences(last, &now),
                (None, None) => vec!["not seen twice".into()],
            };
            if found.is_empty() {
                return Ok(now);
            }
            ensure!(
                began.elapsed() < SETTLE,
                "what is left in namespace {} is not what the clean run left:\n  {}",
                ground.namespace,
                found.join("\n  ")
            );
            last = Some(now);
            // Without a clean run to compare with: twice the same, some time apart.
            tokio::time::sleep(Duration::from_millis(if clean.is_some() { 400 } else { 3000 })).await;
        }
    }

    /// A soak on its own, of the shared target in the ground's namespace.
    ///
    /// # Errors
    /// The API server's refusal.
    pub async fn soak(&self, ground: &Ground, name: &str, measure: &str) -> Result<SoakTest> {
        let mut spec = canonical::soak(self.port);
        spec["measure"] = json!(measure);
        ground.create::<SoakTest>(json!({"metadata": {"name": name}, "spec": spec})).await
    }
}

/// Deletes an object, also where the API server is down on purpose meanwhile.
async fn removed<K>(ground: &Ground, name: &str) -> Result<()>
where
    K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
{
    let began = Instant::now();
    loop {
        match ground.api::<K>().delete(name, &DeleteParams::background()).await {
            Ok(_) => return Ok(()),
            Err(kube::Error::Api(e)) if e.code == 404 => return Ok(()),
            Err(e) => ensure!(began.elapsed() < PATIENCE, "{name} could not be deleted: {e}"),
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Definitions that were changed are established before their storage is.
async fn served(client: &Client) -> Result<()> {
    for _ in 0..60 {
        if Api::<Release>::all(client.clone()).list(&ListParams::default().limit(1)).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    bail!("Releases are not served within 30 s")
}

/// This machine's address in the cluster's network: the one before the node's.
fn outside(kube: &kube::Config) -> Result<Ipv4Addr> {
    let host = kube.cluster_url.host().unwrap_or_default();
    let node: Ipv4Addr = host.parse().with_context(|| {
        format!("{host:?} is no address of the test bed's: start a cluster with `cargo xtask cluster up`")
    })?;
    Ok(Ipv4Addr::from(u32::from(node).saturating_sub(1)))
}

/// A page with one metric, for whoever asks.
async fn serve_page() -> Result<u16> {
    let listener = tokio::net::TcpListener::bind(("0.0.0.0", 0)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 2048];
                let page = "# TYPE target_level gauge\ntarget_level 1\n";
                let reply = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
                    page.len()
                );
                // Whoever hangs up early wants no answer.
                if stream.read(&mut request).await.is_ok() {
                    let _ = stream.write_all(reply.as_bytes()).await;
                }
            });
        }
    });
    Ok(port)
}
