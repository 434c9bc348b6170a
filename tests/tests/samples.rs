//! What `config/samples` shows is what the API server accepts, word for word: no unknown field, no broken rule.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};
use seaworthy_tests::{
    api,
    cluster::{Ground, variable},
};

/// In a namespace of the test's own: those that the samples name are other people's.
#[tokio::test]
async fn every_sample_is_accepted_as_it_stands() -> Result<()> {
    let ground = Ground::new("samples").await?;
    let folder = api::repository().join("config/samples");
    let mut kinds = Vec::new();
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        for mut object in api::read_yaml(&relative(&path)?)? {
            kinds.push(object["kind"].as_str().unwrap_or_default().to_owned());
            object["metadata"]["namespace"] = ground.namespace.clone().into();
            let file = tempfile::NamedTempFile::new()?;
            serde_json::to_writer(file.as_file(), &object)?;
            let output = Command::new(variable("SEAWORTHY_TEST_KUBECTL")?)
                .args(["create", "--dry-run=server", "--validate=strict", "-f"])
                .arg(file.path())
                .output()?;
            ensure!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
        }
    }
    kinds.sort();
    assert_eq!(
        kinds,
        ["E2ERun", "Release", "ReleasePlan", "ReleasePlan", "SoakTest"],
        "the samples that the README names"
    );
    ground.done().await
}

fn relative(path: &Path) -> Result<String> {
    let root = api::repository();
    Ok(path.strip_prefix(&root).with_context(|| format!("{} is elsewhere", path.display()))?.display().to_string())
}
