//! One page from one address, as hostile input: bounded in time, bytes and headers, never redirected, decompressed under a cap.
//!
//! A plain connection is used again for the next page of the same address, as a target's other readers do ([`idle`]); one that turns out to
//! have been closed meanwhile is made anew. Absent: retries of anything else (the next slot is one), proxies, cookies, credentials.

mod idle;

use std::{
    io::{self, Write},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use flate2::write::GzDecoder;
use futures::FutureExt as _;
use http_body_util::{BodyExt as _, Empty};
use hyper::{
    Request, Response, StatusCode, Version,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::{ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HOST, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use seaworthy_soak::record::{Gap, GapReason};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::TlsConnector;

use self::idle::Idle;
use super::tls;

/// Bounds of one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Until the connection stands.
    pub(crate) connect: Duration,
    /// From the first packet to the last byte of the page.
    pub(crate) total: Duration,
    /// Of the page, decompressed.
    pub(crate) bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { connect: Duration::from_secs(2), total: Duration::from_secs(5), bytes: 4 << 20 }
    }
}

/// What to ask for. The address is that of a pod, resolved by us; the names in a spec never are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Where.
    pub(crate) address: SocketAddr,
    /// Whether over TLS. Certificates are not verified: pods have no names that anybody could vouch for.
    pub(crate) tls: bool,
    /// The path.
    pub(crate) path: String,
}

/// A page as it came.
pub(crate) struct Fetched {
    /// Decompressed.
    pub(crate) body: Vec<u8>,
    /// The `Content-Type` header, or nothing.
    pub(crate) content_type: String,
    /// Given back with the page.
    _memory: Option<OwnedSemaphorePermit>,
}

/// All pages in memory together may have so many bytes beyond their first [`FREE`] ones.
const POOL: usize = 32 << 20;
/// What each page may have without asking the pool.
const FREE: usize = 64 << 10;
/// The unit of the pool.
const UNIT: usize = 64 << 10;
/// The most bytes that response headers may have.
const HEADERS: usize = 64 << 10;

/// Fetches pages. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Fetcher {
    tls: TlsConnector,
    pool: Arc<Semaphore>,
    idle: Idle,
    bounds: Bounds,
}

/// Why there is no page.
struct Failed {
    gap: Gap,
    /// Nothing of an answer had come.
    unheard: bool,
}

impl From<Gap> for Failed {
    fn from(gap: Gap) -> Self {
        Self { gap, unheard: false }
    }
}

impl Fetcher {
    pub(crate) fn new(bounds: Bounds) -> Self {
        let pool = Arc::new(Semaphore::new(POOL / UNIT));
        Self { tls: TlsConnector::from(tls::unverified()), pool, idle: Idle::default(), bounds }
    }

    /// Asks for a page.
    ///
    /// # Errors
    /// A gap with the reason; nothing of a page that failed is kept.
    pub(crate) async fn fetch(&self, endpoint: &Endpoint, accept: &str) -> Result<Fetched, Gap> {
        let deadline = Instant::now() + self.bounds.total;
        if !endpoint.tls
            && let Some(stream) = self.idle.take(endpoint.address)
        {
            match self.plain(stream, endpoint, accept, deadline).await {
                // Closed while the request was on its way: of that, nobody can have known.
                Err(Failed { unheard: true, .. }) => {}
                other => return other.map_err(|failed| failed.gap),
            }
        }
        let connect = self.bounds.connect.min(self.bounds.total);
        let stream = match timeout(connect, TcpStream::connect(endpoint.address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(e)) => return Err(gap(GapReason::Connection, &e)),
            Err(_) => {
                return Err(Gap::new(
                    GapReason::ConnectTimeout,
                    format!("no connection within {} s", connect.as_secs()),
                ));
            }
        };
        // Nagle would hold a request back that has nothing more to send.
        let _ = stream.set_nodelay(true);
        if !endpoint.tls {
            return self.plain(stream, endpoint, accept, deadline).await.map_err(|failed| failed.gap);
        }
        let name = ServerName::IpAddress(endpoint.address.ip().into());
        match timeout_at(deadline, self.tls.connect(name, stream)).await {
            Ok(Ok(stream)) => match self.ask(stream, endpoint, accept, deadline).await {
                Ok((page, _)) => Ok(page),
                Err(failed) => Err(failed.gap),
            },
            Ok(Err(e)) => Err(gap(GapReason::Tls, &e)),
            Err(_) => Err(Gap::new(GapReason::Tls, "the TLS handshake did not end in time")),
        }
    }

