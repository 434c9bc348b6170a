//! `cargo xtask image`: container images without a daemon.
//!
//! What: packs layers (`layer`), writes an OCI layout for each image (`layout`) and pushes it with crane. Why not a builder: nothing here
//! runs a command inside an image, and packing files in order gives the same digest every time, in a second when little changed.
//! Deliberately absent: other platforms than linux/amd64. For builds elsewhere there is a `Containerfile` at the root.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::Subcommand;

use crate::progress::Progress;
use crate::run;

mod catalogue;
mod layer;
mod layout;
mod source;

pub(crate) use catalogue::Image;
pub(crate) use layout::Config;

/// Prefix of repository names in a registry.
const NAMESPACE: &str = "seaworthy";

/// `cargo xtask image ...`
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Builds images as OCI layouts under target/images.
    Build {
        /// Names; none means all.
        names: Vec<String>,
    },
    /// Builds images and pushes them; prints one `repository@digest` a line.
    Push {
        /// The registry, `host:port`; plain http is tried when https does not answer.
        #[arg(long)]
        registry: String,
        /// Names; none means all.
        names: Vec<String>,
    },
    /// Lists the names of all images.
    List,
}

/// Where builds read and write.
pub(crate) struct Context<'a> {
    /// The repository.
    pub(crate) root: PathBuf,
    /// Layers that need not be packed again; shared by all clones of a user.
    pub(crate) cache: PathBuf,
    /// Where steps are told.
    pub(crate) progress: &'a Progress,
}

impl<'a> Context<'a> {
    /// The repository that this program was compiled in, and the user's cache folder (`XDG_CACHE_HOME` or `~/.cache`).
    pub(crate) fn new(progress: &'a Progress) -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("xtask is not in crates/xtask")?;
        let home = std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))
            .context("neither XDG_CACHE_HOME nor HOME is set; set one: images are cached there")?;
        let cache = home.join("seaworthy/images");
        std::fs::create_dir_all(&cache).with_context(|| format!("could not create {}", cache.display()))?;
        Ok(Self { root: root.to_path_buf(), cache, progress })
    }

    /// Cargo's target folder.
    fn target(&self) -> PathBuf {
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.root.join("target"), PathBuf::from)
    }
}

/// A built image.
#[derive(Debug, Clone)]
pub(crate) struct Built {
    /// Which one.
    pub(crate) image: Image,
    /// Its OCI layout.
    pub(crate) layout: PathBuf,
    /// Digest of its manifest.
    pub(crate) digest: String,
    /// Bytes of its compressed layers.
    pub(crate) compressed: u64,
    /// Bytes of its layers on a node.
    pub(crate) unpacked: u64,
}

/// Runs the command line.
pub(crate) fn main(arguments: Arguments) -> Result<()> {
    let progress = Progress::new();
    match arguments.command {
        Command::List => {
            for image in Image::ALL {
                println!("{}", image.name());
            }
        }
        Command::Build { names } => {
            let context = Context::new(&progress)?;
            for image in select(&names)? {
                let built = build(&context, image)?;
                println!("{} {}", built.layout.display(), built.digest);
            }
        }
        Command::Push { registry, names } => {
            let context = Context::new(&progress)?;
            for image in select(&names)? {
                println!("{}", push(&context, &build(&context, image)?, &registry)?);
            }
        }
    }
    progress.finish();
    Ok(())
}

fn select(names: &[String]) -> Result<Vec<Image>> {
    if names.is_empty() {
        return Ok(Image::ALL.to_vec());
    }
    names.iter().map(|name| Image::from_name(name)).collect()
}

