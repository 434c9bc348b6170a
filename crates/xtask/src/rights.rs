//! `cargo xtask rights`: the operator's rights against what it really asked for, from the API server's audit log.
//!
//! What: a right that no request needed is one too many; a request that no right covers is a fault that nobody has met yet. Run over
//! the whole end-to-end suite. Deliberately absent: what kubelets ask about (they ask the API server, the operator does not).

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::generate::{Asked, operator_rights};

/// Arguments of `rights`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The API server's audit log of a whole suite, as `cargo xtask cluster status` names it.
    #[arg(long)]
    audit_log: PathBuf,
}

/// A verb on a resource (`group/resource`, or `group/resource/subresource`).
type Request = (String, String);

/// One line of the log, as far as it matters here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    verb: String,
    user: User,
    impersonated_user: Option<User>,
    object_ref: Option<Object>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    #[serde(default)]
    api_group: String,
    #[serde(default)]
    resource: String,
    #[serde(default)]
    subresource: String,
}

/// Runs the command.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    check(&arguments.audit_log)
}

/// Fails when rights and requests differ.
pub(crate) fn check(audit_log: &Path) -> Result<()> {
    let file = File::open(audit_log).with_context(|| format!("could not open {}", audit_log.display()))?;
    let (mut allowed, mut denied) = (BTreeSet::new(), BTreeSet::new());
    for line in BufReader::new(file).lines() {
        if let Some((request, was_allowed)) = request(&line?) {
            if was_allowed { &mut allowed } else { &mut denied }.insert(request);
        }
    }
    if allowed.is_empty() {
        bail!("{} holds no request of {OPERATOR}: run the end-to-end suite first", audit_log.display());
    }
    let faults = compare(&allowed, &denied);
    if !faults.is_empty() {
        bail!(
            "the operator's rights are not what it asks for:\n  {}\ncorrect crates/xtask/src/generate/rbac.rs",
            faults.join("\n  ")
        );
    }
    println!("{} different requests, and a right for each of them and for nothing else", allowed.len());
    Ok(())
}

/// Who the operator is where Helm and kustomize install it.
const OPERATOR: &str = "system:serviceaccount:seaworthy-system:seaworthy-operator";

/// What a line says that the operator asked for, and whether it was allowed.
fn request(line: &str) -> Option<(Request, bool)> {
    // Most lines are of others.
    if !line.contains(OPERATOR) {
        return None;
    }
    let event: Event = serde_json::from_str(line).ok()?;
    let object = event.object_ref?;
    if event.user.username != OPERATOR || event.impersonated_user.is_some() {
        return None;
    }
    let allowed = event.annotations.get("authorization.k8s.io/decision").is_none_or(|decision| decision == "allow");
    let mut resource = format!("{}/{}", object.api_group, object.resource);
    if !object.subresource.is_empty() {
        resource = format!("{resource}/{}", object.subresource);
    }
    Some(((resource, event.verb), allowed))
}

fn compare(allowed: &BTreeSet<Request>, denied: &BTreeSet<Request>) -> Vec<String> {
    let rights = operator_rights();
    let right = |(resource, verb): &Request| rights.iter().any(|(r, v, _)| r == resource && v == verb);
    // Everybody has some, such as to ask for the API server's version; those are no resources.
    let too_few =
        denied.iter().filter(|request| !right(request)).map(|(r, v)| format!("{v} {r}: asked for, and denied"));
    let unused = rights.iter().filter(|(resource, verb, asked)| {
        *asked == Asked::OfTheApiServer && !allowed.contains(&(resource.clone(), verb.clone()))
    });
    too_few.chain(unused.map(|(r, v, _)| format!("{v} {r}: never asked for"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(user: &str, impersonated: &str, object: &str, verb: &str, decision: &str) -> String {
        format!(
            r#"{{"verb":"{verb}","user":{{"username":"{user}"}},{impersonated}"objectRef":{object},"annotations":{{"authorization.k8s.io/decision":"{decision}"}}}}"#
        )
    }

    #[test]
    fn lines_of_others_do_not_count() {
        let pods = r#"{"resource":"pods","subresource":"log"}"#;
        let own = line(OPERATOR, "", pods, "get", "allow");
        assert_eq!(request(&own), Some((("/pods/log".to_owned(), "get".to_owned()), true)));
        let denied = line(OPERATOR, "", r#"{"apiGroup":"apps","resource":"deployments"}"#, "get", "forbid");
        assert_eq!(request(&denied), Some((("apps/deployments".to_owned(), "get".to_owned()), false)));
        let other = format!(r#""impersonatedUser":{{"username":"{OPERATOR}"}},"#);
        assert_eq!(request(&line("admin", &other, pods, "get", "allow")), None);
        assert_eq!(request("no json, though it names system:serviceaccount:seaworthy-system:seaworthy-operator"), None);
    }

    #[test]
    fn rights_without_requests_and_requests_without_rights_are_faults() {
        let asked: BTreeSet<Request> =
            operator_rights().into_iter().map(|(resource, verb, _)| (resource, verb)).collect();
        assert_eq!(compare(&asked, &BTreeSet::new()), [""; 0]);
        let mut fewer = asked.clone();
        let job = ("batch/jobs".to_owned(), "create".to_owned());
        fewer.remove(&job);
        assert_eq!(compare(&fewer, &BTreeSet::new()), ["create batch/jobs: never asked for"]);
        let secret = ("/secrets".to_owned(), "get".to_owned());
        // A right that was taken away for a moment (an uninstall) is no fault of the table.
        assert_eq!(compare(&asked, &BTreeSet::from([secret, job])), ["get /secrets: asked for, and denied"]);
    }
}
