//! An image as an OCI layout folder: what `crane push` and every other tool reads.
//!
//! The three documents (configuration, manifest, index) are written here because they are a few lines of JSON; the crates that do it
//! bring a C library. Blobs are hard links into the layer cache where the file system allows.
//!
//! Deliberately absent: several platforms in one image, signatures, reading layouts of others.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::layer::Layer;
use crate::hash::sha256;

/// The same for every image: a build's time would change the digest of unchanged content.
const CREATED: &str = "1970-01-01T00:00:00Z";

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// How a container of the image starts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Config {
    /// Who runs in it, `UID:GID`; never root.
    pub(crate) user: String,
    /// Program and first arguments.
    pub(crate) entrypoint: Vec<String>,
    /// Working directory; empty for `/`.
    pub(crate) working_dir: String,
    /// Environment, `NAME=value`.
    pub(crate) env: Vec<String>,
    /// Labels.
    pub(crate) labels: BTreeMap<String, String>,
}

/// Under which name containerd imports an image.
const NAME: &str = "io.containerd.image.name";

/// Writes the layout to `folder` (replacing it) and returns the manifest's digest. `name` is for nodes that import it without a registry.
pub(crate) fn write(folder: &Path, config: &Config, layers: &[Layer], name: Option<&str>) -> Result<String> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("could not replace {}", folder.display()))?;
    }
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).with_context(|| format!("could not create {}", blobs.display()))?;
    for layer in layers {
        let target = blobs.join(layer.digest.trim_start_matches("sha256:"));
        if !target.exists() && fs::hard_link(&layer.blob, &target).is_err() {
            fs::copy(&layer.blob, &target).with_context(|| format!("could not copy {}", layer.blob.display()))?;
        }
    }
    let document = json!({
        "created": CREATED,
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "User": config.user,
            "Env": config.env,
            "Entrypoint": config.entrypoint,
            "WorkingDir": config.working_dir,
            "Labels": config.labels,
        },
        "rootfs": {"type": "layers", "diff_ids": layers.iter().map(|layer| &layer.diff_id).collect::<Vec<_>>()},
        "history": layers.iter().map(|_| json!({"created": CREATED})).collect::<Vec<_>>(),
    });
    let configuration = blob(&blobs, CONFIG, &document)?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": configuration,
        "layers": layers
            .iter()
            .map(|layer| json!({"mediaType": LAYER, "digest": layer.digest, "size": layer.size}))
            .collect::<Vec<_>>(),
    });
    let mut descriptor = blob(&blobs, MANIFEST, &manifest)?;
    if let Some(name) = name {
        descriptor["annotations"] = json!({NAME: name});
    }
    let digest = descriptor["digest"].as_str().unwrap_or_default().to_owned();
    fs::write(folder.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    fs::write(folder.join("index.json"), json!({"schemaVersion": 2, "manifests": [descriptor]}).to_string())?;
    Ok(digest)
}

/// Stores a document and returns its descriptor.
fn blob(blobs: &Path, media_type: &str, document: &Value) -> Result<Value> {
    let text = document.to_string();
    let digest = sha256(&text);
    fs::write(blobs.join(&digest), &text)?;
    Ok(json!({"mediaType": media_type, "digest": format!("sha256:{digest}"), "size": text.len()}))
}
