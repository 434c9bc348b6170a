//! After everything else: what the API server's audit log says of it all.

use std::path::PathBuf;

use seaworthy_audit::OPERATOR;
use seaworthy_tests::{audit, cluster::variable};

#[test]
fn every_release_was_published_at_most_once_at_a_time() {
    let log = PathBuf::from(variable("SEAWORTHY_TEST_AUDIT_LOG").unwrap());
    // Where it runs in a test's process it is the administrator.
    let report = audit::check(&log, |user| user == OPERATOR).unwrap();
    eprintln!("{} Releases of runs without a fault were held to W", report.exact);
    eprintln!(
        "{} Releases came to publishing: {} Jobs, {} unsuspended, {} pods; {} statuses were written",
        report.releases, report.publishes, report.unsuspends, report.pods, report.statuses
    );
    assert!(report.findings.is_empty(), "{}", report.findings.join("\n"));
    assert!(report.statuses > 0, "the log holds nothing of ours");
}
