//! Connections that wait for the next page of the same address: nothing but their sockets, for an HTTP connection's buffers would cost more
//! memory, at hundreds of targets, than making them anew costs time. Bounded in number and in age.

use std::{
    collections::HashMap,
    io::ErrorKind,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{net::TcpStream, time::Instant};

/// How long one waits at most.
const AGE: Duration = Duration::from_secs(90);
/// How many may wait.
const MOST: usize = 512;
/// How often those that nobody came back for are closed.
const SWEEP: Duration = Duration::from_secs(10);

/// The connections of one sampler. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Idle(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    streams: HashMap<SocketAddr, (Instant, TcpStream)>,
    swept: Option<Instant>,
}

impl Idle {
    /// A connection to this address that is still open, as far as can be known.
    pub(super) fn take(&self, address: SocketAddr) -> Option<TcpStream> {
        let (since, stream) = self.0.lock().unwrap_or_else(PoisonError::into_inner).streams.remove(&address)?;
        (since.elapsed() < AGE && is_quiet(&stream)).then_some(stream)
    }

    /// Keeps a connection whose last answer was read to its end.
    pub(super) fn put(&self, address: SocketAddr, stream: TcpStream) {
        let now = Instant::now();
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.swept.is_none_or(|swept| now - swept >= SWEEP) {
            waiting.streams.retain(|_, (since, stream)| now - *since < AGE && is_quiet(stream));
            waiting.swept = Some(now);
        }
        if waiting.streams.len() < MOST || waiting.streams.contains_key(&address) {
            waiting.streams.insert(address, (now, stream));
        }
    }
}

/// Whether nothing came that nobody asked for, the end of the connection included.
fn is_quiet(stream: &TcpStream) -> bool {
    stream.try_read(&mut [0]).is_err_and(|e| e.kind() == ErrorKind::WouldBlock)
}
