//! The process may die after any write: the end is that of the clean run.

use super::world::{World, fails, succeeds};
use crate::{condition::Reason, task::Cause, time::Seconds, verdict::Verdict};

fn worlds() -> Vec<World> {
    let clean = World::new();
    let mut failed = World::new();
    failed.verdict = Verdict::Failed;
    let mut short = World::new();
    short.courses.insert("workload", succeeds(100));
    let mut setup = World::new();
    setup.courses.insert("setup", fails(3, Cause::Infrastructure, Reason::Evicted));
    let mut aborted = World::new();
    aborted.run_for(Seconds(700));
    aborted.spec.abort = true;
    let mut extended = World::new();
    (extended.spec.max_extension, extended.settled_by) = (Seconds(7200), Some(Seconds(5400)));
    vec![clean, failed, short, setup, aborted, extended]
}

#[test]
fn a_crash_after_any_write_changes_nothing_of_the_end() {
    for kind in 0..worlds().len() {
        let mut clean = worlds().swap_remove(kind);
        let before = clean.writes;
        clean.run_out();
        let tasks = |w: &World| -> Vec<String> { w.log.iter().filter(|l| !l.starts_with("note")).cloned().collect() };
        for at in before + 1..=clean.writes {
            let mut world = worlds().swap_remove(kind);
            world.crash_at = Some(at);
            world.run_out();
            assert_eq!(world.status.phase, clean.status.phase, "crash at write {at} of world {kind}");
            assert_eq!(tasks(&world), tasks(&clean), "crash at write {at} of world {kind}");
            assert_eq!(world.status.ending.as_ref().map(|e| e.reason), clean.status.ending.as_ref().map(|e| e.reason));
        }
    }
}