/// Builds one image under `target/images`.
///
/// Errors: a missing program, no network for what is not cached, or an image above its promised size.
pub(crate) fn build(context: &Context<'_>, image: Image) -> Result<Built> {
    let started = Instant::now();
    let name = image.name();
    context.progress.step(&format!("image {name}"));
    let layers = image.layers(context).with_context(|| format!("could not build the image {name}"))?;
    let layout = context.target().join("images").join(name);
    let digest = layout::write(&layout, &image.config(), &layers, None)?;
    let built = Built {
        image,
        layout,
        digest,
        compressed: layers.iter().map(|layer| layer.size).sum(),
        unpacked: layers.iter().map(|layer| layer.unpacked).sum(),
    };
    if let Some(limit) = image.limit_mib()
        && built.unpacked > limit << 20
    {
        bail!("the image {name} takes {:.1} MiB, more than its limit of {limit} MiB", mebibytes(built.unpacked));
    }
    context.progress.note(&format!(
        "image {name}: {:.1} MiB ({:.1} MiB compressed), {:.1} s",
        mebibytes(built.unpacked),
        mebibytes(built.compressed),
        started.elapsed().as_secs_f64()
    ));
    Ok(built)
}

/// Writes an image of `BusyBox` alone as an OCI archive, which a node imports as `name`: for what it needs before there is a registry.
pub(crate) fn busybox(context: &Context<'_>, archive: &Path, name: &str, config: &Config) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let layout = folder.path().join("oci");
    layout::write(&layout, config, &[source::busybox(context)?, source::scratch(context)?], Some(name))?;
    pack(&layout, archive)
}

/// Writes a folder as a tar archive. Not by the program tar: layers are hard links to a cache, and it takes a link that another process makes or
/// removes meanwhile for a change of the file.
fn pack(folder: &Path, archive: &Path) -> Result<()> {
    let file = File::create(archive).with_context(|| format!("could not create {}", archive.display()))?;
    let mut out = tar::Builder::new(BufWriter::new(file));
    out.append_dir_all("", folder).with_context(|| format!("could not read {}", folder.display()))?;
    out.into_inner().and_then(|mut out| out.flush()).with_context(|| format!("could not write {}", archive.display()))
}

/// Compiles every program that the demo and the images need, in one go, and returns the path of `kubectl-seaworthy`.
pub(crate) fn programs(context: &Context<'_>) -> Result<PathBuf> {
    source::compile(context)?;
    Ok(context.target().join("release/kubectl-seaworthy"))
}

/// Pushes a built image and returns `registry/repository@digest`. What the registry has already is not sent again.
pub(crate) fn push(context: &Context<'_>, built: &Built, registry: &str) -> Result<String> {
    let repository = format!("{registry}/{NAMESPACE}/{}", built.image.name());
    context.progress.step(&format!("pushing {repository}"));
    let tag = format!("{repository}:{}", env!("CARGO_PKG_VERSION"));
    run::output(run::command(source::program(context, "crane")?, ["push", "--insecure"]).arg(&built.layout).arg(tag))
        .with_context(|| format!("could not push to {registry}; does the registry answer?"))?;
    Ok(format!("{repository}@{}", built.digest))
}

#[expect(clippy::cast_precision_loss, reason = "sizes for people, rounded to a tenth")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read as _;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn an_archive_is_whole_while_others_link_to_its_layers() {
        let folder = tempfile::tempdir().unwrap();
        let (cached, layout) = (folder.path().join("cached"), folder.path().join("oci"));
        let content = vec![7; 32 << 20];
        fs::write(&cached, &content).unwrap();
        fs::create_dir_all(layout.join("blobs")).unwrap();
        fs::hard_link(&cached, layout.join("blobs/layer")).unwrap();
        let (other, over) = (folder.path().join("other"), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    fs::hard_link(&cached, &other).unwrap();
                    fs::remove_file(&other).unwrap();
                }
            });
            let packed = pack(&layout, &folder.path().join("image.tar"));
            over.store(true, Ordering::Relaxed);
            packed.unwrap();
        });
        let mut archive = tar::Archive::new(File::open(folder.path().join("image.tar")).unwrap());
        let mut found = archive.entries().unwrap().map(Result::unwrap);
        let mut layer = found.find(|entry| entry.path().unwrap() == Path::new("blobs/layer")).unwrap();
        let mut bytes = Vec::new();
        layer.read_to_end(&mut bytes).unwrap();
        assert!(bytes == content);
    }
}
