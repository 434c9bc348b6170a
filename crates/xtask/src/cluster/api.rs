//! A small blocking client of a cluster's API server, for polling without starting a program each time.
//!
//! Why not kubectl: each run costs 60 ms of processor time, which a starting cluster needs itself. Deliberately absent:
//! retries (callers poll) and typed objects (answers are JSON).

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value;
use tokio::runtime::Runtime;

/// A request to a cluster on this machine that takes longer is as good as failed.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A client with the rights of a kubeconfig.
#[derive(Debug)]
pub(crate) struct Api {
    runtime: Runtime,
    config: kube::Config,
}

impl Api {
    /// Reads the kubeconfig; connects on first use.
    pub(crate) fn new(kubeconfig: &Path) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let file = Kubeconfig::read_from(kubeconfig)
            .with_context(|| format!("could not read the kubeconfig {}", kubeconfig.display()))?;
        let mut config = runtime.block_on(kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()))?;
        config.default_retry = false;
        Ok(Self { runtime, config })
    }

    /// GET, the body as text. Errors: no connection, not a success.
    pub(crate) fn text(&self, path: &str) -> Result<String> {
        self.send(http::Request::get(path).body(Vec::new())?)
    }

    /// GET, the body as JSON.
    pub(crate) fn get(&self, path: &str) -> Result<Value> {
        Ok(serde_json::from_str(&self.text(path)?)?)
    }

    /// POST of one object.
    pub(crate) fn create(&self, path: &str, object: &Value) -> Result<Value> {
        let request = http::Request::post(path).header("content-type", "application/json");
        let answer = self.send(request.body(serde_json::to_vec(object)?)?)?;
        Ok(serde_json::from_str(&answer)?)
    }

    fn send(&self, request: http::Request<Vec<u8>>) -> Result<String> {
        let line = format!("{} {}", request.method(), request.uri());
        self.runtime.block_on(async {
            // A connection of its own for each request: a starting or restarting server drops those that linger.
            let client = kube::Client::try_from(self.config.clone())?;
            let answer = tokio::time::timeout(TIMEOUT, client.request_text(request)).await;
            answer
                .with_context(|| format!("{line}: no answer within {} s", TIMEOUT.as_secs()))?
                .with_context(|| line.clone())
        })
    }
}
