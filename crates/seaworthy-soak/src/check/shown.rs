//! Whether a target that has shown a metric still shows it.
//!
//! A target need not show a metric at all: some are the leader's alone, some come with their first event. But a life that has shown
//! it and shows it no more hides something, and what the other targets show does not make up for that. A single series of it may go
//! with what it was about; that is told.

use super::finding::at;
use super::spec::Select;
use super::view::{Series, Target, View};
use super::window::Window;
use crate::record::{PodPhase, PodState};

/// The rows in which the page of some target lacked what the same life had shown before.
pub(super) struct Shown(Vec<bool>);

/// That fewer pods of the target ran than at first, in words: what the others would have shown is not known.
pub(super) fn shrank(view: &View<'_>, window: &Window) -> Option<String> {
    let running = |pods: &[PodState]| pods.iter().filter(|p| p.phase == PodPhase::Running && !p.terminating).count();
    if view.pictures().map(running).is_sorted_by(|a, b| a == b) {
        return None;
    }
    let mut counts = window.rows().filter_map(|row| Some((row, running(view.pods(row)?.ok()?))));
    let (_, first) = counts.next()?;
    let (row, least) = counts.min_by_key(|(_, count)| *count).filter(|(_, least)| *least < first)?;
    Some(format!("of {first} pods of the target only {least} ran {}", at(view.planned_ms(row))))
}

/// The series of one target, and how many there were of the metric whatever their labels, as far as that is recorded.
struct Here<'s> {
    series: Vec<&'s Series<'s>>,
    family: Vec<&'s Series<'s>>,
}

impl<'s> Here<'s> {
    fn of(place: &str, series: &'s [Series<'s>], family: &'s [Series<'s>]) -> Self {
        let here = |one: &&Series<'_>| one.place == place;
        Self { series: series.iter().filter(here).collect(), family: family.iter().filter(here).collect() }
    }

    /// Whether the metric stands on the page that counts in `row`.
    fn shows(&self, row: usize) -> bool {
        self.series.iter().any(|one| one.standing(row).is_some())
            || self.family.iter().any(|one| one.standing(row).is_some_and(|count| count > 0.0))
    }
}

/// The page of a target that counts in `row`.
fn page(target: &Target<'_>, row: usize) -> Option<usize> {
    Some(target.standing(row)).filter(|page| target.seen(*page))
}

impl Shown {
    /// What became of the metric on each target's pages, from row 0 to `rows`.
    pub(super) fn of(view: &View<'_>, select: &Select, series: &[Series<'_>], rows: usize) -> Self {
        let family = view.family(select);
        let mut lacking = vec![false; rows];
        for (place, target) in view.targets(&select.source) {
            let here = Here::of(place, series, &family);
            let mut shown_by = None;
            for (row, lacks) in lacking.iter_mut().enumerate() {
                let Some(page) = page(target, row) else { continue };
                let life = target.incarnation(page);
                if here.shows(row) {
                    shown_by = Some(life);
                } else {
                    // Whose the last page of a life is, is not known.
                    *lacks |= shown_by == Some(life) && !target.ends_life(page);
                }
            }
        }
        Self(lacking)
    }

    /// Whether something is missing in a row that was there before.
    pub(super) fn lacks(&self, row: usize) -> bool {
        self.0.get(row).copied().unwrap_or_default()
    }
}

/// What was not seen of the metric where it might have been, in words.
pub(super) fn told(view: &View<'_>, select: &Select, window: &Window) -> Option<String> {
    let (series, family) = (view.select(select), view.family(select));
    let here = |place: &str| Here::of(place, &series, &family);
    let told = [on_targets(view, select, here, window), vanished(view, select, here, window)];
    told.into_iter().flatten().reduce(|targets, series| format!("{targets}; {series}"))
}

/// On how many of the targets that gave a page in the window the metric was seen, in words; none where that was on all or nowhere.
fn on_targets<'s>(
    view: &View<'_>,
    select: &Select,
    here: impl Fn(&str) -> Here<'s>,
    window: &Window,
) -> Option<String> {
    let asked = view.targets(&select.source).filter(|(_, target)| window.rows().any(|row| target.seen(row)));
    let asked: Vec<&str> = asked.map(|(place, _)| place).collect();
    if asked.len() < 2 {
        return None;
    }
    let shows = |place: &&&str| {
        let here = here(place);
        window.rows().any(|row| here.shows(row))
    };
    let seen = asked.iter().filter(shows).count();
    (1..asked.len()).contains(&seen).then(|| format!("{} was seen on {seen} of {} targets", select.metric, asked.len()))
}

/// So many series are told by name, each by so many characters of it.
const NAMED: usize = 3;
const NAME: usize = 80;

/// The series that went from pages of a life that had shown them, while others of their metric stayed, in words. Labels come and go rightly,
/// with the objects that they name: so that is no verdict, but what is judged is not what was there at first.
fn vanished<'s>(view: &View<'_>, select: &Select, here: impl Fn(&str) -> Here<'s>, window: &Window) -> Option<String> {
    let (mut named, mut others): (Vec<String>, usize) = (Vec::new(), 0);
    let several = view.targets(&select.source).nth(1).is_some();
    for (place, target) in view.targets(&select.source) {
        let here = here(place);
        // A series that is alone goes with its metric, which is told as such.
        if here.series.is_empty() || here.series.len() + here.family.len() < 2 {
            continue;
        }
        let pages: Vec<Shows<'_>> = (0..window.reached).filter_map(|row| Shows::of(&here, target, row)).collect();
        let judged = || pages.iter().filter(|page| page.row >= window.from);
        for one in here.series.iter().filter(|one| went(one, &pages, window)) {
            if named.len() == NAMED {
                others += 1;
                continue;
            }
            let (all, on) = (judged().count(), judged().filter(|page| one.standing(page.row).is_some()).count());
            let name: String = one.key.chars().take(NAME).collect();
            let cut = if name.len() < one.key.len() { "…" } else { "" };
            let place = if several { format!(" of {place}") } else { String::new() };
            let (was, pages) = if named.is_empty() { (" was", " pages") } else { ("", "") };
            named.push(format!("{name}{cut}{place}{was} on {on} of {all}{pages}"));
        }
    }
    let others = if others > 0 { format!(", and {others} more series came and went") } else { String::new() };
    (!named.is_empty()).then(|| format!("{}{others}", named.join(", ")))
}

/// A page of a target.
struct Shows<'t> {
    row: usize,
    life: &'t str,
    /// Whether the metric is there, and the page surely of that life.
    tells: bool,
}

impl<'t> Shows<'t> {
    fn of(here: &Here<'_>, target: &'t Target<'_>, row: usize) -> Option<Self> {
        let page = page(target, row)?;
        let tells = !target.ends_life(page) && here.shows(row);
        Some(Self { row, life: target.incarnation(page), tells })
    }
}

/// Whether a page of the window lacks a series that the same life had shown.
fn went(one: &Series<'_>, pages: &[Shows<'_>], window: &Window) -> bool {
    let mut shown_by = None;
    pages.iter().any(|page| {
        if one.standing(page.row).is_some() {
            shown_by = Some(page.life);
            return false;
        }
        let lacks = page.row >= window.from && page.tells && shown_by == Some(page.life);
        // What only stands still is there.
        lacks && one.is_up_to_date(page.row)
    })
}
