//! Against real sockets on the loopback address: everything that an endpoint can do to us.

use std::{
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use seaworthy_soak::{check::CheckSpec, page::Wants, record::GapReason};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::sampler::{
    looks::{Looker, tests::looker_at},
    spec::{SourceKind, SourceSpec},
    watch::played::{Answer, list, pod, server},
};

/// Serves every connection with `answer`, and gives the address.
async fn serve<F, R>(answer: F) -> SocketAddr
where
    F: Fn(TcpStream) -> R + Send + Sync + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    address
}

/// Reads the request, and answers with these bytes.
async fn says(bytes: Vec<u8>) -> SocketAddr {
    let bytes = Arc::new(bytes);
    serve(move |mut stream| {
        let bytes = Arc::clone(&bytes);
        async move {
            request_of(&mut stream).await;
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
    })
    .await
}

async fn request_of(stream: &mut TcpStream) -> String {
    let mut seen = Vec::new();
    let mut buffer = [0; 1024];
    while !seen.windows(4).any(|w| w == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(n) if n > 0 => seen.extend_from_slice(&buffer[..n]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&seen).into_owned()
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn quick() -> Fetcher {
    Fetcher::new(Bounds { connect: Duration::from_millis(300), total: Duration::from_millis(800), bytes: 4 << 20 })
}

async fn get(address: SocketAddr) -> Result<Fetched, Gap> {
    quick().fetch(&Endpoint { address, tls: false, path: "/metrics" }, "text/plain").await
}

async fn refused(address: SocketAddr) -> GapReason {
    let gap = get(address).await.err().expect("a gap");
    assert!(!gap.detail.is_empty());
    gap.reason
}

#[tokio::test]
async fn a_page_comes_plain_or_compressed() {
    let page = b"up 1\n".repeat(1000);
    let plain = says(answer("200 OK", "Content-Type: text/plain\r\n", &page)).await;
    let fetched = get(plain).await.unwrap_or_else(|g| panic!("{g}"));
    assert_eq!((fetched.body, fetched.content_type.as_str()), (page.clone(), "text/plain"));
    let packed = says(answer("200 OK", "Content-Encoding: gzip\r\n", &gzip(&page))).await;
    assert_eq!(get(packed).await.unwrap_or_else(|g| panic!("{g}")).body, page);
    let members = [gzip(&page[..3000]), gzip(&page[3000..])].concat();
    let two = says(answer("200 OK", "Content-Encoding: gzip\r\n", &members)).await;
    assert_eq!(get(two).await.unwrap_or_else(|g| panic!("{g}")).body, page, "two members are one page");
    let chunked = says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nup 1\n\r\n0\r\n\r\n".to_vec()).await;
    assert_eq!(get(chunked).await.unwrap_or_else(|g| panic!("{g}")).body, b"up 1\n");
    let until_close = says(b"HTTP/1.1 200 OK\r\n\r\nup 1\n".to_vec()).await;
    assert_eq!(get(until_close).await.unwrap_or_else(|g| panic!("{g}")).body, b"up 1\n");
}

#[tokio::test]
async fn the_request_is_what_it_should_be() {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
    let address = serve(move |mut stream| {
        let sender = sender.clone();
        async move {
            let _ = sender.send(request_of(&mut stream).await).await;
            let _ = stream.write_all(&answer("200 OK", "", b"")).await;
        }
    })
    .await;
    get(address).await.unwrap_or_else(|g| panic!("{g}"));
    let request = receiver.recv().await.unwrap().to_ascii_lowercase();
    assert!(request.starts_with("get /metrics http/1.1\r\n"), "{request}");
    for line in ["accept: text/plain", "accept-encoding: gzip"] {
        assert!(request.contains(line), "{request}");
    }
    assert!(!request.contains("authorization"), "{request}");
}

/// A looker at one pod behind a Service, which listens at this address.
fn looker(address: SocketAddr) -> Looker {
    let (client, _) = server(move |path| match path.split('?').next().unwrap_or_default() {
        _ if path.contains("watch=true") => Answer::Quiet,
        "/api/v1/namespaces/n/pods" => {
            let ready = json!([{"type": "Ready", "status": "True"}]);
            let ip = address.ip().to_string();
            list("Pod", &[pod("p", &json!({"status": {"phase": "Running", "podIP": ip, "conditions": ready}}))])
        }
        "/apis/discovery.k8s.io/v1/namespaces/n/endpointslices" => {
            let endpoint = json!({"addresses": [address.ip()], "targetRef": {"kind": "Pod", "name": "p"}});
            let metadata = json!({"name": "e", "namespace": "n", "labels": {"kubernetes.io/service-name": "s"}});
            list("EndpointSlice", &[json!({"metadata": metadata, "addressType": "IPv4", "endpoints": [endpoint]})])
        }
        _ => Answer::Absent,
    });
    let check = json!({"name": "c", "bound": {"source": "p", "metric": "m_total", "max": 9}});
    let checks: Vec<CheckSpec> = vec![serde_json::from_value(check).unwrap()];
    let service = Some(("n".to_owned(), "s".to_owned()));
    let kind = SourceKind::Prometheus { port: address.port(), path: "/metrics".into(), tls: false, service };
    looker_at(client, SourceSpec { name: "p".into(), wants: Wants::of(&checks, "p"), kind })
}

/// Not what a test asks for: what a slot does.
#[tokio::test]
async fn a_slot_asks_for_openmetrics_before_text_and_packed() {
    let openmetrics = (
        "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\nContent-Encoding: gzip\r\n",
        gzip(b"# TYPE m counter\nm_total 7 1700000000.5\n# EOF\n"),
    );
    let text = ("Content-Type: text/plain; version=0.0.4\r\n", b"m_total 7 1700000000500\n".to_vec());
    for (headers, page) in [openmetrics, text] {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(9);
        let page = Arc::new(answer("200 OK", headers, &page));
        let address = serve(move |mut stream| {
            let (sender, page) = (sender.clone(), Arc::clone(&page));
            async move {
                let _ = sender.send(request_of(&mut stream).await).await;
                let _ = stream.write_all(&page).await;
            }
        })
        .await;
        let seen = looker(address).look(0, 0, Instant::now()).await;
        let request = receiver.recv().await.unwrap().to_ascii_lowercase();
        assert!(request.starts_with("get /metrics http/1.1\r\n"), "{request}");
        let values = |name: &str| -> Vec<&str> {
            request.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect()
        };
        assert_eq!(values("accept-encoding"), ["gzip"], "{request}");
        let accepted = values("accept");
        let [accepted] = accepted.as_slice() else { panic!("{request}") };
        let offers: Vec<(&str, f64)> = accepted
            .split(',')
            .map(|offer| offer.split_once(";q=").unwrap())
            .map(|(t, q)| (t, q.parse().unwrap()))
            .collect();
        let types = ["application/openmetrics-text;version=1.0.0", "text/plain;version=0.0.4", "*/*"];
        assert!(offers.iter().map(|(offered, _)| *offered).eq(types), "{request}");
        assert!(offers.windows(2).all(|two| two[0].1 > two[1].1 && two[1].1 > 0.0), "{request}");
        assert!(receiver.try_recv().is_err(), "asked once");
        // And both are read as what they are.
        let [look] = seen.record.looks.as_slice() else { panic!("{:?}", seen.record.looks) };
        let page = look.result.as_ref().unwrap_or_else(|g| panic!("{headers}: {g}"));
        let samples: Vec<_> = page.samples.iter().map(|s| (&*s.series, s.value, s.timestamp_ms)).collect();
        assert_eq!(samples, [("m_total", 7.0, Some(1_700_000_000_500))], "{headers}");
    }
}

/// A server that answers so often over each connection, with this header, and then closes it; gives how many connections were made.
async fn answers(times: usize, header: &'static str) -> (SocketAddr, Arc<AtomicUsize>) {
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let address = serve(move |mut stream| {
        count.fetch_add(1, Ordering::SeqCst);
        async move {
            for _ in 0..times {
                if request_of(&mut stream).await.is_empty() {
                    return;
                }
                let _ = stream.write_all(&answer("200 OK", header, b"up 1\n")).await;
            }
            // One that is closed without a word: the request that comes next meets its end.
            request_of(&mut stream).await;
        }
    })
    .await;
    (address, made)
}

#[tokio::test]
async fn a_connection_serves_page_after_page_until_somebody_closes_it() {
    for (times, header, made) in
        [(9, "", 1), (2, "", 3), (9, "Connection: close\r\n", 6), (9, "connection: foo, Close\r\n", 6)]
    {
        let (address, connections) = answers(times, header).await;
        let fetcher = quick();
        let endpoint = Endpoint { address, tls: false, path: "/metrics" };
        for _ in 0..6 {
            let page =
                fetcher.fetch(&endpoint, "text/plain").await.unwrap_or_else(|g| panic!("{times} {header:?}: {g}"));
            assert_eq!(page.body, b"up 1\n");
        }
        assert_eq!(connections.load(Ordering::SeqCst), made, "{times} {header:?}");
    }
}

#[tokio::test]
async fn what_comes_unasked_is_no_page() {
    let address = serve(|mut stream| async move {
        while !request_of(&mut stream).await.is_empty() {
            let mut bytes = answer("200 OK", "", b"up 1\n");
            bytes.extend(answer("200 OK", "", b"up 2\n"));
            let _ = stream.write_all(&bytes).await;
        }
    })
    .await;
    let fetcher = quick();
    let endpoint = Endpoint { address, tls: false, path: "/metrics" };
    for _ in 0..3 {
        let page = fetcher.fetch(&endpoint, "text/plain").await.unwrap_or_else(|g| panic!("{g}"));
        assert_eq!(page.body, b"up 1\n");
    }
}

#[tokio::test]
async fn bad_answers_are_gaps_with_their_reason() {
    for (bytes, reason) in [
        (answer("500 Internal Server Error", "", b"up 1\n"), GapReason::HttpStatus),
        (answer("403 Forbidden", "", b""), GapReason::HttpStatus),
        (answer("206 Partial Content", "", b"up 1\n"), GapReason::HttpStatus),
        (answer("302 Found", "Location: http://127.0.0.1:1/metrics\r\n", b""), GapReason::Redirect),
        (answer("200 OK", "Content-Encoding: br\r\n", b"up 1\n"), GapReason::Malformed),
        (answer("200 OK", "Content-Encoding: gzip\r\n", &b"up 1\n".repeat(9)), GapReason::Malformed),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nup 1\n".to_vec(), GapReason::Truncated),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nup 1\n\r\n".to_vec(), GapReason::Truncated),
        (b"SSH-2.0-OpenSSH\r\n\r\n".to_vec(), GapReason::Malformed),
        (b"".to_vec(), GapReason::Truncated),
        (format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(1_000_000)).into_bytes(), GapReason::TooLarge),
    ] {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        let gap = get(says(bytes).await).await.err().unwrap_or_else(|| panic!("no gap: {shown}"));
        assert_eq!(gap.reason, reason, "{shown} {gap}");
    }
    let page = gzip(&b"up 1\n".repeat(1000));
    let cut = answer("200 OK", "Content-Encoding: gzip\r\n", &page[..page.len() / 2]);
    assert_eq!(refused(says(cut).await).await, GapReason::Truncated);
    for rest in [b"and more".as_slice(), &page[..9]] {
        let more = answer("200 OK", "Content-Encoding: gzip\r\n", &[&page, rest].concat());
        let reason = refused(says(more).await).await;
        assert!(matches!(reason, GapReason::Malformed | GapReason::Truncated), "{reason:?}");
    }
}

#[tokio::test]
async fn bombs_and_endless_pages_meet_the_cap() {
    let bomb = gzip(&vec![b'#'; 64 << 20]);
    assert!(bomb.len() < 100_000);
    assert_eq!(refused(says(answer("200 OK", "Content-Encoding: gzip\r\n", &bomb)).await).await, GapReason::TooLarge);
    let bombs = gzip(&vec![b'#'; 1 << 20]).repeat(8);
    assert_eq!(refused(says(answer("200 OK", "Content-Encoding: gzip\r\n", &bombs)).await).await, GapReason::TooLarge);
    let endless = serve(|mut stream| async move {
        request_of(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(&[b'\n'; 16384]).await.is_ok() {}
    })
    .await;
    assert_eq!(refused(endless).await, GapReason::TooLarge);
}

#[tokio::test]
async fn what_hangs_or_drips_ends_in_time() {
    let hung = serve(|mut stream| async move {
        request_of(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    assert_eq!(refused(hung).await, GapReason::Timeout);
    let dripping = serve(|mut stream| async move {
        request_of(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(b"#").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(refused(dripping).await, GapReason::Timeout);
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_eq!(refused(nobody).await, GapReason::Connection);
}

#[tokio::test]
async fn tls_that_never_ends_its_handshake_is_a_gap() {
    let silent = serve(|stream| async move {
        let _stream = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let plain = says(answer("200 OK", "", b"up 1\n")).await;
    for address in [silent, plain] {
        let endpoint = Endpoint { address, tls: true, path: "/metrics" };
        let gap = quick().fetch(&endpoint, "text/plain").await.err().expect("a gap");
        assert_eq!(gap.reason, GapReason::Tls, "{gap}");
    }
}

#[tokio::test]
async fn a_self_signed_certificate_will_do() {
    let made = rcgen::generate_simple_self_signed(vec!["pod.example".into()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let address = serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut stream = acceptor.accept(stream).await.unwrap();
            let mut buffer = [0; 1024];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(&answer("200 OK", "", b"up 1\n")).await;
            let _ = stream.shutdown().await;
        }
    })
    .await;
    let endpoint = Endpoint { address, tls: true, path: "/metrics" };
    let fetched = quick().fetch(&endpoint, "text/plain").await.unwrap_or_else(|g| panic!("{g}"));
    assert_eq!(fetched.body, b"up 1\n");
}

/// Sends almost as much as a page may have, and then nothing.
async fn hangs() -> SocketAddr {
    static PAGE: [u8; 4_000_000] = [b'#'; 4_000_000];
    serve(|mut stream| async move {
        request_of(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        let _ = stream.write_all(&PAGE).await;
        std::future::pending::<()>().await;
    })
    .await
}

/// More pages of one run than the pool has memory for, all of which stop before their end.
#[tokio::test]
async fn those_that_hang_do_not_hold_up_other_runs() {
    let (hung, small) = (hangs().await, says(answer("200 OK", "", &b"up 1\n".repeat(40_000))).await);
    let large = says(answer("200 OK", "", &b"up 1\n".repeat(200_000))).await;
    let fetcher = Fetcher::new(Bounds { total: Duration::from_secs(5), ..Bounds::default() });
    let [hung, small, large] = [hung, small, large].map(|address| Endpoint { address, tls: false, path: "/metrics" });
    let (run, other) = (fetcher.for_run(), fetcher.for_run());
    let many = futures::future::join_all((0..200).map(|_| run.fetch(&hung, "text/plain")));
    let others = async {
        // The run has as much as one may have, and the turn.
        let full = || run.pool.share.available_permits() < 3 && run.pool.turns.available_permits() == 0;
        while !full() {
            tokio::task::yield_now().await;
        }
        let small = other.fetch(&small, "text/plain").await;
        assert!(full(), "it waited for them");
        (small, other.fetch(&large, "text/plain").await)
    };
    let all = Box::pin(timeout(Duration::from_secs(20), async { futures::join!(many, others) }));
    let (hung, (small, large)) = all.await.expect("all in time");
    for (page, bytes) in [(small, 200_000), (large, 1_000_000)] {
        assert_eq!(page.unwrap_or_else(|g| panic!("{g}")).body.len(), bytes);
    }
    let gaps: Vec<Gap> = hung.into_iter().filter_map(Result::err).collect();
    let ends = ["memory for pages is in use", "of its turn"]
        .map(|end| gaps.iter().filter(|gap| gap.detail.contains(end)).count());
    assert!(ends[0] > 0 && ends[1] > 0 && ends[0] + ends[1] == 200, "{ends:?} {gaps:?}");
}

#[tokio::test]
async fn large_pages_that_hang_at_every_look_hold_up_no_large_page_of_others() {
    let large = says(answer("200 OK", "", &b"up 1\n".repeat(200_000))).await;
    let [hung, large] = [hangs().await, large].map(|address| Endpoint { address, tls: false, path: "/metrics" });
    let fetcher = Fetcher::new(Bounds { total: Duration::from_secs(5), ..Bounds::default() });
    let (runs, other) = ([(); 5].map(|()| fetcher.for_run()), fetcher.for_run());
    // Each has had its turn once.
    for run in &runs {
        let gap = run.fetch(&hung, "text/plain").await.err().unwrap();
        assert!(gap.detail.contains("of its turn"), "{gap}");
    }
    let again = |run: Fetcher| async move {
        loop {
            assert!(run.fetch(&hung, "text/plain").await.is_err());
        }
    };
    let hostile = futures::future::join_all(runs.map(again));
    let pages = async {
        for _ in 0..4 {
            while other.pool.turns.available_permits() > 0 {
                tokio::task::yield_now().await;
            }
            let page = other.fetch(&large, "text/plain").await.unwrap_or_else(|gap| panic!("{gap}"));
            assert_eq!(page.body.len(), 1_000_000);
        }
    };
    tokio::select! {
        _ = hostile => unreachable!("it has no end"),
        all = timeout(Duration::from_secs(20), pages) => all.expect("all in time"),
    }
}

#[tokio::test]
async fn many_pages_of_a_mebibyte_all_arrive() {
    let page = b"up 1\n".repeat((1 << 20) / 5);
    let plain = answer("200 OK", "", &page);
    let packed = answer("200 OK", "Content-Encoding: gzip\r\n", &gzip(&page));
    let mut until_close = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    until_close.extend(&page);
    for bytes in [plain, packed, until_close] {
        let address = says(bytes).await;
        let fetcher = Fetcher::new(Bounds { total: Duration::from_secs(20), ..Bounds::default() }).for_run();
        let endpoint = Endpoint { address, tls: false, path: "/metrics" };
        // Each page is let go once it is there, as whoever reads it does.
        let one = || async { fetcher.fetch(&endpoint, "text/plain").await.map(|fetched| fetched.body.len()) };
        for got in futures::future::join_all((0..64).map(|_| one())).await {
            assert_eq!(got.unwrap_or_else(|g| panic!("{g}")), page.len());
        }
    }
}

/// For the process that measures itself: where the pages are.
const PAGES: &str = "SEAWORTHY_TEST_PAGES";

/// A line of `/proc/self/status` in bytes.
fn memory(what: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

/// Pages made to take memory, and how each ends.
fn hostile() -> Vec<(&'static str, Vec<u8>, Option<GapReason>)> {
    let packed = |page: Vec<u8>| answer("200 OK", "Content-Encoding: gzip\r\n", &gzip(&page));
    let headers = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(10 << 20));
    vec![
        // What any first page takes, in code and tables, is not the next ones' doing, and is not measured.
        ("a page", answer("200 OK", "", b"up 1\n"), None),
        ("a bomb", packed(vec![b'#'; 64 << 20]), Some(GapReason::TooLarge)),
        ("a line of 10 MB", packed(vec![b'x'; 10 << 20]), Some(GapReason::TooLarge)),
        ("a million series", packed(b"x 1\n".repeat(1 << 20)), Some(GapReason::TooManySeries)),
        ("more than a million", packed(b"x 1\n".repeat(2 << 20)), Some(GapReason::TooLarge)),
        ("one line within the bound", packed(vec![b'x'; 4 << 20]), Some(GapReason::TooLarge)),
        ("NaN everywhere", packed(b"x{a=\"b\"} NaN\n".repeat(90_000)), None),
        ("headers without end", headers.into(), Some(GapReason::TooLarge)),
    ]
}

/// Runs this test by itself in a process of its own, with the addresses of these pages, and gives what it printed: what other tests and the
/// making of the pages take is not counted there.
async fn alone(name: &str, addresses: &[String]) -> String {
    let name = format!("sampler::fetch::tests::{name}");
    let mut again = tokio::process::Command::new(std::env::current_exe().unwrap());
    let again = again.args(["--exact", &name, "--nocapture"]).env(PAGES, addresses.join(","));
    let ended = again.output().await.unwrap();
    let (out, err) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{out}{err}");
    out.into_owned()
}

/// Pages of many runs that unfold at once wait for memory before they do.
#[tokio::test]
async fn pages_that_unfold_at_once_stay_within_the_pool() {
    let Ok(address) = std::env::var(PAGES) else {
        let bytes = answer("200 OK", "Content-Encoding: gzip\r\n", &gzip(&vec![b'#'; 4_000_000]));
        alone("pages_that_unfold_at_once_stay_within_the_pool", &[says(bytes).await.to_string()]).await;
        return;
    };
    let endpoint = Endpoint { address: address.parse().unwrap(), tls: false, path: "/metrics" };
    let fetcher = quick();
    let before = memory("VmRSS:");
    // Kept: whoever comes later waits in vain.
    let all = futures::future::join_all((0..40).map(|_| {
        let run = fetcher.for_run();
        let endpoint = &endpoint;
        async move { run.fetch(endpoint, "text/plain").await }
    }));
    let arrived = all.await.iter().filter(|page| page.is_ok()).count();
    let grown = memory("VmHWM:").saturating_sub(before);
    assert_eq!(arrived, 1, "large ones take turns");
    // One page, and for each what it may have before its turn, an inflater and buffers.
    assert!(grown <= (4 << 20) + 40 * (LARGE + (400 << 10)), "{grown} bytes");
}

/// What a page costs from the request to its samples, at its height.
#[tokio::test]
async fn hostile_pages_cost_at_most_eight_mebibytes() {
    let Ok(addresses) = std::env::var(PAGES) else {
        let mut addresses = Vec::new();
        for (_, bytes, _) in hostile() {
            addresses.push(says(bytes).await.to_string());
        }
        let out = alone("hostile_pages_cost_at_most_eight_mebibytes", &addresses).await;
        // In the order in which they are made above.
        let ends: Vec<String> = hostile().into_iter().map(|(_, _, reason)| format!("{reason:?}")).collect();
        let seen: Vec<&str> = out.lines().filter_map(|line| line.strip_prefix("page: ")).collect();
        assert_eq!(seen, ends);
        return;
    };
    let wants = seaworthy_soak::page::Wants::of(&[], "s");
    for (k, address) in addresses.split(',').enumerate() {
        // Forgets how high it was.
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        let before = memory("VmRSS:");
        let page = match get(address.parse().unwrap()).await {
            Ok(fetched) => {
                let (format, limits) = (seaworthy_soak::scan::Format::Text, seaworthy_soak::scan::Limits::default());
                seaworthy_soak::page::read_page(&fetched.body, format, &limits, &wants, 0, "")
            }
            Err(gap) => Err(gap),
        };
        let grown = memory("VmHWM:").saturating_sub(before);
        eprintln!("{address}: {} KiB", grown / 1024);
        println!("\npage: {:?}", page.err().map(|gap| gap.reason));
        assert!(k == 0 || grown <= 8 << 20, "{address} took {grown} bytes");
    }
}
