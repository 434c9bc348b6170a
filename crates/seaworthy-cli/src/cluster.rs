//! The cluster that a command talks to, chosen as with kubectl, and what its errors mean to a person.

use std::{fmt::Write as _, future::Future, path::PathBuf, time::Duration};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

use crate::{exit::Failure, target::Target};

/// How long one request may take, retries included.
const REQUEST: Duration = Duration::from_secs(30);

/// Options of every command that talks to a cluster.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterArgs {
    /// The namespace; the context's own if absent.
    #[arg(short, long, global = true)]
    namespace: Option<String>,
    /// The context of the kubeconfig; its current one if absent.
    #[arg(long, global = true)]
    context: Option<String>,
    /// The kubeconfig; $KUBECONFIG or ~/.kube/config if absent.
    #[arg(long, global = true, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
}

/// A connection and a namespace.
#[derive(Clone)]
pub(crate) struct Cluster {
    /// The client.
    pub(crate) client: Client,
    /// Where the objects are.
    pub(crate) namespace: String,
}

impl ClusterArgs {
    /// Connects; nothing is sent yet.
    pub(crate) async fn connect(&self) -> Result<Cluster, Failure> {
        let mut config = self.config().await?;
        config.connect_timeout = Some(Duration::from_secs(10));
        let namespace = self.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client =
            Client::try_from(config).map_err(|e| Failure::unusable(format!("cannot connect: {}", chain(&e))))?;
        Ok(Cluster { client, namespace })
    }

    async fn config(&self) -> Result<Config, Failure> {
        let wrong = |e: &dyn std::error::Error| {
            Failure::unusable(format!("no usable cluster configuration: {}; see --kubeconfig and --context", chain(e)))
        };
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        if let Some(file) = &self.kubeconfig {
            let file = Kubeconfig::read_from(file).map_err(|e| wrong(&e))?;
            return Config::from_custom_kubeconfig(file, &options).await.map_err(|e| wrong(&e));
        }
        if self.context.is_some() {
            return Config::from_kubeconfig(&options).await.map_err(|e| wrong(&e));
        }
        // Inside a pod there is no kubeconfig, but an account.
        Config::infer().await.map_err(|e| wrong(&e))
    }
}

impl Cluster {
    /// Awaits a request, but not for ever.
    pub(crate) async fn ask<T>(
        &self,
        what: &str,
        request: impl Future<Output = kube::Result<T>> + Send,
    ) -> Result<T, Failure> {
        match tokio::time::timeout(REQUEST, request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(Self::explain(what, &error)),
            Err(_) => {
                Err(Failure::unusable(format!("{what}: no answer from the API server within {}s", REQUEST.as_secs())))
            }
        }
    }

    /// What an error of a request means, and what to do.
    pub(crate) fn explain(what: &str, error: &kube::Error) -> Failure {
        let kube::Error::Api(status) = error else {
            return Failure::unusable(format!("{what}: {}", chain(error)));
        };
        let remedy = match status.code {
            401 => "; the API server does not know who you are: log in again, or choose another --context",
            403 => "; ask for this permission, or choose another --context",
            404 if status.reason != "NotFound" => {
                "; this cluster does not serve seaworthy.dev/v1alpha1: install Seaworthy, or choose another --context"
            }
            _ => "",
        };
        Failure::unusable(format!("{what}: {}{remedy}", status.message))
    }

    /// The object is not there.
    pub(crate) fn missing(&self, target: &Target) -> Failure {
        let plural = target.kind.name().to_lowercase();
        Failure::unusable(format!(
            "there is no {} {:?} in namespace {:?}; see `kubectl get {plural} -n {}`, or choose another namespace with -n",
            target.kind.name(),
            target.name,
            self.namespace,
            self.namespace,
        ))
    }
}

/// An error with its sources, each said once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let said = source.to_string();
        if !text.contains(&said) {
            // Writing to a String cannot fail.
            let _ = write!(text, ": {said}");
        }
        next = source.source();
    }
    text
}
