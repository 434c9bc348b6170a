//! What the stored evidence says of every sample: when it was due, when it was taken, or why it was not.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use seaworthy_api::soak::evidence::Evidence;
use seaworthy_api::soak::record::RunInfo;
use seaworthy_api::soak::segment::Object;
use seaworthy_api::{SoakTest, convert::soak_test as convert, labels};
use serde_json::Value;

use super::field::Field;
use super::pages::Manner;

/// Samples of all targets that answer as they should, and of those that do not.
#[derive(Debug, Default)]
pub(super) struct Samples {
    /// How late each sample of a sound target was, in milliseconds, in ascending order.
    pub(super) late_ms: Vec<f64>,
    /// Slots of sound targets without a sample.
    pub(super) missed: usize,
    /// Slots of the others without a sample: all of them, if they cannot pass for sound.
    pub(super) gaps: usize,
    /// Slots of the others with a sample.
    pub(super) passed_off: usize,
    /// Compressed bytes of all evidence.
    pub(super) bytes: usize,
}

impl Samples {
    /// How late the samples were at this quantile.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a rank")]
    pub(super) fn quantile(&self, q: f64) -> f64 {
        let rank = (q * self.late_ms.len() as f64).ceil() as usize;
        self.late_ms.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.late_ms.len()
    }
}

/// Reads and verifies the evidence of every soak of a namespace.
pub(super) fn read(field: &Field, namespace: &str, pods: u32, manner: fn(u32) -> Manner) -> Result<Samples> {
    let mut parts: BTreeMap<String, Vec<Object>> = BTreeMap::new();
    let mut samples = Samples::default();
    for map in field.list(&format!("/api/v1/namespaces/{namespace}/configmaps"))? {
        let label = |name: &str| map["metadata"]["labels"][name].as_str().map(str::to_owned);
        let (Some(uid), Some(part)) = (label(labels::EVIDENCE), label("seaworthy.dev/evidence-part")) else { continue };
        let payload = map["binaryData"]["samples.csv.gz"].as_str().unwrap_or_default();
        let payload = base64::engine::general_purpose::STANDARD.decode(payload)?;
        samples.bytes += payload.len();
        let header = map["data"]["header.json"].as_str().unwrap_or_default().to_owned();
        parts.entry(uid).or_default().push(Object { sealed: part != "head", name: part, header, payload });
    }
    for soak in field.list(&format!("/apis/seaworthy.dev/v1alpha1/namespaces/{namespace}/soaktests"))? {
        let name = soak["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        one(soak, &mut parts, pods, manner, &mut samples).with_context(|| format!("evidence of {name}"))?;
    }
    samples.late_ms.sort_by(f64::total_cmp);
    Ok(samples)
}

fn one(
    soak: Value,
    parts: &mut BTreeMap<String, Vec<Object>>,
    pods: u32,
    manner: fn(u32) -> Manner,
    samples: &mut Samples,
) -> Result<()> {
    let soak: SoakTest = serde_json::from_value(soak)?;
    let uid = soak.metadata.uid.clone().unwrap_or_default();
    let status = soak.status.clone().unwrap_or_default();
    let run: RunInfo = convert::run(&uid, &soak.spec.soak, &status).context("it never began")?;
    let tip = status.evidence.map(|evidence| evidence.chain_tip).filter(|tip| !tip.is_empty());
    let evidence = Evidence::decode(&run, parts.remove(&uid).unwrap_or_default(), tip.as_deref())?;
    let target = &soak.spec.soak.target_ref.name;
    let number: u32 = target.trim_start_matches("target-").parse()?;
    for ordinal in 0..pods {
        let sound = manner(number * pods + ordinal) == Manner::Fine;
        for slot in 0..evidence.slots() {
            match evidence.value("page", &format!("{target}-{ordinal}"), "@late_ms", slot) {
                Some(late) if sound => samples.late_ms.push(late),
                None if sound => samples.missed += 1,
                Some(_) => samples.passed_off += 1,
                None => samples.gaps += 1,
            }
        }
    }
    Ok(())
}