    /// Asks over this connection, and keeps it where it can be used again.
    async fn plain(
        &self,
        stream: TcpStream,
        endpoint: &Endpoint,
        accept: &str,
        deadline: Instant,
    ) -> Result<Fetched, Failed> {
        let (page, stream) = self.ask(stream, endpoint, accept, deadline).await?;
        if let Some(stream) = stream {
            self.idle.put(endpoint.address, stream);
        }
        Ok(page)
    }

    /// The page, and the connection if it can be used again.
    async fn ask<S>(
        &self,
        stream: S,
        endpoint: &Endpoint,
        accept: &str,
        deadline: Instant,
    ) -> Result<(Fetched, Option<S>), Failed>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let late = || Gap::new(GapReason::Timeout, format!("no whole page within {} s", self.bounds.total.as_secs()));
        let unheard = |e: hyper::Error| Failed { gap: broken(&e), unheard: true };
        let request = request(endpoint, accept)?;
        let exchange = async {
            let (mut sender, connection) =
                http1::Builder::new().max_buf_size(HEADERS).handshake(TokioIo::new(stream)).await.map_err(unheard)?;
            let page = async move {
                let response = sender.send_request(request).await.map_err(unheard)?;
                let stays = response.version() == Version::HTTP_11 && !closes(&response);
                Ok::<_, Failed>((self.page(response).await?, stays))
            };
            let connection = connection.without_shutdown();
            tokio::pin!(page, connection);
            let (page, stays) = tokio::select! {
                biased;
                page = &mut page => page?,
                // The connection ends by itself once all was read; what was read may still have to be taken.
                _ = &mut connection => return Ok((page.await?.0, None)),
            };
            // With nobody left who could ask, it gives its stream back at once.
            let parts = if stays { connection.now_or_never().and_then(Result::ok) } else { None };
            let stream = parts.filter(|parts| parts.read_buf.is_empty()).map(|parts| parts.io.into_inner());
            Ok((page, stream))
        };
        timeout_at(deadline, exchange).await.unwrap_or_else(|_| Err(late().into()))
    }

    async fn page(&self, response: Response<Incoming>) -> Result<Fetched, Gap> {
        let (head, mut body) = response.into_parts();
        check(head.status)?;
        let header = |name| head.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let content_type = header(CONTENT_TYPE).to_owned();
        let mut sink = match header(CONTENT_ENCODING).to_ascii_lowercase().as_str() {
            "" | "identity" => Sink::Plain(Capped::new(self.bounds.bytes)),
            "gzip" | "x-gzip" => Sink::Gzip(Box::new(GzDecoder::new(Capped::new(self.bounds.bytes)))),
            other => {
                let detail = format!("the page is encoded as {other:?}, which was not asked for");
                return Err(Gap::new(GapReason::Malformed, detail));
            }
        };
        let mut memory = None;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|e| broken(&e))?;
            let Some(chunk) = frame.data_ref() else { continue };
            // Inflated piece by piece: a bomb meets the cap before it unfolds, and memory is asked for before it is used.
            for piece in chunk.chunks(UNIT / 16) {
                sink.take(piece)?;
                self.reserve(&mut memory, sink.len()).await?;
            }
        }
        Ok(Fetched { body: sink.finish()?, content_type, _memory: memory })
    }

    /// Takes as much from the pool as a page of `bytes` needs. Waiting counts as time of the request.
    async fn reserve(&self, held: &mut Option<OwnedSemaphorePermit>, bytes: usize) -> Result<(), Gap> {
        let needed = bytes.saturating_sub(FREE).div_ceil(UNIT);
        let has = held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if needed <= has {
            return Ok(());
        }
        let more = u32::try_from(needed - has).unwrap_or(u32::MAX);
        let closed = |_| Gap::new(GapReason::Other, "the sampler stops");
        let more = Arc::clone(&self.pool).acquire_many_owned(more).await.map_err(closed)?;
        match held {
            Some(permit) => permit.merge(more),
            None => *held = Some(more),
        }
        Ok(())
    }
}

