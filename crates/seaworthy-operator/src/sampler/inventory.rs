//! Asks the inventory task's pod for its page, and takes from it what one check needs. Hostile input like every page.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use seaworthy_soak::record::{Gap, GapReason, InventoryLook, InventoryPage, ObjectAge, ObjectRef};

use super::fetch::{Endpoint, Fetcher};
use crate::inventory::{
    OBJECTS, PATH, PORT,
    page::{Found, Listed, Objects, Page},
};

/// A look that is older than this, or than three intervals if that is more, is not of this slot.
const OLDEST_MS: u64 = 60_000;

/// The page by check.
pub(super) type Answer = HashMap<String, Result<Found, String>>;

/// Asks the pod.
pub(super) async fn ask(fetcher: &Fetcher, pod: IpAddr, interval_ms: u64) -> Result<Answer, Gap> {
    let endpoint = Endpoint { address: SocketAddr::new(pod, PORT), tls: false, path: PATH };
    let page = fetcher.fetch(&endpoint, "application/json").await?;
    parse(&page.body, interval_ms)
}

fn parse(body: &[u8], interval_ms: u64) -> Result<Answer, Gap> {
    let page: Page = serde_json::from_slice(body)
        .map_err(|e| Gap::new(GapReason::Malformed, format!("not what the inventory task answers: {e}")))?;
    if page.age_ms > OLDEST_MS.max(interval_ms.saturating_mul(3)) {
        return Err(Gap::new(GapReason::Stale, format!("the inventory task last looked {} s ago", page.age_ms / 1000)));
    }
    Ok(page.rounds.into_iter().map(|r| (r.check, r.result)).collect())
}

/// Asks the pod for the objects that `leftovers` checks compare, by check. `oldest` is how old the look may be at most.
pub(super) async fn objects(
    fetcher: &Fetcher,
    pod: IpAddr,
    oldest: Duration,
) -> Result<HashMap<String, Result<Vec<ObjectRef>, String>>, Gap> {
    let endpoint = Endpoint { address: SocketAddr::new(pod, PORT), tls: false, path: OBJECTS };
    let page = fetcher.fetch(&endpoint, "application/json").await?;
    let answer: Objects = serde_json::from_slice(&page.body)
        .map_err(|e| Gap::new(GapReason::Malformed, format!("not what the inventory task answers: {e}")))?;
    if u128::from(answer.age_ms) > oldest.as_millis() {
        return Err(Gap::new(GapReason::Stale, format!("the inventory task last looked {} ms ago", answer.age_ms)));
    }
    let reference = |o: crate::inventory::page::Object| ObjectRef {
        resource: o.resource,
        namespace: o.namespace,
        name: o.name,
        uid: o.uid,
        waiting_for: o.waiting_for,
    };
    let listed = |l: Listed| (l.check, l.result.map(|all| all.into_iter().map(reference).collect()));
    Ok(answer.scopes.into_iter().map(listed).collect())
}

/// What the answer says for one check.
pub(super) fn look(check: &str, answer: &Result<Answer, Gap>) -> InventoryLook {
    let result = match answer {
        Err(gap) => Err(gap.clone()),
        Ok(answer) => match answer.get(check) {
            Some(Ok(found)) => Ok(page(found)),
            Some(Err(why)) if why.contains("forbidden") || why.contains("Forbidden") => {
                Err(Gap::new(GapReason::Forbidden, why))
            }
            Some(Err(why)) => Err(Gap::new(GapReason::Other, why)),
            None => Err(Gap::new(GapReason::Malformed, "the inventory task does not know this check")),
        },
    };
    InventoryLook { check: check.to_owned(), result }
}

fn page(found: &Found) -> InventoryPage {
    let age = |o: &crate::inventory::page::Old| ObjectAge {
        resource: o.resource.clone(),
        namespace: o.namespace.clone(),
        name: o.name.clone(),
        uid: o.uid.clone(),
        age_seconds: o.age_seconds,
    };
    let oldest = found.oldest.iter().take(InventoryPage::NAMED).map(age).collect();
    InventoryPage { objects: found.objects, older: found.older, oldest }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::page::Round;

    #[test]
    fn answers_are_taken_apart_by_check() {
        let rounds = vec![
            Round { check: "a".into(), result: Ok(Found { objects: 3, older: 1, oldest: vec![] }) },
            Round { check: "b".into(), result: Err("cannot list pods: pods is forbidden".into()) },
        ];
        let body = serde_json::to_vec(&Page { age_ms: 5, rounds: rounds.clone() }).unwrap();
        let answer = parse(&body, 1000);
        assert_eq!(look("a", &answer).result.unwrap().objects, 3);
        assert_eq!(look("b", &answer).result.unwrap_err().reason, GapReason::Forbidden);
        assert_eq!(look("c", &answer).result.unwrap_err().reason, GapReason::Malformed);
        let old = serde_json::to_vec(&Page { age_ms: 61_000, rounds }).unwrap();
        assert_eq!(parse(&old, 1000).unwrap_err().reason, GapReason::Stale);
        assert!(parse(&old, 30_000).is_ok());
        assert_eq!(parse(b"{}", 1000).unwrap_err().reason, GapReason::Malformed);
    }
}
