//! Reads what a decision about an E2ERun looks at: the object is read already, so only the Jobs of what is under way are left.

use std::collections::BTreeMap;

use kube::ResourceExt as _;
use seaworthy_api::{E2ERun, convert};
use seaworthy_core::e2e_run::{Observed, needs};

use crate::{Context, Error, jobs::observe_job, meta};

pub(super) async fn observe(ctx: &Context, run: &E2ERun) -> Result<Observed, Error> {
    let meta = meta::observe(ctx, run).await?;
    let status = run.status.clone().unwrap_or_default();
    let mut jobs = BTreeMap::new();
    for name in needs(&status) {
        let seen = observe_job(ctx, &meta.uid, &run.namespace().unwrap_or_default(), &name).await?;
        jobs.insert(name, seen);
    }
    Ok(Observed { meta, spec: convert::e2e_run::spec(run), status, jobs })
}
