//! Binaries of the Go module in `crates/xtask/go`, built once per machine and kept in the user's cache folder.
//!
//! The folder's name is a hash of everything that decides the result (go.mod, go.sum, sources, flags, version of Go), so
//! another clone on the same machine finds them, and a change builds anew (only what changed: Go has a cache of its own).

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, bail};

use super::packages;
use crate::progress::Progress;
use crate::{hash, run};

/// Version of Kubernetes in go.mod: the binaries report it, and Helm's `kubeVersion` checks read it.
pub(crate) const KUBERNETES_VERSION: &str = "v1.34.4";

/// Program name and Go package.
const PROGRAMS: [(&str, &str); 11] = [
    ("etcd", "go.etcd.io/etcd/server/v3"),
    ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
    ("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"),
    ("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
    ("kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy"),
    ("kubelet", "k8s.io/kubernetes/cmd/kubelet"),
    ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
    ("helm", "helm.sh/helm/v3/cmd/helm"),
    ("crane", "github.com/google/go-containerregistry/cmd/crane"),
    ("cluster-dns", "./cmd/cluster-dns"),
    ("git-server", "./cmd/git-server"),
];

/// Oldest Go that builds the module (its go.mod says so too; Go's own message would be about toolchains).
const MINIMUM_GO: (u32, u32) = (1, 24);

/// A build that nobody asked for this long is removed when another one is made.
const UNUSED: Duration = Duration::from_secs(14 * 24 * 3600);

/// Packages compiled by a build from nothing, for the estimate on screen.
const PACKAGES_ROUGHLY: usize = 2_900;

/// True when `name` comes from the Go module.
pub(crate) fn is_ours(name: &str) -> bool {
    PROGRAMS.iter().any(|(program, _)| *program == name)
}

/// The folder that holds (or will hold) the binaries for these sources and this Go.
pub(crate) fn directory() -> Result<PathBuf> {
    Ok(cache()?.join(key(&go_version()?)?))
}

/// Fails when there is no Go, or an old one.
pub(crate) fn check() -> Result<()> {
    check_version(&go_version()?)
}

/// Builds what is missing, under a lock: whoever waits for it finds the result.
pub(crate) fn ensure(progress: &Progress) -> Result<()> {
    let directory = directory()?;
    if directory.is_dir() {
        touch(&directory);
        return Ok(());
    }
    let cache = cache()?;
    fs::create_dir_all(&cache).with_context(|| format!("could not create {}", cache.display()))?;
    let lock = File::create(cache.join("lock"))?;
    if lock.try_lock().is_err() {
        progress.step("another build of the cluster's binaries is under way; waiting for it");
        lock.lock()?;
    }
    if directory.is_dir() {
        return Ok(());
    }
    download(progress)?;
    let partial = directory.with_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    fs::create_dir_all(&partial)?;
    build(progress, &partial)?;
    for (program, package) in PROGRAMS {
        let built = partial.join(built_name(package));
        if built.is_file() {
            fs::rename(built, partial.join(program))?;
        }
        if !partial.join(program).is_file() {
            bail!("go build did not make {program}");
        }
    }
    fs::rename(&partial, &directory)?;
    prune(&cache, &directory);
    Ok(())
}

/// Marks a build as used now.
fn touch(directory: &Path) {
    // Without the mark the build is only removed, and made again, too early.
    let _ = File::open(directory).and_then(|folder| folder.set_modified(SystemTime::now()));
}

/// Removes builds (600 MB each) that nobody asked for in two weeks, unless a process runs from there.
fn prune(cache: &Path, current: &Path) {
    let running: Vec<PathBuf> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|process| fs::read_link(process.ok()?.path().join("exe")).ok())
        .collect();
    for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
        let folder = entry.path();
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let unused = modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > UNUSED));
        if unused && folder.is_dir() && folder != current && !running.iter().any(|program| program.starts_with(&folder))
        {
            let _ = fs::remove_dir_all(&folder);
        }
    }
}

fn download(progress: &Progress) -> Result<()> {
    progress.step("fetching Go modules (kubernetes, etcd, helm, crane, coredns), about 20 seconds the first time");
    run::output(go().args(["mod", "download"])).with_context(|| {
        let proxy = run::output(go().args(["env", "GOPROXY"])).unwrap_or_default();
        format!("could not fetch Go modules by GOPROXY={}; is there a network?", proxy.trim())
    })?;
    Ok(())
}

fn build(progress: &Progress, output: &Path) -> Result<()> {
    let announce = "compiling Kubernetes, etcd, helm, crane and DNS: 7 to 8 minutes on 2 cores from nothing, under 1 minute when Go has them cached";
    progress.step(announce);
    let mut command = Command::new("nice");
    command.args(["-n", "10", "go", "build", "-v"]).args(flags()).arg("-o").arg(output);
    command.args(PROGRAMS.iter().map(|(_, package)| *package));
    environment(&mut command);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let started = Instant::now();
    let mut child = command.spawn().context("could not start `go build`")?;
    let mut compiled = 0_usize;
    let mut complaints = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).lines() {
            let line = line?;
            // `go build -v` prints one import path per package compiled; anything else is a complaint.
            if line.contains(' ') || line.starts_with('#') {
                complaints.push(line);
                continue;
            }
            compiled += 1;
            progress.update(&estimate(compiled, started.elapsed(), &line));
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("go build ended with {status}:\n{}", run::tail(&complaints.join("\n")));
    }
    Ok(())
}

