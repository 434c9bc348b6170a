//! One page from one address, as hostile input: bounded in time, bytes and headers, never redirected, decompressed under a cap.
//!
//! A plain connection is used again for the next page of the same address, as a target's other readers do ([`idle`]); one that turns out to
//! have been closed meanwhile is made anew. Absent: retries of anything else (the next slot is one), proxies, cookies, credentials.

mod idle;
mod pool;

pub(super) use self::pool::LARGE;

use std::{
    io::{self, Write},
    net::SocketAddr,
    time::Duration,
};

use flate2::write::MultiGzDecoder;
use futures::FutureExt as _;
use http_body_util::{BodyExt as _, Empty};
use hyper::{
    Request, Response, StatusCode, Version,
    body::{Body as _, Bytes, Incoming},
    client::conn::http1,
    header::{ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use seaworthy_soak::record::{Gap, GapReason};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::TlsConnector;

use self::{
    idle::Idle,
    pool::{FREE, Memory, Pool, TURN},
};
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Endpoint<'a> {
    /// Where.
    pub(crate) address: SocketAddr,
    /// Whether over TLS. Certificates are not verified: pods have no names that anybody could vouch for.
    pub(crate) tls: bool,
    /// The path.
    pub(crate) path: &'a str,
}

/// A page as it came.
pub(crate) struct Fetched {
    /// Decompressed.
    pub(crate) body: Vec<u8>,
    /// The `Content-Type` header, or nothing.
    pub(crate) content_type: String,
    /// Given back with the page.
    _memory: Option<Memory>,
}

/// The most bytes that response headers may have.
const HEADERS: usize = 64 << 10;

/// Fetches pages. Cheap to clone; clones share their memory for pages and their connections.
#[derive(Clone)]
pub(crate) struct Fetcher {
    tls: TlsConnector,
    pool: Pool,
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
        Self { tls: TlsConnector::from(tls::unverified()), pool: Pool::new(), idle: Idle::default(), bounds }
    }

    /// For one more run: its pages together have no more than their part of the memory for pages, whatever they do with it.
    pub(crate) fn for_run(&self) -> Self {
        Self { pool: self.pool.with_own_share(), ..self.clone() }
    }

    /// Asks for a page.
    ///
    /// # Errors
    /// A gap with the reason; nothing of a page that failed is kept.
    pub(crate) async fn fetch(&self, endpoint: &Endpoint<'_>, accept: &'static str) -> Result<Fetched, Gap> {
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
        endpoint: &Endpoint<'_>,
        accept: &'static str,
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
        endpoint: &Endpoint<'_>,
        accept: &'static str,
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
                Ok::<_, Failed>((self.page(response, deadline).await?, stays))
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

    async fn page(&self, response: Response<Incoming>, deadline: Instant) -> Result<Fetched, Gap> {
        let (head, mut body) = response.into_parts();
        check(head.status)?;
        let most = self.bounds.bytes;
        let header = |name| head.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let content_type = header(CONTENT_TYPE).to_owned();
        // What the page can have at most, as far as that can be told before it is there.
        let mut whole = most;
        let mut sink = match header(CONTENT_ENCODING).to_ascii_lowercase().as_str() {
            "" | "identity" => {
                if let Some(length) = body.size_hint().exact() {
                    whole = usize::try_from(length).ok().filter(|length| *length <= most).ok_or_else(|| large(most))?;
                }
                Sink::Plain(Capped::new(most))
            }
            "gzip" | "x-gzip" => Sink::Gzip(Box::new(MultiGzDecoder::new(Capped::new(most)))),
            other => {
                let detail = format!("the page is encoded as {other:?}, which was not asked for");
                return Err(Gap::new(GapReason::Malformed, detail));
            }
        };
        let (mut memory, mut until) = (None, deadline);
        let late = |_| {
            let detail = format!("no whole page within {} s of its turn: it is large, and others wait", TURN.as_secs());
            Gap::new(GapReason::Timeout, detail)
        };
        while let Some(frame) = timeout_at(until, body.frame()).await.map_err(late)? {
            let frame = frame.map_err(|e| broken(&e))?;
            let Some(mut rest) = frame.data_ref().map(Bytes::as_ref) else { continue };
            while !rest.is_empty() {
                match sink.take(rest)? {
                    Some(taken) => rest = rest.get(taken..).unwrap_or_default(),
                    None => until = self.admit(&mut sink, &mut memory, whole, deadline).await?,
                }
            }
        }
        while !sink.ends()? {
            self.admit(&mut sink, &mut memory, whole, deadline).await?;
        }
        let body = sink.into_body();
        // While it is read only what it has is held.
        let memory = memory.and_then(|memory: Memory| memory.shrunk(body.capacity()));
        Ok(Fetched { body, content_type, _memory: memory })
    }

    /// Memory for a page that has come to the end of what it may have; until when it must be there. Waiting is time of the request, half of
    /// what is left of it at most.
    async fn admit(
        &self,
        sink: &mut Sink,
        memory: &mut Option<Memory>,
        whole: usize,
        deadline: Instant,
    ) -> Result<Instant, Gap> {
        let now = Instant::now();
        let until = now + deadline.saturating_duration_since(now) / 2;
        match memory {
            None => {
                *memory = Some(self.pool.memory(whole, until).await?);
                sink.capped_mut().allowed = whole.min(LARGE);
                Ok(deadline)
            }
            Some(memory) => {
                self.pool.turn(memory, until).await?;
                sink.capped_mut().allowed = whole;
                Ok(deadline.min(Instant::now() + TURN))
            }
        }
    }
}

fn request(endpoint: &Endpoint<'_>, accept: &'static str) -> Result<Request<Empty<Bytes>>, Gap> {
    const AGENT: &str = concat!("seaworthy/", env!("CARGO_PKG_VERSION"));
    Request::get(endpoint.path)
        .header(HOST, endpoint.address.to_string())
        .header(USER_AGENT, HeaderValue::from_static(AGENT))
        .header(ACCEPT, HeaderValue::from_static(accept))
        .header(ACCEPT_ENCODING, HeaderValue::from_static("gzip"))
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

fn large(most: usize) -> Gap {
    Gap::new(GapReason::TooLarge, format!("the page has more than {most} bytes, decompressed"))
}

/// Bytes up to a bound; the one beyond it is an error. Those beyond what is allowed so far would block.
struct Capped {
    bytes: Vec<u8>,
    allowed: usize,
    most: usize,
}

impl Capped {
    fn new(most: usize) -> Self {
        Self { bytes: Vec::new(), allowed: FREE.min(most), most }
    }
}

impl Write for Capped {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        let len = self.bytes.len() + more.len();
        if len > self.most {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "over the bound"));
        }
        if len > self.allowed {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if len > self.bytes.capacity() {
            // Grows by half instead of twofold, and never beyond what is allowed.
            let want = len.max(self.bytes.capacity().saturating_mul(3) / 2).max(4096).min(self.allowed);
            self.bytes.reserve_exact(want - self.bytes.len());
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where a page is put together. A gzip stream, of one member or several (RFC 1952, 2.2), is inflated by at most 32 KiB at a time: a bomb meets the cap before it unfolds.
enum Sink {
    Plain(Capped),
    Gzip(Box<MultiGzDecoder<Capped>>),
}

impl Sink {
    /// How much of this was taken; None where more memory has to be allowed first.
    fn take(&mut self, piece: &[u8]) -> Result<Option<usize>, Gap> {
        let most = self.capped().most;
        let taken = match self {
            Self::Plain(sink) => sink.write(piece),
            Self::Gzip(sink) => sink.write(piece),
        };
        match taken {
            Ok(0) => Err(unpacked(&io::ErrorKind::WriteZero.into(), most)),
            Ok(taken) => Ok(Some(taken)),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(e) => Err(unpacked(&e, most)),
        }
    }

    /// Whether that was the whole page; no where more memory has to be allowed first.
    fn ends(&mut self) -> Result<bool, Gap> {
        let Self::Gzip(sink) = self else { return Ok(true) };
        match sink.try_finish() {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(e) => Err(unpacked(&e, sink.get_ref().most)),
        }
    }

    fn capped(&self) -> &Capped {
        match self {
            Self::Plain(sink) => sink,
            Self::Gzip(sink) => sink.get_ref(),
        }
    }

    fn capped_mut(&mut self) -> &mut Capped {
        match self {
            Self::Plain(sink) => sink,
            Self::Gzip(sink) => sink.get_mut(),
        }
    }

    fn into_body(mut self) -> Vec<u8> {
        std::mem::take(&mut self.capped_mut().bytes)
    }
}

fn unpacked(error: &io::Error, most: usize) -> Gap {
    let kind = error.kind();
    if kind == io::ErrorKind::FileTooLarge {
        large(most)
    } else if kind == io::ErrorKind::UnexpectedEof {
        Gap::new(GapReason::Truncated, format!("the gzip stream ends early: {error}"))
    } else {
        Gap::new(GapReason::Malformed, format!("the gzip stream is damaged: {error}"))
    }
}

#[cfg(test)]
mod tests;
