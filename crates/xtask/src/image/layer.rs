//! Image layers: a tar archive that holds the same bytes whenever its content is the same.
//!
//! Entries are sorted, times are 0, owners are numbers, so a layer's digest depends on names, modes and content alone; that makes
//! digests reproducible and lets a registry skip what it has. Finished layers are kept in the user's cache folder, keyed by
//! what they are made from, because packing a few hundred megabytes takes longer than everything else.
//!
//! Deliberately absent: whiteouts (layers here only add), hard links, devices, extended attributes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::hash::sha256;

/// Part of every key: a change here packs every layer anew.
const FORMAT: &str = "layer-2";

/// What one path of a layer holds.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// A folder.
    Folder,
    /// Bytes of a file on this machine.
    File(PathBuf),
    /// Bytes held in memory.
    Bytes(Vec<u8>),
    /// A symbolic link and where it points.
    Link(PathBuf),
}

/// One path of a layer.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// What is there.
    pub(crate) content: Content,
    /// Permission bits.
    pub(crate) mode: u32,
    /// Numeric user and group.
    pub(crate) owner: u64,
}

impl Entry {
    /// A file of this machine, owned by root.
    pub(crate) fn file(source: impl Into<PathBuf>, mode: u32) -> Self {
        Self { content: Content::File(source.into()), mode, owner: 0 }
    }

    /// A small file held in memory, owned by root.
    pub(crate) fn bytes(bytes: impl Into<Vec<u8>>, mode: u32) -> Self {
        Self { content: Content::Bytes(bytes.into()), mode, owner: 0 }
    }

    /// A folder; `owner` may write to it when `mode` says so.
    pub(crate) fn folder(mode: u32, owner: u64) -> Self {
        Self { content: Content::Folder, mode, owner }
    }

    /// A symbolic link.
    pub(crate) fn link(target: impl Into<PathBuf>) -> Self {
        Self { content: Content::Link(target.into()), mode: 0o777, owner: 0 }
    }
}

/// Paths (relative, without `./`) and what they hold, in the order in which they are packed.
pub(crate) type Entries = BTreeMap<PathBuf, Entry>;

/// A packed layer in the cache.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Layer {
    /// `sha256:` of the compressed archive: the blob's name.
    pub(crate) digest: String,
    /// `sha256:` of the archive before compression: what the image's configuration lists.
    pub(crate) diff_id: String,
    /// Bytes of the compressed archive.
    pub(crate) size: u64,
    /// Bytes of the archive before compression: about what it takes on a node's disk.
    pub(crate) unpacked: u64,
    /// Where the compressed archive is.
    #[serde(skip)]
    pub(crate) blob: PathBuf,
}

/// The layer for `key`: from the cache, else packed from what `entries` returns (which is only called then).
///
/// `key` must tell apart everything that decides the content.
pub(crate) fn cached(cache: &Path, key: &str, entries: impl FnOnce() -> Result<Entries>) -> Result<Layer> {
    let folder = cache.join("layers");
    fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
    let name = &sha256(format!("{FORMAT}\n{key}"))[..32];
    let (blob, record) = (folder.join(format!("{name}.tar.gz")), folder.join(format!("{name}.json")));
    if let (Ok(text), true) = (fs::read(&record), blob.is_file())
        && let Ok(layer) = serde_json::from_slice::<Layer>(&text)
    {
        return Ok(Layer { blob, ..layer });
    }
    let partial = tempfile::NamedTempFile::new_in(&folder)?;
    let mut layer = pack(&entries()?, partial.as_file())?;
    partial.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    partial.persist(&blob)?;
    // Written last: a record vouches for a whole archive.
    let written = tempfile::NamedTempFile::new_in(&folder)?;
    serde_json::to_writer(written.as_file(), &layer)?;
    written.persist(&record)?;
    layer.blob = blob;
    Ok(layer)
}

