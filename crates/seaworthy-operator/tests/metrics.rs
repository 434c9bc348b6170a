//! Names of metrics: what is documented, alerted on and drawn is what is registered.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use seaworthy_operator::metrics::{KindLabels, Metrics, PhaseLabels, SampleLabels};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn sources(folder: &Path, into: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else {
            into.push(fs::read_to_string(path).unwrap());
        }
    }
}

/// The names that the operator registers, with their prefix.
fn registered() -> BTreeSet<String> {
    let mut all = Vec::new();
    sources(&root().join("crates/seaworthy-operator/src"), &mut all);
    let calls = all.iter().flat_map(|source| source.split(".register(").skip(1));
    let names = calls.filter_map(|after| after.trim_start().strip_prefix('"')?.split('"').next());
    names.map(|name| format!("seaworthy_{name}")).collect()
}

/// What a text calls metrics of ours, without the ends that series of a counter or a histogram have.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let ours = words.filter(|w| w.starts_with("seaworthy_"));
    let bare = |w: &str| {
        let ends = ["_total", "_bucket", "_sum", "_count"];
        ends.iter().find_map(|end| w.strip_suffix(end)).unwrap_or(w).to_owned()
    };
    ours.map(bare).collect()
}

#[test]
fn the_documented_metrics_are_the_registered_ones() {
    let table = fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    let rows: String = table.lines().filter(|l| l.starts_with("| `seaworthy_")).collect();
    assert_eq!(named(&rows), registered());
}

#[test]
fn alerts_and_dashboard_use_what_is_there() {
    let there = registered();
    for file in ["alerts.yaml", "dashboard.json"] {
        let text = fs::read_to_string(root().join("charts/seaworthy/files").join(file)).unwrap();
        let used = named(&text);
        assert!(used.len() > 5, "{file}: {used:?}");
        assert_eq!(used.difference(&there).collect::<Vec<_>>(), Vec::<&String>::new(), "{file}");
    }
}

#[test]
fn the_page_shows_what_was_counted_and_is_brought_up_to_date() {
    let metrics = Metrics::default();
    let kind = KindLabels { kind: "Release" };
    metrics.reconciles.get_or_create(&kind).inc();
    metrics.queue.get_or_create(&kind).set(3);
    metrics.before_pages(|m| {
        m.releases.clear();
        m.releases.get_or_create(&PhaseLabels { phase: "Publishing".into() }).set(2);
        m.samples.get_or_create(&SampleLabels { outcome: "lost" }).set(1);
    });
    let page = metrics.page();
    for line in [
        r#"seaworthy_reconciles_total{kind="Release"} 1"#,
        r#"seaworthy_queue_depth{kind="Release"} 3"#,
        r#"seaworthy_releases{phase="Publishing"} 2"#,
        r#"seaworthy_soak_samples{outcome="lost"} 1"#,
    ] {
        assert!(page.lines().any(|l| l == line), "{line} is missing in\n{page}");
    }
}