/// `compiled 700 of about 2900 packages, about 5 min left at most: k8s.io/api/core/v1`
///
/// At most: what Go has in its cache is never counted as compiled. Packages go by fast at first and linking comes last, so the
/// speed so far is as good a guess as any.
fn estimate(compiled: usize, elapsed: Duration, package: &str) -> String {
    let remaining = PACKAGES_ROUGHLY.saturating_sub(compiled);
    let seconds = elapsed.as_secs() * remaining as u64 / compiled.max(1) as u64;
    let left = match seconds.div_ceil(60) {
        _ if compiled < 100 => "7 to 8".to_owned(),
        minutes => minutes.to_string(),
    };
    format!("compiled {compiled} of about {PACKAGES_ROUGHLY} packages, about {left} min left at most: {package}")
}

/// What `go build` calls the binary of a package: its last element that is not a major version.
fn built_name(package: &str) -> &str {
    let is_version = |element: &&str| element.starts_with('v') && element[1..].chars().all(|c| c.is_ascii_digit());
    package.rsplit('/').find(|element| !is_version(element)).unwrap_or(package)
}

fn flags() -> Vec<String> {
    let version = KUBERNETES_VERSION;
    let package = "k8s.io/component-base/version";
    vec![
        "-trimpath".to_owned(),
        "-ldflags".to_owned(),
        format!("-s -w -X {package}.gitVersion={version} -X {package}.gitMajor=1 -X {package}.gitMinor=34"),
    ]
}

fn go() -> Command {
    let mut command = Command::new("go");
    environment(&mut command);
    command
}

fn environment(command: &mut Command) {
    command
        .current_dir(module())
        .env("CGO_ENABLED", "0")
        .env("GOTOOLCHAIN", "local")
        .env("GOFLAGS", "-mod=readonly -buildvcs=false");
}

fn module() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("go")
}

fn cache() -> Result<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .context("neither XDG_CACHE_HOME nor HOME is set; set one of them")?;
    Ok(base.join("seaworthy").join("bin"))
}

fn go_version() -> Result<String> {
    if packages::find("go").is_none() {
        bail!("Go is not installed or not in PATH; install Go {}.{} or newer", MINIMUM_GO.0, MINIMUM_GO.1);
    }
    Ok(run::output(go().args(["env", "GOVERSION"]))?.trim().to_owned())
}

/// `version` as Go prints it: `go1.26.8`.
fn check_version(version: &str) -> Result<()> {
    let mut numbers = version.trim_start_matches("go").split('.').map_while(|part| part.parse::<u32>().ok());
    let found = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    if found < MINIMUM_GO {
        bail!("found {version}, but the cluster needs Go {}.{} or newer", MINIMUM_GO.0, MINIMUM_GO.1);
    }
    Ok(())
}

/// Hash of all inputs of the build.
fn key(version: &str) -> Result<String> {
    let module = module();
    let mut files = vec![module.join("go.mod"), module.join("go.sum")];
    for folder in sorted(&module.join("cmd"))? {
        files.extend(sorted(&folder)?);
    }
    let mut inputs = Vec::new();
    let mut add = |content: &[u8]| {
        inputs.extend((content.len() as u64).to_le_bytes());
        inputs.extend(content);
    };
    add(version.as_bytes());
    add(flags().join("\0").as_bytes());
    for file in files {
        add(file.strip_prefix(&module).unwrap_or(&file).as_os_str().as_encoded_bytes());
        add(&fs::read(&file).with_context(|| format!("could not read {}", file.display()))?);
    }
    Ok(hash::sha256(inputs)[..16].to_owned())
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("could not list {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binaries_are_named_like_go_build_names_them() {
        let names = ["./cmd/git-server", "go.etcd.io/etcd/server/v3", "helm.sh/helm/v3/cmd/helm"].map(built_name);
        assert_eq!(names, ["git-server", "server", "helm"]);
    }

    #[test]
    fn the_estimate_shrinks_to_nothing() {
        let minutes = |compiled, seconds| estimate(compiled, Duration::from_secs(seconds), "p");
        assert!(minutes(10, 3).contains("about 7 to 8 min left"));
        assert!(minutes(1_450, 120).contains("about 2 min left"));
        assert!(minutes(2_900, 400).contains("about 0 min left"));
        assert!(minutes(9_999, 400).contains("about 0 min left"));
    }

    #[test]
    fn an_old_go_is_refused_and_a_newer_one_is_not() {
        assert!(check_version("go1.23.9").unwrap_err().to_string().contains("go1.23.9"));
        assert!(check_version("go1.24").is_ok() && check_version("go1.26.8").is_ok() && check_version("go2.0").is_ok());
    }
}
