//! The plan Job over https: the server's certificate is checked, by the secret's authority where it names one.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod common;

use std::path::Path;
use std::sync::Arc;

use common::{Repo, Server, job};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{ServerConfig, pki_types::PrivateKeyDer};

/// Ends TLS in front of a server, with a certificate for the loopback address; writes that into `ca.crt` of the folder. Returns its address.
fn front(server: &Server, folder: &Path) -> String {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).unwrap();
    std::fs::write(folder.join("ca.crt"), made.cert.pem()).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let behind = server.address.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, behind) = (acceptor.clone(), behind.clone());
                tokio::spawn(async move {
                    // Whoever does not trust the certificate hangs up.
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut behind = TcpStream::connect(behind).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut stream, &mut behind).await;
                });
            }
        });
    });
    address
}

#[test]
fn a_certificate_is_checked_by_the_secrets_authority_and_the_login_goes_over_it() {
    let root = tempfile::tempdir().unwrap();
    let repo = Repo::new(root.path(), "repo");
    repo.commit("a", "feat: start");
    let secret = tempfile::tempdir().unwrap();
    let server = Server::start(root.path(), Some("me:s3 cret"));
    let front = format!("https://{}", front(&server, secret.path()));
    let url = server.url("repo").replace(&format!("http://{}", server.address), &front);
    std::fs::write(secret.path().join("username"), "me").unwrap();
    std::fs::write(secret.path().join("password"), "s3 cret").unwrap();
    let folder = secret.path().to_string_lossy().into_owned();
    let said = || job(&url, &repo.head(), &["--credentials", &folder]);
    let known = said();
    assert_eq!(known.status, 0, "{} {}", known.termination, known.stderr);
    assert_eq!(known.stdout, job(&repo.url(), &repo.head(), &[]).stdout);

    // The same server, and an authority that did not sign its certificate; then none but the system's.
    let other = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).unwrap();
    std::fs::write(secret.path().join("ca.crt"), other.cert.pem()).unwrap();
    let wrong = said();
    std::fs::remove_file(secret.path().join("ca.crt")).unwrap();
    for refused in [wrong, said()] {
        assert_ne!(refused.status, 0, "{}", refused.stdout);
        assert!(refused.termination.contains("certificate"), "{}", refused.termination);
        assert!(!refused.termination.contains("s3 cret") && !refused.stderr.contains("s3 cret"));
    }
}
