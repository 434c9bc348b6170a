//! The shell around the decisions: it reads the cluster, calls `decide`, and writes what `decide` says. Nothing else.
//!
//! Absent: judgement. Every `if` about a release, a suite or a sample is in `seaworthy-core` or `seaworthy-soak`.
//! A library, so that `kubectl seaworthy explain` observes with the same code.

pub mod admin;
pub mod client;
pub mod context;
pub mod controller;
pub mod inventory;
pub mod jobs;
pub mod kinds;
pub mod locks;
pub mod meta;
pub mod metrics;
pub mod sampler;
pub mod telemetry;

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
use tokio::signal::unix::{SignalKind, signal};

/// Runs the operator until it is asked to stop (SIGTERM, SIGINT); running visits finish first.
///
/// # Errors
/// When there is no API server to talk to, or the address of the pages cannot be listened on.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let client = client::connect().await.context("no usable configuration for the API server")?;
    let metrics = metrics::Metrics::default();
    let mut ctx = Context::new(client, config, metrics.clone());
    let sampler = start_sampler(&ctx).await?;
    ctx.sampler = Some(sampler.clone());
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut controllers = tokio::task::JoinSet::new();
    let parts = kinds::start(&ctx, &stopped, &mut controllers);
    let ready: admin::Ready = Arc::default();
    tokio::spawn(all_ready(parts, Arc::clone(&ready)));
    let mut pages = tokio::spawn(admin::serve(ctx.config.listen, metrics, ready));
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = term.recv() => tracing::info!("asked to stop"),
        _ = int.recv() => tracing::info!("interrupted"),
        ended = &mut pages => ended.context("the pages' task ended")?.context("cannot listen for /metrics, /healthz and /readyz")?,
    }
    // Nobody listening any more is as good as told.
    let _ = stop.send(true);
    let drained = tokio::time::timeout(Duration::from_secs(20), controllers.join_all());
    let (drained, ()) = tokio::join!(drained, sampler.shutdown());
    if drained.is_err() {
        tracing::warn!("some visits did not finish in time; the next start takes them up");
    }
    Ok(())
}

/// A sampler that asks kubelets with the operator's own credentials.
async fn start_sampler(ctx: &Context) -> anyhow::Result<sampler::Sampler> {
    let config = kube::Config::infer().await.context("no usable configuration for the API server")?;
    let (client, insecure) = (ctx.client.clone(), ctx.config.kubelet_insecure_tls);
    Ok(ctx.metrics.register(|registry| sampler::Sampler::new(client, config, insecure, registry)))
}

/// Sets `ready` once every part is.
async fn all_ready(parts: Vec<admin::Ready>, ready: admin::Ready) {
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    while !parts.iter().all(|part: &Arc<AtomicBool>| part.load(Ordering::Acquire)) {
        tick.tick().await;
    }
    ready.store(true, Ordering::Release);
}
