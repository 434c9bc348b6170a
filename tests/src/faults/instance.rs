//! The operator in a thread of its own. A fault that ends its life drops its runtime at once, with every task, connection and buffer: what is
//! left is what the API server has, as after SIGKILL. Then a new life begins.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread::JoinHandle,
};

use anyhow::{Context as _, Result};
use kube::client::ClientBuilder;
use seaworthy_operator::{
    Config, Operator,
    clock::{Clock, DateLayer},
    metrics::Metrics,
    retry_after::RetryAfterLayer,
};

use super::layer::{FaultLayer, Faults, Life};

/// An operator that looks after one namespace until it is dropped.
#[derive(Debug)]
pub struct Instance {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Result<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    lives: AtomicU32,
    life: std::sync::Mutex<Option<Arc<Life>>>,
}

impl Instance {
    /// Starts it for this namespace.
    ///
    /// # Errors
    /// When no thread can be had.
    pub fn start(kube: &kube::Config, namespace: &str, faults: &Arc<Faults>) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let (mine, kube, namespace, faults) =
            (Arc::clone(&shared), kube.clone(), namespace.to_owned(), Arc::clone(faults));
        let thread = std::thread::Builder::new().name(format!("operator of {namespace}"));
        let thread = thread.spawn(move || live_again_and_again(&mine, &kube, &namespace, &faults))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// How many lives it has begun.
    pub fn lives(&self) -> u32 {
        self.shared.lives.load(Ordering::Acquire)
    }

    /// Ends this life as SIGKILL would; the next one begins at once.
    pub fn kill(&self) {
        if let Some(life) = self.shared.life.lock().unwrap_or_else(std::sync::PoisonError::into_inner).as_ref() {
            life.end();
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.kill();
        if let Some(thread) = self.thread.take() {
            // It ends with its life; what it died of was seen by whoever waits for the Release.
            let _ = thread.join();
        }
    }
}

fn live_again_and_again(shared: &Shared, kube: &kube::Config, namespace: &str, faults: &Arc<Faults>) -> Result<()> {
    while !shared.stop.load(Ordering::Acquire) {
        let life = Arc::new(Life::default());
        *shared.life.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(Arc::clone(&life));
        // Whoever stops it either found this life, or was here before.
        if shared.stop.load(Ordering::Acquire) {
            break;
        }
        shared.lives.fetch_add(1, Ordering::AcqRel);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
        let lived = runtime.block_on(live(kube, namespace, FaultLayer { faults: Arc::clone(faults), life }));
        runtime.shutdown_background();
        lived?;
    }
    Ok(())
}

async fn live(kube: &kube::Config, namespace: &str, layer: FaultLayer) -> Result<()> {
    let clock = Clock::of(layer.faults.wall());
    // As the operator's own client, with the faults between.
    let dated = DateLayer { clock: clock.clone() };
    let client = ClientBuilder::try_from(kube.clone())?
        .with_layer(&layer)
        .with_layer(&dated)
        .with_layer(&RetryAfterLayer)
        .build();
    let config = Config {
        namespace: namespace.to_owned(),
        watch_namespace: Some(namespace.to_owned()),
        image: "registry.example/operator".to_owned(),
        git_image: "registry.example/git".to_owned(),
        listen: ([127, 0, 0, 1], 0).into(),
        concurrency: 16,
        kubelet_insecure_tls: true,
        clock: clock.clone(),
    };
    let operator = Operator::start(client, kube.clone(), config, Metrics::default());
    layer.life.ended().await;
    drop(operator);
    Ok(())
}
