//! A clone of this machine as the source of a range.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Context as _;
use seaworthy_core::version::tag::TagFormat;
use seaworthy_core::version::{Input, Ledger, Outcome, Policy, TagRef, plan};
use seaworthy_git::{Git, facts, fetch};
use serde_json::Value;

use crate::{exit, look};

/// Everything that git is asked has to be answered within this time.
const LIMIT: Duration = Duration::from_secs(600);
/// Longest plan file.
const MAX_PLAN: u64 = 1024 * 1024;

/// Where the commits are and how they are judged.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Source {
    /// A clone with its whole history.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(super) repo: PathBuf,
    /// A ReleasePlan (YAML or JSON) whose `spec.version` is used; without one, the defaults.
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// How tags are named; wins over the plan.
    #[arg(long, value_name = "FORMAT")]
    tag_format: Option<String>,
}

/// The schema of a plan's `spec.version`.
pub(super) fn schema() -> anyhow::Result<&'static Value> {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    if let Some(schema) = SCHEMA.get() {
        return Ok(schema);
    }
    let all = seaworthy_api::crd::all()?;
    let plan = all.iter().find(|crd| crd.spec.names.kind == "ReleasePlan").context("no definition of ReleasePlan")?;
    let schema = serde_json::to_value(&plan.spec.versions[0].schema)?;
    let version = schema.pointer("/openAPIV3Schema/properties/spec/properties/version");
    let version = version.context("no schema of spec.version")?.clone();
    Ok(SCHEMA.get_or_init(|| version))
}

/// The first field that the schema does not know: the API server would drop it, and a default would hold in its place.
pub(crate) fn unknown(path: &str, value: &Value, schema: &Value) -> Option<String> {
    match value {
        Value::Object(fields) => {
            let known = schema["properties"].as_object()?;
            fields.iter().find_map(|(name, inner)| {
                let path = format!("{path}.{name}");
                match known.get(name) {
                    Some(schema) => unknown(&path, inner, schema),
                    None => Some(path),
                }
            })
        }
        Value::Array(all) => all.iter().find_map(|inner| unknown(path, inner, &schema["items"])),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// Says where tags look like versions, but none as the plan names them: the answer would be the first version otherwise, without a word.
pub(crate) fn unlike(tags: &[TagRef], format: &str) {
    let named = TagFormat::parse(format);
    if tags.iter().any(|tag| named.as_ref().is_some_and(|named| named.version(&tag.name).is_some())) {
        return;
    }
    // A version may stand behind a prefix with digits of its own.
    let like = |tag: &&TagRef| {
        let name = &tag.name;
        name.match_indices(|c: char| c.is_ascii_digit()).any(|(at, _)| semver::Version::parse(&name[at..]).is_ok())
    };
    if let Some(first) = tags.iter().find(like) {
        let (count, name) = (tags.iter().filter(like).count(), look::shown(&first.name));
        exit::remark(&format!(
            "tags that look like versions: {count}, the first {name:?}; none is named as {format:?} says: set spec.version.tagFormat (--tag-format)"
        ));
    }
}

/// Says which of the plan's paths is not there: git takes them literally, and then nothing touches them.
///
/// # Errors
/// When git does not answer.
pub(crate) fn missing(git: &Git, head: &str, policy: &Policy) -> anyhow::Result<()> {
    for path in &policy.paths {
        let plain = path.trim_start_matches("./").trim_matches('/');
        let whole = plain.is_empty() || plain == ".";
        if !whole && git.text(&["ls-tree", "--name-only", "--full-tree", head, "--", plain])?.is_empty() {
            exit::remark(&format!(
                "spec.version.paths: {:?} is not there at {head}: folders and files are named from the top, without patterns",
                look::shown(path)
            ));
        }
    }
    Ok(())
}

impl Source {
    pub(super) fn git(&self) -> anyhow::Result<Git> {
        anyhow::ensure!(self.repo.is_dir(), "{} is not a folder", self.repo.display());
        let git = Git::new(&self.repo, LIMIT).at_top()?;
        let shallow = git
            .text(&["rev-parse", "--is-shallow-repository"])
            .with_context(|| format!("--repo {}: is no git repository; name a clone", self.repo.display()))?;
        anyhow::ensure!(
            shallow.trim() != "true",
            "{} is a shallow clone; run git fetch --unshallow",
            self.repo.display()
        );
        Ok(git)
    }

    pub(super) fn policy(&self) -> anyhow::Result<Policy> {
        let mut policy = match &self.plan {
            None => Policy::default(),
            Some(path) => {
                let name = path.display();
                let text = exit::read(path, MAX_PLAN).with_context(|| format!("cannot read {name}"))?;
                let plan: Value = serde_saphyr::from_str(&text).with_context(|| format!("{name} is no YAML"))?;
                let section = plan.pointer("/spec/version").with_context(|| format!("{name} has no spec.version"))?;
                if let Some(field) = unknown("spec.version", section, schema()?) {
                    anyhow::bail!(
                        "{name}: {field}: there is no such field; `kubectl explain releaseplan.spec.version` lists them"
                    );
                }
                anyhow::ensure!(
                    section["policy"] != "Explicit",
                    "{name}: spec.version.policy: Explicit takes each version from its Release and works out none; ConventionalCommits does"
                );
                serde_json::from_value(section.clone()).with_context(|| format!("{name}: spec.version"))?
            }
        };
        if let Some(format) = &self.tag_format {
            policy.tag_format.clone_from(format);
        }
        // Before git is asked for them.
        policy.check_paths()?;
        Ok(policy)
    }

    /// The plan's answer for one revision. With `since`, tags of later versions than that one are not looked at.
    pub(super) fn outcome(&self, revision: &str, since: Option<&str>) -> anyhow::Result<Outcome> {
        let (git, policy) = (self.git()?, self.policy()?);
        anyhow::ensure!(!revision.is_empty(), "--revision: is empty; name a commit, branch or tag");
        let unknown = |name: &str| format!("{name} is no commit of {}", self.repo.display());
        let head = fetch::resolve(&git, revision)?.with_context(|| unknown(revision))?;
        let until = match since {
            None => None,
            Some(name) => {
                let format = TagFormat::parse(&policy.tag_format);
                let version = format.and_then(|format| format.version(name));
                fetch::resolve(&git, &format!("refs/tags/{name}"))?.with_context(|| unknown(name))?;
                Some(version.with_context(|| format!("{name} is no version by the format {}", policy.tag_format))?)
            }
        };
        let format = TagFormat::parse(&policy.tag_format);
        let keep = |tag: &TagRef| {
            let version = format.as_ref().and_then(|format| format.version(&tag.name));
            until.as_ref().is_none_or(|until| version.is_some_and(|version| version <= *until))
        };
        let read = facts::read_with(&git, &head, &policy, &[], keep)?;
        missing(&git, &head, &policy)?;
        if read.base.is_none() {
            unlike(&read.facts.tags, &policy.tag_format);
        }
        Ok(plan(&Input { policy, facts: read.facts, ledger: Ledger::default(), owner: None }))
    }
}
