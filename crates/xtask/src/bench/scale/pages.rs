//! Targets without pods: one process that answers on every address of 127.0.0.0/8, as well or as badly as each is to.
//!
//! A page is made once and sent again and again, so that what is measured is who reads it. Answers are those of plain HTTP/1.1 with
//! `Connection: close`, which the sampler asks for.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The most bytes of a request that are read.
const REQUEST: usize = 16 << 10;

/// How a target answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// At once.
    Fine,
    /// Accepts, and never answers.
    Hangs,
    /// A byte every 200 ms, without end.
    Drips,
}

/// The address of target number `target`.
pub(super) fn address(target: u32) -> Ipv4Addr {
    let base = u32::from(Ipv4Addr::new(127, 64, 0, 1));
    Ipv4Addr::from(base + target)
}

/// The target at an address; None for one that is nobody's.
fn number(address: IpAddr) -> Option<u32> {
    match address {
        IpAddr::V4(v4) => u32::from(v4).checked_sub(u32::from(Ipv4Addr::new(127, 64, 0, 1))),
        IpAddr::V6(_) => None,
    }
}

/// Pages being served; ends when dropped.
pub(super) struct Pages {
    /// The port, the same on every address.
    pub(super) port: u16,
    _runtime: tokio::runtime::Runtime,
}

/// Serves pages of about `kibibytes` in the `manner` of each target, on a thread of their own.
pub(super) fn serve(kibibytes: usize, manner: fn(u32) -> Manner) -> Result<Pages> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let page: Arc<[u8]> = answer(kibibytes << 10).into();
    let listener = runtime.block_on(TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))));
    let listener = listener.context("could not listen for the targets' pages")?;
    let port = listener.local_addr()?.port();
    runtime.spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let target = stream.local_addr().ok().and_then(|at| number(at.ip()));
            let manner = target.map_or(Manner::Fine, manner);
            let page = Arc::clone(&page);
            // Whoever asks and goes away is no concern of ours.
            tokio::spawn(async move { all(stream, manner, &page).await.ok() });
        }
    });
    Ok(Pages { port, _runtime: runtime })
}

/// Answers request after request, as servers of metrics do.
async fn all(mut stream: TcpStream, manner: Manner, page: &[u8]) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    while one(&mut stream, manner, page).await? {}
    Ok(())
}

/// Whether there may be another.
async fn one(stream: &mut TcpStream, manner: Manner, page: &[u8]) -> std::io::Result<bool> {
    let mut request = vec![0; 1024];
    let mut len = 0;
    while !request[..len].windows(4).any(|end| end == b"\r\n\r\n") {
        if len == request.len() {
            request.resize((len * 2).min(REQUEST), 0);
        }
        let read = stream.read(&mut request[len..]).await?;
        if read == 0 {
            return Ok(false);
        }
        len += read;
    }
    match manner {
        Manner::Fine => stream.write_all(page).await.map(|()| true),
        Manner::Hangs => stream.read(&mut request).await.map(|_| false),
        Manner::Drips => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n").await?;
            loop {
                stream.write_all(b"#").await?;
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

/// A whole answer: a page like that of a controller, with `seaworthy_bench_level` as its first metric.
fn answer(bytes: usize) -> Vec<u8> {
    let name = "rest_client_request_duration_seconds";
    let head = format!("# TYPE seaworthy_bench_level gauge\nseaworthy_bench_level 1\n# TYPE {name} histogram\n");
    let kind = |kind: usize| {
        let labels = format!("resource=\"kind-{kind}\",verb=\"GET\"");
        let bucket = |(bound, count)| format!("{name}_bucket{{{labels},le=\"{bound}\"}} {count}\n");
        let buckets: String =
            [("0.005", 17), ("0.05", 4_211), ("0.5", 4_397), ("5", 4_398), ("+Inf", 4_398)].map(bucket).concat();
        format!("{buckets}{name}_sum{{{labels}}} 81.25{kind}\n{name}_count{{{labels}}} 4398\n")
    };
    let mut page = head;
    for number in 0.. {
        if page.len() >= bytes {
            break;
        }
        page.push_str(&kind(number));
    }
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\n\r\n", page.len());
    (head + &page).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_an_address_and_is_found_by_it() {
        for target in [0, 1, 255, 1499] {
            assert_eq!(number(address(target).into()), Some(target));
        }
        assert_eq!(number(Ipv4Addr::LOCALHOST.into()), None);
    }

    #[test]
    fn an_answer_is_a_page_of_about_that_size() {
        let text = String::from_utf8(answer(200 << 10)).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())));
        assert!((200 << 10..201 << 10).contains(&body.len()), "{}", body.len());
    }
}