fn request(endpoint: &Endpoint, accept: &str) -> Result<Request<Empty<Bytes>>, Gap> {
    Request::get(&endpoint.path)
        .header(HOST, endpoint.address.to_string())
        .header(USER_AGENT, concat!("seaworthy/", env!("CARGO_PKG_VERSION")))
        .header(ACCEPT, accept)
        .header(ACCEPT_ENCODING, "gzip")
        .body(Empty::new())
        .map_err(|e| gap(GapReason::Other, &e))
}

/// Whether an answer says that its connection ends with it.
fn closes(response: &Response<Incoming>) -> bool {
    let words = response.headers().get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    words.flat_map(|value| value.split(',')).any(|word| word.trim().eq_ignore_ascii_case("close"))
}

/// Only 200 is a page.
fn check(status: StatusCode) -> Result<(), Gap> {
    if status == StatusCode::OK {
        return Ok(());
    }
    let reason = if status.is_redirection() { GapReason::Redirect } else { GapReason::HttpStatus };
    Err(Gap::new(reason, format!("HTTP {status}")))
}

fn gap(reason: GapReason, error: &dyn std::error::Error) -> Gap {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(e) = source {
        let more = e.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = e.source();
    }
    Gap::new(reason, text)
}

fn broken(error: &hyper::Error) -> Gap {
    let reason = if error.is_incomplete_message() || error.is_body_write_aborted() {
        GapReason::Truncated
    } else if error.is_parse_too_large() {
        GapReason::TooLarge
    } else if error.is_parse() {
        GapReason::Malformed
    } else {
        // An error inside the body is a page that was cut; one before it is a connection that broke.
        let text = gap(GapReason::Connection, error);
        return if text.detail.contains("body") { Gap { reason: GapReason::Truncated, ..text } } else { text };
    };
    gap(reason, error)
}

/// Bytes up to a bound; the one beyond it is an error.
struct Capped {
    bytes: Vec<u8>,
    most: usize,
}

impl Capped {
    const fn new(most: usize) -> Self {
        Self { bytes: Vec::new(), most }
    }
}

impl Write for Capped {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        let len = self.bytes.len() + more.len();
        if len > self.most {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "over the bound"));
        }
        if len > self.bytes.capacity() {
            // Grows by half instead of twofold, and never beyond the bound.
            let want = len.max(self.bytes.capacity().saturating_mul(3) / 2).max(4096).min(self.most);
            self.bytes.reserve_exact(want - self.bytes.len());
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where a page is put together.
enum Sink {
    Plain(Capped),
    Gzip(Box<GzDecoder<Capped>>),
}

impl Sink {
    fn take(&mut self, piece: &[u8]) -> Result<(), Gap> {
        let most = self.capped().most;
        let done = match self {
            Self::Plain(sink) => sink.write_all(piece),
            Self::Gzip(sink) => sink.write_all(piece),
        };
        done.map_err(|e| unpacked(&e, most))
    }

    fn capped(&self) -> &Capped {
        match self {
            Self::Plain(sink) => sink,
            Self::Gzip(sink) => sink.get_ref(),
        }
    }

    fn len(&self) -> usize {
        self.capped().bytes.len()
    }

    fn finish(self) -> Result<Vec<u8>, Gap> {
        match self {
            Self::Plain(sink) => Ok(sink.bytes),
            Self::Gzip(sink) => {
                let most = sink.get_ref().most;
                sink.finish().map(|sink| sink.bytes).map_err(|e| unpacked(&e, most))
            }
        }
    }
}

fn unpacked(error: &io::Error, most: usize) -> Gap {
    let kind = error.kind();
    if kind == io::ErrorKind::FileTooLarge {
        Gap::new(GapReason::TooLarge, format!("the page has more than {most} bytes, decompressed"))
    } else if kind == io::ErrorKind::UnexpectedEof {
        Gap::new(GapReason::Truncated, format!("the gzip stream ends early: {error}"))
    } else {
        Gap::new(GapReason::Malformed, format!("the gzip stream is damaged: {error}"))
    }
}

#[cfg(test)]
mod tests;
