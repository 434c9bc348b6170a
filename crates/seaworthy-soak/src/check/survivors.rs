//! `survivors`: objects that are older than they should ever get, counted in rounds of the inventory.

use super::finding::{Finding, at};
use super::spec::Survivors;
use super::verdict::Verdict;
use super::view::View;
use super::window::{MIN_SLOTS, Window, duration};
use crate::series::{INVENTORY, OLDEST};
use crate::text::{Place, oldest_from_text};

/// One round that succeeded.
pub(super) struct Round {
    pub(super) row: usize,
    objects: f64,
    pub(super) older: f64,
}

/// The rounds of a check that succeeded in these rows.
pub(super) fn rounds(view: &View<'_>, name: &str, rows: std::ops::Range<usize>) -> Vec<Round> {
    let column = |series: &str| view.evidence.table.columns.get(&format!("{INVENTORY}/{name} {series}"));
    let (objects, older) = (column("objects"), column("older"));
    let number = |c: Option<&crate::series::Column>, row| c.and_then(|c| c.number(row));
    rows.filter_map(|row| Some(Round { row, objects: number(objects, row)?, older: number(older, row)? })).collect()
}

pub(super) fn judge(view: &View<'_>, name: &str, rule: &Survivors, window: &Window) -> Finding {
    let column = |series: &str| view.evidence.table.columns.get(&format!("{INVENTORY}/{name} {series}"));
    let rounds = rounds(view, name, window.rows());
    #[expect(clippy::cast_precision_loss, reason = "counts of objects are far below 2^53")]
    let max = rule.max as f64;
    let worst = rounds.iter().reduce(|a, b| if b.older > a.older { b } else { a });
    if let Some(worst) = worst.filter(|w| w.older > max) {
        let named = column(OLDEST).and_then(|c| c.text(worst.row)).and_then(oldest_from_text).unwrap_or_default();
        let named: Vec<_> = named
            .iter()
            .take(3)
            .map(|o| {
                format!("{} {}/{} ({})", o.resource, o.namespace, o.name, duration(o.age_seconds.saturating_mul(1000)))
            })
            .collect();
        let message = format!(
            "{} objects older than {}, {} allowed, {}: {}: find out why the candidate leaves them",
            worst.older,
            duration(rule.max_age_seconds.saturating_mul(1000)),
            rule.max,
            at(view.planned_ms(worst.row)),
            named.join(", ")
        );
        return Finding::fact(message).measured(worst.older, max);
    }
    let Some(worst) = worst else {
        let message = "no round of the inventory succeeded: check what the run may list, and run again";
        return Finding::new(Verdict::Inconclusive, message);
    };
    let message =
        format!("{} objects at most older than allowed, {} allowed, in {} rounds", worst.older, rule.max, rounds.len());
    Finding::new(Verdict::Passed, message)
        .measured(worst.older, max)
        .unless(objection(view, name, rule, window, &rounds))
}

fn objection(
    view: &View<'_>,
    name: &str,
    rule: &Survivors,
    window: &Window,
    rounds: &[Round],
) -> super::window::Objection {
    if window.planned < MIN_SLOTS {
        let message = format!("only {} slots are planned after warm-up: measure longer", window.planned);
        return Some((Verdict::Inconclusive, message));
    }
    if !window.complete {
        let message = format!("{} rounds so far: the measure is not over", rounds.len());
        return Some((Verdict::Inconclusive, message));
    }
    if rounds.iter().all(|r| r.objects == 0.0) {
        let message =
            "no round found any object that the check selects, so nothing could grow old: check resources, namespaces and selector".to_owned();
        return Some((Verdict::Inconclusive, message));
    }
    let (failed, good) = counts(view, name, window, rounds);
    if failed * 100 > (failed + good) * 5 {
        let message =
            format!("{failed} of {} rounds of the inventory failed, at most 5 % may: run again", failed + good);
        return Some((Verdict::Inconclusive, message));
    }
    let max_age = rule.max_age_seconds.saturating_mul(1000);
    if max_age >= window.to_ms {
        let message = format!(
            "maxAge of {} is not shorter than warm-up and measure ({}), so nothing that the load makes can grow older: shorten maxAge, or measure longer",
            duration(max_age),
            duration(window.to_ms)
        );
        return Some((Verdict::Inconclusive, message));
    }
    let bound = max_age.max(2 * view.interval_ms());
    let times = rounds.iter().map(|r| view.planned_ms(r.row)).chain([window.to_ms]);
    let mut before = window.from_ms;
    let mut longest = 0;
    for time in times {
        longest = longest.max(time.saturating_sub(before));
        before = time;
    }
    (longest > bound).then(|| {
        let message = format!(
            "no round of the inventory for {}, at most {} may pass between two: run again, or look more often",
            duration(longest),
            duration(bound)
        );
        (Verdict::Inconclusive, message)
    })
}

/// Whether a gap there is one of a check's rounds.
pub(super) fn failed_round(place: &Place, name: &str) -> bool {
    match place {
        Place::Everywhere => true,
        Place::Target { source, target } => source == INVENTORY && target == name,
        Place::Pods => false,
    }
}

/// How many rounds failed, and how many did not. In a slot that nobody recorded, or that was missed as a whole, there was none.
fn counts(view: &View<'_>, name: &str, window: &Window, rounds: &[Round]) -> (usize, usize) {
    let recorded = view.evidence.table.rows();
    let failed = |row: usize| row >= recorded || view.gaps(row).iter().any(|g| failed_round(&g.place, name));
    (window.rows().filter(|row| failed(*row)).count(), rounds.iter().filter(|r| !failed(r.row)).count())
}
