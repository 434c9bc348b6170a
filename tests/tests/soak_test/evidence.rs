//! Evidence that somebody wrote to while it was gathered.

use std::io::{Read as _, Write as _};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use k8s_openapi::{
    ByteString,
    api::{apps::v1::Deployment, core::v1::ConfigMap},
};
use kube::{Api, api::PostParams};
use seaworthy_api::{SoakTest, core::soak_test::SoakTestPhase::*};
use seaworthy_tests::{
    api,
    cluster::Ground,
    operator,
    soak::{deployment, ends, image, soak, status},
};
use serde_json::{Value, json};

const PAYLOAD: &str = "samples.csv.gz";

fn unpacked(payload: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(payload).read_to_string(&mut text).unwrap();
    text
}

fn packed(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

/// Whoever gets at the operator's own account (nobody else may write evidence) makes a level of 7 out of one that is allowed.
#[tokio::test]
async fn evidence_that_somebody_changed_is_never_judged() {
    let ground = Ground::new("forged").await.unwrap();
    ground.create::<Deployment>(deployment("target", &image(), &["level=7"])).await.unwrap();
    ground.create::<SoakTest>(soak("soak", "target", |_| {})).await.unwrap();
    let slots = |head: &ConfigMap| {
        let header = head.data.as_ref().and_then(|d| d.get("header.json"));
        let header: Value = header.and_then(|h| serde_json::from_str(h).ok()).unwrap_or_default();
        header["slots"].as_u64().unwrap_or(0)
    };
    ground.until::<ConfigMap>("soak-evidence-head", "some stored slots", |head| slots(head) >= 8).await.unwrap();

    let account = format!("system:serviceaccount:{}:seaworthy-operator", operator::NAMESPACE);
    let groups = ["system:serviceaccounts", "system:authenticated"];
    let forger: Api<ConfigMap> = Api::namespaced(api::client_as(&account, &groups).await.unwrap(), &ground.namespace);
    // The operator writes as well: whoever forges needs the newest version, as it does.
    let written = loop {
        let mut head = forger.get("soak-evidence-head").await.unwrap();
        let payload = head.binary_data.as_mut().unwrap().get_mut(PAYLOAD).unwrap();
        let text = unpacked(&payload.0);
        let better = text.replace(",7\n", ",1\n").replace(",7,", ",1,");
        assert_ne!(text, better, "there is nothing to forge in\n{text}");
        *payload = ByteString(packed(&better));
        match forger.replace("soak-evidence-head", &PostParams::default(), &head).await {
            Ok(written) => break written,
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(error) => unreachable!("{error}"),
        }
    };
    let soak = ends(&ground, "soak", Failed, "EvidenceUnusable").await;
    assert!(slots(&written) < 26, "it was forged before the end");
    let told = json!(status(&soak).conditions).to_string();
    assert!(told.contains("altered"), "{told}");
    ground.done().await.unwrap();
}
