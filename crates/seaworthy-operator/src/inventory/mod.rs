//! The inventory task: looks at objects under the plan's own account, and serves what it saw to the sampler.
//!
//! It runs our image as a Job for as long as the load does, so the operator itself never needs rights on what people want looked at.
//! It lists at its own pace and answers from memory: whoever can reach its port can cause no calls. Absent: judgement; it says how many
//! objects there are, how many are too old, and which.

mod objects;
pub mod page;
mod round;

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{Request, Response, StatusCode, body::Bytes, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::{RwLock, Semaphore},
    time::Instant,
};

use self::page::{Listed, Objects, Page, Request as Asked, Round};

/// The port that the task serves its page on.
pub const PORT: u16 = 9402;
/// The page's path.
pub const PATH: &str = "/inventory";
/// The path of the objects that `leftovers` compares.
pub const OBJECTS: &str = "/objects";
/// The variable that holds what is to be looked at, as JSON.
pub const REQUEST: &str = "SEAWORTHY_INVENTORY";
/// The most connections that are served at the same time.
const CONNECTIONS: usize = 8;

/// Runs the task until it is asked to end.
///
/// # Errors
/// When there is nothing to look at, no API server, or no port to listen on.
pub async fn run(request: &str) -> anyhow::Result<()> {
    use anyhow::Context as _;
    let asked: Asked = serde_json::from_str(request).with_context(|| format!("{REQUEST} is not what it must be"))?;
    let client = crate::client::connect().await.context("no usable configuration for the API server")?;
    let address = SocketAddr::from(([0, 0, 0, 0], PORT));
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    let latest: Latest = Arc::default();
    let looking = tokio::spawn(look(client, asked, Arc::clone(&latest)));
    let mut term = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = term.recv() => tracing::info!("asked to end"),
        () = serve(listener, latest) => {}
        ended = looking => ended.context("the looking ended")?,
    }
    Ok(())
}

/// The last look.
type Latest = Arc<RwLock<Option<Seen>>>;

/// What one look saw, and when it began.
struct Seen {
    at: Instant,
    rounds: Vec<Round>,
    listed: Vec<Listed>,
}

async fn look(client: kube::Client, asked: Asked, latest: Latest) {
    let mut tick = tokio::time::interval(Duration::from_secs(asked.every_seconds.clamp(1, 60)));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let began = Instant::now();
        let rounds = futures::future::join_all(asked.checks.iter().map(|check| round::look(&client, check)));
        let listed = futures::future::join_all(asked.leftovers.iter().map(|scope| objects::list(&client, scope)));
        let (rounds, listed) = futures::join!(rounds, listed);
        for round in &rounds {
            if let Err(error) = &round.result {
                tracing::warn!(check = round.check, %error, "could not look");
            }
        }
        for scope in &listed {
            if let Err(error) = &scope.result {
                tracing::warn!(check = scope.check, %error, "could not list");
            }
        }
        *latest.write().await = Some(Seen { at: began, rounds, listed });
    }
}

async fn serve(listener: TcpListener, latest: Latest) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else { continue };
        let latest = Arc::clone(&latest);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, Arc::clone(&latest)));
            let served = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(5))
                .serve_connection(TokioIo::new(stream), service);
            // Whoever asks and goes away is no concern of ours.
            let _ = tokio::time::timeout(Duration::from_secs(10), served).await;
            drop(slot);
        });
    }
}

fn age_ms(seen: &Seen) -> u64 {
    u64::try_from(seen.at.elapsed().as_millis()).unwrap_or(u64::MAX)
}

async fn answer(request: Request<Incoming>, latest: Latest) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, body) = match (request.uri().path(), latest.read().await.as_ref()) {
        (PATH, Some(seen)) => {
            let page = Page { age_ms: age_ms(seen), rounds: seen.rounds.clone() };
            (StatusCode::OK, serde_json::to_vec(&page).unwrap_or_default())
        }
        (OBJECTS, Some(seen)) => {
            let page = Objects { age_ms: age_ms(seen), scopes: seen.listed.clone() };
            (StatusCode::OK, serde_json::to_vec(&page).unwrap_or_default())
        }
        (PATH | OBJECTS, None) => (StatusCode::SERVICE_UNAVAILABLE, b"the first look is not over yet\n".to_vec()),
        _ => (StatusCode::NOT_FOUND, b"there are only /inventory and /objects\n".to_vec()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    Ok(response)
}
