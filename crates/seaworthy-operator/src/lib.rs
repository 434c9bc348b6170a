//! The shell around the decisions: it reads the cluster, calls `decide`, and writes what `decide` says. Nothing else.
//!
//! Absent: judgement. Every `if` about a release, a suite or a sample is in `seaworthy-core` or `seaworthy-soak`.
//! A library, so that `kubectl seaworthy explain` observes with the same code.

pub mod admin;
mod backoff;
mod budget;
pub mod client;
pub mod clock;
pub mod context;
pub mod controller;
pub mod events;
pub mod inventory;
pub mod jobs;
pub mod kinds;
pub mod locks;
pub mod meta;
pub mod metrics;
mod readable;
pub mod requests;
pub mod retry_after;
pub mod sampler;
pub mod telemetry;
mod watching;

pub use self::{
    client::Error,
    context::{Config, Context},
};

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use kube::Client;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinSet,
};

/// A running operator: its controllers and its sampler. Dropped together with its runtime it is gone at once, as if its process was killed.
pub struct Operator {
    controllers: JoinSet<()>,
    sampler: sampler::Sampler,
    stop: watch::Sender<bool>,
    ready: admin::Ready,
}

impl Operator {
    /// Starts everything that looks after objects. `kube` is how kubelets are asked: with the operator's own credentials.
    pub fn start(client: Client, kube: kube::Config, config: Config, metrics: metrics::Metrics) -> Self {
        let insecure = config.kubelet_insecure_tls;
        let sampler = metrics.register(|registry| {
            config.clock.register(registry);
            sampler::Sampler::new(client.clone(), (kube, insecure), config.clock.clone(), registry)
        });
        let mut ctx = Context::new(client, config, metrics);
        ctx.sampler = Some(sampler.clone());
        let (stop, stopped) = watch::channel(false);
        let mut controllers = JoinSet::new();
        let parts = kinds::start(&ctx, &stopped, &mut controllers);
        let ready: admin::Ready = Arc::default();
        tokio::spawn(all_ready(parts, Arc::clone(&ready)));
        Self { controllers, sampler, stop, ready }
    }

    /// Becomes true once every part watches.
    pub fn ready(&self) -> admin::Ready {
        Arc::clone(&self.ready)
    }

    /// Stops in good order: running visits finish, evidence is stored. What takes longer than 20 s is left to the next start.
    pub async fn shutdown(self) {
        // Nobody listening any more is as good as told.
        let _ = self.stop.send(true);
        let drained = tokio::time::timeout(Duration::from_secs(20), self.controllers.join_all());
        let (drained, ()) = tokio::join!(drained, self.sampler.shutdown());
        if drained.is_err() {
            tracing::warn!("some visits did not finish in time; the next start takes them up");
        }
    }
}

/// Runs the operator until it is asked to stop (SIGTERM, SIGINT); running visits finish first.
///
/// # Errors
/// When there is no API server to talk to, or the address of the pages cannot be listened on.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let kube = client::settings().await.context("no usable configuration for the API server")?;
    let (listen, metrics) = (config.listen, metrics::Metrics::default());
    let client = client::counted(kube.clone(), &config.clock, &metrics.requests);
    let client = client.context("no usable configuration for the API server")?;
    let operator = Operator::start(client, kube, config, metrics.clone());
    let mut pages = tokio::spawn(admin::serve(listen, metrics, operator.ready()));
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = term.recv() => tracing::info!("asked to stop"),
        _ = int.recv() => tracing::info!("interrupted"),
        ended = &mut pages => ended.context("the pages' task ended")?.context("cannot listen for /metrics, /healthz and /readyz")?,
    }
    operator.shutdown().await;
    Ok(())
}

/// Sets `ready` once every part is.
async fn all_ready(parts: Vec<admin::Ready>, ready: admin::Ready) {
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    while !parts.iter().all(|part: &Arc<AtomicBool>| part.load(Ordering::Acquire)) {
        tick.tick().await;
    }
    ready.store(true, Ordering::Release);
}
