//! Images: the one of pod sandboxes, and copying images into the cluster's registry.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::Cluster;
use super::config::PAUSE_IMAGE;
use super::state::State;
use crate::progress::Progress;
use crate::{image, run, tools};

/// Makes the image of pod sandboxes, a static busybox that sleeps, as `pause.tar` in the state folder.
pub(crate) fn write_pause(state: &State, progress: &Progress) -> Result<()> {
    let entrypoint = ["/bin/busybox", "sleep", "infinity"].map(str::to_owned).to_vec();
    let config = image::Config { user: "65535:65535".to_owned(), entrypoint, ..image::Config::default() };
    image::busybox(&image::Context::new(progress)?, &state.path("pause.tar"), PAUSE_IMAGE, &config)
}

/// Copies an image into the cluster's registry and returns its reference by digest.
///
/// `source`: what skopeo understands (`oci:DIR`, `oci-archive:FILE`, `docker-archive:FILE`, `containers-storage:NAME`,
/// `docker://...`), a path to an archive or OCI folder, or the name of a local buildah image. `repository` is the path in
/// the registry (`team/app` or `team/app:tag`).
pub(crate) fn load(cluster: &Cluster, source: &str, repository: Option<&str>) -> Result<String> {
    let source = transport(source)?;
    let target = match repository {
        Some(repository) => repository.to_owned(),
        None => default_repository(&source),
    };
    let (name, tag) = split_tag(&target);
    let folder = tempfile::tempdir()?;
    let digest_file = folder.path().join("digest");
    let mut command = skopeo()?;
    command
        .args(["--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false", "--digestfile"])
        .arg(&digest_file)
        .args([&source, &format!("docker://{}/{name}:{tag}", cluster.registry)]);
    run::output(&mut command).with_context(|| format!("could not copy {source} to the registry"))?;
    let digest = fs::read_to_string(&digest_file)?;
    Ok(format!("{}/{name}@{}", cluster.registry, digest.trim()))
}

/// Skopeo on the storage that buildah uses without a daemon and without overlay mounts.
fn skopeo() -> Result<Command> {
    let mut command = Command::new(tools::path("skopeo")?);
    command.env("STORAGE_DRIVER", std::env::var("STORAGE_DRIVER").unwrap_or_else(|_| "vfs".to_owned()));
    Ok(command)
}

/// Adds the transport that a plain path or name stands for.
fn transport(source: &str) -> Result<String> {
    const KNOWN: [&str; 6] = ["oci:", "oci-archive:", "docker-archive:", "dir:", "containers-storage:", "docker://"];
    if KNOWN.iter().any(|known| source.starts_with(known)) {
        return Ok(source.to_owned());
    }
    let path = Path::new(source);
    if path.is_dir() {
        if path.join("oci-layout").is_file() {
            return Ok(format!("oci:{source}"));
        }
        bail!("{source} is a folder without an oci-layout file; give an OCI image folder or an archive");
    }
    if path.is_file() {
        let listing = run::output(&mut run::command("tar", ["-tf", source]))
            .with_context(|| format!("{source} is not an image archive"))?;
        let oci = listing.lines().any(|entry| entry.trim_start_matches("./") == "oci-layout");
        return Ok(format!("{}:{source}", if oci { "oci-archive" } else { "docker-archive" }));
    }
    // buildah puts names without a registry below `localhost/`, where skopeo would look on Docker's.
    let prefix = if names_host(source) { "" } else { "localhost/" };
    Ok(format!("containers-storage:{prefix}{source}"))
}

/// True when the first element of an image name is a registry.
fn names_host(name: &str) -> bool {
    name.split_once('/').is_some_and(|(first, _)| first.contains(['.', ':']) || first == "localhost")
}

/// `containers-storage:localhost/team/app:1` becomes `team/app:1`; a path becomes its file name.
fn default_repository(source: &str) -> String {
    if let Some(name) = source.strip_prefix("containers-storage:").or_else(|| source.strip_prefix("docker://")) {
        let name = name.split('@').next().unwrap_or(name);
        return match name.split_once('/') {
            Some((_, rest)) if names_host(name) => rest.to_owned(),
            _ => name.to_owned(),
        };
    }
    let path = source.split_once(':').map_or(source, |(_, path)| path);
    let path = path.split(':').next().unwrap_or(path);
    let stem =
        Path::new(path).file_name().map_or_else(|| "image".to_owned(), |name| name.to_string_lossy().to_lowercase());
    stem.trim_end_matches(".tar").to_owned()
}

fn split_tag(repository: &str) -> (&str, &str) {
    match repository.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (repository, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_the_registry_follow_the_source() {
        for (source, expected) in [
            ("containers-storage:localhost/team/app:1", "team/app:1"),
            ("containers-storage:app", "app"),
            ("docker://registry.example:5000/team/app@sha256:00", "team/app"),
            ("oci:/tmp/My-Image:v1", "my-image"),
            ("docker-archive:/tmp/app.tar", "app"),
        ] {
            assert_eq!(default_repository(source), expected, "{source}");
        }
        assert_eq!(split_tag("team/app"), ("team/app", "latest"));
        assert_eq!(split_tag("host:5000/app"), ("host:5000/app", "latest"));
        assert_eq!(split_tag("app:v1"), ("app", "v1"));
    }
}
