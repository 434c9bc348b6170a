//! Certificates and kubeconfig files of a cluster, made anew for every `up`.
//!
//! One authority for the API server and its clients, one for the aggregation layer (front proxy), one key for service
//! account tokens. Deliberately absent: rotation and expiry; a cluster lives for a session.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use serde_json::json;

use super::slot::Slot;
use super::state::State;

/// A client of the API server: file name, user, groups.
const CLIENTS: [(&str, &str, &[&str]); 6] = [
    ("admin", "kubernetes-admin", &["system:masters"]),
    ("controller-manager", "system:kube-controller-manager", &[]),
    ("scheduler", "system:kube-scheduler", &[]),
    ("proxy", "system:kube-proxy", &[]),
    ("dns", "system:coredns", &[]),
    ("apiserver-kubelet", "kube-apiserver-kubelet-client", &["system:masters"]),
];

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// Writes all of them below `pki/`, and one `*.kubeconfig` per client into the state folder.
pub(crate) fn write(state: &State, slot: Slot) -> Result<()> {
    let folder = state.path("pki");
    fs::create_dir_all(&folder)?;
    let authority = Authority::new("seaworthy", &folder, "ca")?;
    let front = Authority::new("seaworthy-front-proxy", &folder, "front-proxy-ca")?;
    let server = format!("https://{}:6443", slot.node_ip());

    let names = [
        "kubernetes".to_owned(),
        "kubernetes.default".to_owned(),
        "kubernetes.default.svc".to_owned(),
        "kubernetes.default.svc.cluster.local".to_owned(),
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        slot.node_ip().to_string(),
        slot.kubernetes_ip().to_string(),
    ];
    authority.sign(&folder, "apiserver", "kube-apiserver", &[], &names)?;
    let node = format!("system:node:{}", state.name);
    let kubelet_names = [state.name.clone(), slot.node_ip().to_string()];
    authority.sign(&folder, "kubelet-server", &node, &["system:nodes"], &kubelet_names)?;
    front.sign(&folder, "front-proxy", "front-proxy-client", &[], &[])?;
    for (file, user, groups) in CLIENTS {
        let (certificate, key) = authority.sign(&folder, file, user, groups, &[])?;
        kubeconfig(
            &state.path(&format!("{file}.kubeconfig")),
            state,
            &server,
            &authority.certificate,
            &certificate,
            &key,
        )?;
    }
    let (certificate, key) = authority.sign(&folder, "kubelet", &node, &["system:nodes"], &[])?;
    kubeconfig(&state.path("kubelet.kubeconfig"), state, &server, &authority.certificate, &certificate, &key)?;

    let tokens = KeyPair::generate()?;
    private(&folder.join("service-account.key"), &tokens.serialize_pem())?;
    fs::write(folder.join("service-account.pub"), tokens.public_key_pem())?;
    Ok(())
}

impl Authority {
    fn new(name: &str, folder: &Path, file: &str) -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        fs::write(folder.join(format!("{file}.crt")), &certificate)?;
        private(&folder.join(format!("{file}.key")), &key.serialize_pem())?;
        Ok(Self { issuer: Issuer::new(params, key), certificate })
    }

    /// Signs a certificate for `user` in `groups`, valid as a server for `names` if there are any; returns certificate and key.
    fn sign(
        &self,
        folder: &Path,
        file: &str,
        user: &str,
        groups: &[&str],
        names: &[String],
    ) -> Result<(String, String)> {
        let mut params = CertificateParams::new(names)?;
        for group in groups {
            params.distinguished_name.push(DnType::OrganizationName, *group);
        }
        params.distinguished_name.push(DnType::CommonName, user);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![if names.is_empty() {
            ExtendedKeyUsagePurpose::ClientAuth
        } else {
            ExtendedKeyUsagePurpose::ServerAuth
        }];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        let secret = key.serialize_pem();
        fs::write(folder.join(format!("{file}.crt")), &certificate)?;
        private(&folder.join(format!("{file}.key")), &secret)?;
        Ok((certificate, secret))
    }
}

/// Writes a kubeconfig with everything inline, so that it can be copied anywhere. (JSON is YAML.)
fn kubeconfig(path: &Path, state: &State, server: &str, authority: &str, certificate: &str, key: &str) -> Result<()> {
    let name = format!("seaworthy-{}", state.name);
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": base64(authority)}}],
        "users": [{"name": name, "user": {
            "client-certificate-data": base64(certificate), "client-key-data": base64(key)}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    });
    private(path, &serde_json::to_string_pretty(&config)?)
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// Writes a file that only root reads.
fn private(path: &Path, content: &str) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(path).with_context(|| format!("could not write {}", path.display()))?;
    file.write_all(content.as_bytes())?;
    Ok(())
}