/// Packs entries, with every parent folder that is not among them.
fn pack(entries: &Entries, out: &File) -> Result<Layer> {
    let mut archive = tar::Builder::new(Tee::new(GzEncoder::new(Tee::new(BufWriter::new(out)), Compression::new(6))));
    let mut all: BTreeMap<&Path, Entry> = BTreeMap::new();
    for path in entries.keys() {
        for parent in path.ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty()) {
            all.entry(parent).or_insert_with(|| Entry::folder(0o755, 0));
        }
    }
    all.extend(entries.iter().map(|(path, entry)| (path.as_path(), entry.clone())));
    for (path, entry) in all {
        append(&mut archive, path, &entry).with_context(|| format!("could not pack {}", path.display()))?;
    }
    let (unpacked, diff_id, gzip) = archive.into_inner()?.finish();
    let (size, digest, mut file) = gzip.finish()?.finish();
    file.flush()?;
    Ok(Layer { digest, diff_id, size, unpacked, blob: PathBuf::new() })
}

fn append<W: Write>(archive: &mut tar::Builder<W>, path: &Path, entry: &Entry) -> Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(entry.mode);
    header.set_uid(entry.owner);
    header.set_gid(entry.owner);
    header.set_mtime(0);
    header.set_size(0);
    match &entry.content {
        Content::Folder => {
            header.set_entry_type(tar::EntryType::Directory);
            archive.append_data(&mut header, path, std::io::empty())?;
        }
        Content::Link(target) => {
            header.set_entry_type(tar::EntryType::Symlink);
            archive.append_link(&mut header, path, target)?;
        }
        Content::Bytes(bytes) => {
            header.set_size(u64::try_from(bytes.len())?);
            archive.append_data(&mut header, path, bytes.as_slice())?;
        }
        Content::File(source) => {
            let file = File::open(source).with_context(|| format!("could not open {}", source.display()))?;
            header.set_size(file.metadata()?.len());
            archive.append_data(&mut header, path, BufReader::new(file))?;
        }
    }
    Ok(())
}

/// The entries of a folder tree, placed under `prefix`, without what `keep` refuses (it is given the path below `root`; a
/// refused folder is not entered).
pub(crate) fn tree(root: &Path, prefix: &str, keep: impl Fn(&Path) -> bool) -> Result<Entries> {
    let mut entries = Entries::new();
    let mut pending = vec![root.to_path_buf()];
    while let Some(folder) = pending.pop() {
        let listing = fs::read_dir(&folder).with_context(|| format!("could not list {}", folder.display()))?;
        for item in listing {
            let item = item?;
            let (source, kind) = (item.path(), item.file_type()?);
            let relative = source.strip_prefix(root)?;
            if !keep(relative) {
                continue;
            }
            let target = Path::new(prefix).join(relative);
            // Only the executable bit is kept: the rest depends on the umask of whoever made the tree.
            let entry = if kind.is_symlink() {
                Entry::link(fs::read_link(&source)?)
            } else if kind.is_dir() {
                pending.push(source.clone());
                Entry::folder(0o755, 0)
            } else {
                let executable = item.metadata()?.permissions().mode() & 0o111 != 0;
                Entry::file(source.clone(), if executable { 0o755 } else { 0o644 })
            };
            entries.insert(target, entry);
        }
    }
    Ok(entries)
}

/// The entries of a tar archive, without what `keep` refuses; hard links become files of their own, devices are left out.
pub(crate) fn archive(bytes: impl Read, keep: impl Fn(&Path) -> bool) -> Result<Entries> {
    let mut entries = Entries::new();
    let mut reader = tar::Archive::new(bytes);
    for item in reader.entries()? {
        let mut item = item?;
        let path: PathBuf = item.path()?.components().filter(|part| part.as_os_str() != ".").collect();
        if path.as_os_str().is_empty() || !keep(&path) {
            continue;
        }
        // No program of an image runs as somebody else; only the sticky bit of folders is kept.
        let mode = item.header().mode()? & 0o1777;
        let kind = item.header().entry_type();
        let entry = if kind.is_dir() {
            Entry::folder(mode, 0)
        } else if kind.is_symlink() {
            let target = item.link_name()?.context("a symbolic link without a target")?;
            Entry::link(target.into_owned())
        } else if kind.is_file() {
            let mut content = Vec::new();
            item.read_to_end(&mut content)?;
            Entry::bytes(content, mode)
        } else if kind.is_hard_link() {
            let target: PathBuf = item
                .link_name()?
                .context("a hard link without a target")?
                .components()
                .filter(|part| part.as_os_str() != ".")
                .collect();
            // An archive names the file before the links to it; a copy is as good, and most programs read it so.
            match entries.get(&target) {
                Some(original) => original.clone(),
                None => continue,
            }
        } else if kind.is_character_special() || kind.is_block_special() {
            continue;
        } else {
            bail!("{} is neither a file, a folder nor a symbolic link", path.display());
        };
        entries.insert(path, entry);
    }
    Ok(entries)
}

