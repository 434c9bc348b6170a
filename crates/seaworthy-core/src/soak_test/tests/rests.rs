//! From when on there is no load any more.

use super::{
    super::{ExtensionStatus, SoakTestStatus, load_is_over},
    world::World,
};
use crate::{
    task::{TaskState::*, TaskStatus},
    time::Seconds,
};

#[test]
fn a_load_is_over_once_measure_is_final_and_its_task_has_ended() {
    let mut world = World::new();
    let end = world.now;
    let mut status = SoakTestStatus { measure_end_time: Some(end), ..SoakTestStatus::default() };
    assert!(!load_is_over(&world.spec, &status, end), "it has not begun");
    for (state, over) in [(Pending, false), (Running, false), (Stopping, false), (Succeeded, true), (Failed, true)] {
        status.workload = Some(TaskStatus { state, ..TaskStatus::new("soak", "workload", 1, end) });
        assert_eq!(load_is_over(&world.spec, &status, end), over, "{state:?}");
    }
    assert!(!load_is_over(&world.spec, &status, end - Seconds(1)), "measure goes on");
    world.spec.max_extension = Seconds(600);
    assert!(!load_is_over(&world.spec, &status, end), "it may be extended");
    status.extension = Some(ExtensionStatus { closed: true, ..ExtensionStatus::default() });
    assert!(load_is_over(&world.spec, &status, end));
    (world.spec.workload, status.workload) = (None, None);
    assert!(load_is_over(&world.spec, &status, end), "there is none");
}
