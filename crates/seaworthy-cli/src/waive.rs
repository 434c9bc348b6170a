//! `waive`: takes a required gate its power to stop one Release, on record.

use std::process::ExitCode;

use seaworthy_api::Release;
use seaworthy_core::release::GateState;
use serde_json::{Value, json};

use crate::{
    abort::patch,
    approve::whoami,
    cluster::ClusterArgs,
    exit::{self, Code, Failure},
    look::clean,
    snapshot::get,
    target::{Kind, Target},
};

/// Waives a required gate for one Release; cannot be taken back.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The gate runs and reports all the same; it only cannot stop this Release any more. To not wait for it either, end its run:
`kubectl seaworthy abort soak/NAME` (or e2e/NAME) as `status` names it. Who waived it and why stays on record.

Exit codes: 0 recorded (or it was before); 1 refused: no such gate, or too late; 4 could not be carried out")]
pub(crate) struct Args {
    /// NAME or release/NAME.
    name: Target,
    /// The gate's name in the plan.
    #[arg(long)]
    gate: String,
    /// Why, on record.
    #[arg(long, value_parser = given)]
    reason: String,
}

fn given(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if text.trim().is_empty() || length > 256 {
        return Err(format!("{length} characters; a reason has at least one and at most 256"));
    }
    Ok(text.to_owned())
}

/// Runs the command.
pub(crate) fn run(args: &Args, cluster: &ClusterArgs) -> ExitCode {
    exit::run(async {
        if args.name.kind != Kind::Release {
            return Err(Failure::unusable(format!("{} is no Release: only gates of Releases are waived", args.name)));
        }
        let cluster = cluster.connect().await?;
        let release: Release = get(&cluster, &args.name).await?;
        if let Some(said) = sense(&release, args)? {
            return exit::print(&format!("{said}\n")).map(|()| Code::Done);
        }
        patch(&cluster, &args.name, &release, change(&release, args, &whoami(&cluster).await?)).await?;
        let (name, gate) = (&args.name, &args.gate);
        exit::print(&format!("{name}: gate {gate} is waived; it runs and reports, and cannot stop the Release\n"))?;
        Ok(Code::Done)
    })
}

/// The whole list with one more, for exactly the object that was read: somebody else's waiver is not lost.
fn change(release: &Release, args: &Args, by: &str) -> Value {
    let mut waivers = json!(release.spec.waivers);
    if let Value::Array(list) = &mut waivers {
        list.push(json!({"gate": args.gate, "by": by, "reason": args.reason}));
    }
    json!({"metadata": {"resourceVersion": release.metadata.resource_version}, "spec": {"waivers": waivers}})
}

/// Whether a waiver makes sense now: an error if not, a remark if it was given before.
fn sense(release: &Release, args: &Args) -> Result<Option<String>, Failure> {
    let status = release.status.clone().unwrap_or_default();
    let (name, gate) = (&args.name, &args.gate);
    if let Some(given) = release.spec.waivers.iter().find(|w| w.gate == *gate) {
        return Ok(Some(format!(
            "{name}: gate {gate} was waived before by {}: {}",
            clean(&given.by),
            clean(&given.reason)
        )));
    }
    if status.ending.is_some() || status.publish.is_some() || status.phase.is_terminal() {
        let why = format!("{name} is {:?}: it is too late to waive a gate", status.phase);
        return Err(Failure::refused(format!("{why}; create a new Release with spec.waivers")));
    }
    if !status.gates.is_empty() && !status.gates.iter().any(|g| g.name == *gate) {
        let known: Vec<_> = status.gates.iter().map(|g| g.name.clone()).collect();
        return Err(Failure::refused(format!("{name} has no gate {gate:?}: it has {}", known.join(", "))));
    }
    if status.gates.iter().any(|g| g.name == *gate && g.state == GateState::Passed) {
        return Err(Failure::refused(format!("{name}: gate {gate} has passed: there is nothing to waive")));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(gate: &str, more: &Value) -> Release {
        let mut object = json!({
            "apiVersion": "seaworthy.dev/v1alpha1", "kind": "Release",
            "metadata": {"name": "a", "namespace": "b", "uid": "u", "resourceVersion": "7"},
            "spec": {"planRef": {"name": "p"}, "revision": "4f2c0d1e8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c3d"},
            "status": {"phase": "Verifying", "gates": [{"name": "soak", "kind": "SoakTest", "child": "a-soak", "state": gate}]},
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            object["status"][name] = value.clone();
        }
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn a_gate_is_waived_while_it_can_still_stop_the_release() {
        let args = |gate: &str| Args { name: "a".parse().unwrap(), gate: gate.into(), reason: "flaky lab".into() };
        let ending = json!({"ending": {"phase": "Failed", "reason": "GateFailed", "message": "m"}});
        for (state, more, gate, want) in [
            ("Running", json!({}), "soak", None),
            ("Pending", json!({}), "soak", None),
            ("Passed", json!({}), "soak", Some("has passed: there is nothing to waive")),
            ("Running", json!({}), "sock", Some("has no gate \"sock\": it has soak")),
            ("Failed", ending, "soak", Some("too late to waive a gate")),
        ] {
            match want {
                None => assert_eq!(sense(&release(state, &more), &args(gate)).unwrap(), None),
                Some(text) => {
                    let failure = sense(&release(state, &more), &args(gate)).unwrap_err();
                    assert!(failure.message.contains(text), "{}", failure.message);
                    assert_eq!(failure.code, Code::Failed);
                }
            }
        }
        let mut waived = release("Running", &json!({}));
        waived.spec.waivers.push(seaworthy_api::release::Waiver {
            gate: "x".into(),
            by: "bob".into(),
            reason: "r".into(),
        });
        let change = change(&waived, &args("soak"), "ann");
        assert_eq!(change["metadata"]["resourceVersion"], "7");
        assert_eq!(change["spec"]["waivers"][0]["by"], "bob");
        assert_eq!(change["spec"]["waivers"][1], json!({"gate": "soak", "by": "ann", "reason": "flaky lab"}));
        assert!(sense(&waived, &args("x")).unwrap().unwrap().contains("waived before by bob"));
    }
}