/// `sha256` of a file's content, in hexadecimal.
pub(crate) fn file_hash(path: &Path) -> Result<String> {
    let mut file = File::open(path).with_context(|| format!("could not open {}", path.display()))?;
    let mut hasher = Sha256::new();
    std::io::copy(&mut file, &mut hasher)?;
    Ok(hex(hasher.finalize()))
}

/// A key for entries that are quick to read: names, modes and content.
pub(crate) fn entries_hash(entries: &Entries) -> Result<String> {
    let mut hasher = Sha256::new();
    for (path, entry) in entries {
        let content = match &entry.content {
            Content::Folder => "folder".to_owned(),
            Content::Link(target) => format!("link {}", target.display()),
            Content::Bytes(bytes) => sha256(bytes),
            Content::File(source) => file_hash(source)?,
        };
        hasher.update(format!("{}\n{:o} {} {content}\n", path.display(), entry.mode, entry.owner));
    }
    Ok(hex(hasher.finalize()))
}

/// Lower-case hexadecimal of a finished digest.
fn hex(bytes: impl AsRef<[u8]>) -> String {
    use std::fmt::Write as _;
    bytes.as_ref().iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Counts and hashes what passes through.
struct Tee<W> {
    inner: W,
    hasher: Sha256,
    bytes: u64,
}

impl<W> Tee<W> {
    fn new(inner: W) -> Self {
        Self { inner, hasher: Sha256::new(), bytes: 0 }
    }

    /// Bytes, `sha256:` digest, and the writer.
    fn finish(self) -> (u64, String, W) {
        (self.bytes, format!("sha256:{}", hex(self.hasher.finalize())), self.inner)
    }
}

impl<W: Write> Write for Tee<W> {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.hasher.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(root: &Path) -> Entries {
        fs::create_dir_all(root.join("bin")).unwrap();
        fs::write(root.join("bin/tool"), b"#!/bin/sh\n").unwrap();
        fs::set_permissions(root.join("bin/tool"), fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(root.join("notes.md"), b"left out").unwrap();
        std::os::unix::fs::symlink("tool", root.join("bin/alias")).unwrap();
        tree(root, "opt", |path| path.extension().is_none_or(|extension| extension != "md")).unwrap()
    }

    #[test]
    fn same_content_packs_to_the_same_digest() {
        let (one, two, cache) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = cached(cache.path(), "a", || Ok(sample(one.path()))).unwrap();
        let second = cached(cache.path(), "b", || Ok(sample(two.path()))).unwrap();
        assert_eq!(first.digest, second.digest);
        assert_ne!(first.digest, first.diff_id);
        assert_eq!(first.digest, format!("sha256:{}", file_hash(&first.blob).unwrap()));
    }

    #[test]
    fn a_packed_layer_reads_back_sorted_and_normalised() {
        let (root, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let layer = cached(cache.path(), "a", || Ok(sample(root.path()))).unwrap();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(File::open(&layer.blob).unwrap()));
        let seen: Vec<(String, u32, u64)> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                (entry.path().unwrap().display().to_string(), header.mode().unwrap(), header.mtime().unwrap())
            })
            .collect();
        let expected = [("opt", 0o755), ("opt/bin", 0o755), ("opt/bin/alias", 0o777), ("opt/bin/tool", 0o755)];
        let expected: Vec<(String, u32, u64)> =
            expected.iter().map(|(path, mode)| ((*path).to_owned(), *mode, 0)).collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_cached_layer_is_not_packed_again() {
        let cache = tempfile::tempdir().unwrap();
        let entries = || Ok(Entries::from([(PathBuf::from("a"), Entry::bytes("x", 0o644))]));
        let first = cached(cache.path(), "k", entries).unwrap();
        let again = cached(cache.path(), "k", || bail!("packed twice")).unwrap();
        assert_eq!(first.digest, again.digest);
    }
}
