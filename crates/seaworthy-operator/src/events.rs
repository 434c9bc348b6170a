//! Events about our objects.
//!
//! kube's recorder remembers every event for minutes, to count repetitions instead of sending them again. Here the number of them has a
//! bound: after so many a new recorder begins. All that is lost is that a repetition across that line is an event of its own.

use std::sync::{Mutex, PoisonError};

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client,
    runtime::events::{Event, Recorder, Reporter},
};

/// Events that are remembered at most.
const REMEMBERED: u32 = 256;

/// Sends events.
pub struct Events {
    client: Client,
    reporter: Reporter,
    current: Mutex<(Recorder, u32)>,
}

impl Events {
    /// Sends by this client.
    pub fn new(client: Client) -> Self {
        let reporter = Reporter { controller: "seaworthy".into(), instance: std::env::var("HOSTNAME").ok() };
        let current = Mutex::new((Recorder::new(client.clone(), reporter.clone()), 0));
        Self { client, reporter, current }
    }

    /// Sends one; has no deadline of its own.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn publish(&self, event: &Event, about: &ObjectReference) -> Result<(), kube::Error> {
        self.recorder().publish(event, about).await
    }

    fn recorder(&self) -> Recorder {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.1 >= REMEMBERED {
            *current = (Recorder::new(self.client.clone(), self.reporter.clone()), 0);
        }
        current.1 += 1;
        current.0.clone()
    }
}
