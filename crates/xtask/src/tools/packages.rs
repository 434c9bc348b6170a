//! Debian packages: which are needed, which are missing, installing them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::progress::Progress;
use crate::run;

/// Folders searched besides `PATH`: a plain user environment often lacks the `sbin` ones.
const FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// A policy that keeps packages from starting their services on the host during installation (exit code 101: forbidden).
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Package, and a program or file that it brings.
const PACKAGES: [(&str, &str); 16] = [
    ("containerd", "containerd"),
    ("runc", "runc"),
    ("containernetworking-plugins", "/usr/lib/cni/ptp"),
    ("nftables", "nft"),
    ("iproute2", "ip"),
    ("util-linux", "nsenter"),
    ("mount", "mount"),
    ("docker-registry", "docker-registry"),
    ("buildah", "buildah"),
    ("skopeo", "skopeo"),
    ("mmdebstrap", "mmdebstrap"),
    ("busybox-static", "busybox"),
    ("git", "git"),
    ("openssh-server", "/usr/sbin/sshd"),
    ("jq", "jq"),
    ("tar", "tar"),
];

/// Finds a program in `PATH` or the system folders.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    if name.starts_with('/') {
        return Path::new(name).exists().then(|| PathBuf::from(name));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(FOLDERS.iter().map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

/// Installs the packages whose program is missing.
pub(crate) fn ensure(progress: &Progress) -> Result<()> {
    let missing: Vec<&str> =
        PACKAGES.iter().filter(|(_, program)| find(program).is_none()).map(|(package, _)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if find("apt-get").is_none() {
        bail!(
            "missing programs, and there is no apt-get to install them: install what Debian calls {}",
            missing.join(", ")
        );
    }
    progress.step(&format!("installing {} Debian packages, about 1 minute: {}", missing.len(), missing.join(" ")));
    run::output(apt_get().args([
        "update",
        "-q",
        "--error-on=any",
        "-o",
        "Acquire::Retries=1",
        "-o",
        "Acquire::http::Timeout=15",
    ]))
    .context("could not refresh the list of Debian packages; is there a network, and does /etc/apt name a mirror?")?;
    let policy = forbid_services()?;
    let installed = run::output(
        apt_get()
            .args(["install", "-q", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"])
            .args(&missing),
    );
    drop(policy);
    installed.context("could not install Debian packages")?;
    for (package, program) in PACKAGES {
        if find(program).is_none() {
            bail!("the package {package} is installed, but {program} is still not found");
        }
    }
    Ok(())
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C");
    command
}

/// Removes the policy file on drop, if it was created here.
struct Policy;

impl Drop for Policy {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(POLICY);
    }
}

fn forbid_services() -> Result<Option<Policy>> {
    if Path::new(POLICY).exists() {
        return Ok(None);
    }
    std::fs::write(POLICY, "#!/bin/sh\nexit 101\n").with_context(|| format!("could not write {POLICY}"))?;
    run::output(&mut run::command("chmod", ["755", POLICY]))?;
    Ok(Some(Policy))
}
