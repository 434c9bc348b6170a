//! From samples to floors: what stays when garbage collection has done its work.
//!
//! A leak raises the floor; the heap above it comes and goes. So the lowest sample of each block stands for the block. Where the
//! series is a saw-tooth with teeth longer than a block, blocks would see the tooth, so each complete tooth's lowest
//! sample stands for the tooth. Where collecting stops, blocks see the rise again.

use std::ops::Range;

use super::Point;
use super::fit::Floor;
use super::robust::{quantile_in_place, theil_sen};

/// At most so many floors.
pub(super) const MOST: usize = 48;
/// With fewer floors of one life there is no verdict.
pub(super) const FEWEST: usize = 7;
/// Fewer releases than this are no saw-tooth.
const RELEASES: usize = 3;
/// What lasts longer than so many of the longest teeth is no tooth that is still growing.
const OPEN_TEETH: usize = 2;

/// The floors of a series, and what they are.
#[derive(Debug, Clone)]
#[expect(clippy::struct_field_names, reason = "the floors are what it is about")]
pub(super) struct Floors {
    pub(super) floors: Vec<Floor>,
    /// The height of the teeth if the floors are those of a saw-tooth.
    pub(super) tooth: Option<f64>,
    /// The points that they stand for, as index ranges.
    pub(super) seen: Vec<Range<usize>>,
    /// With fewer there is no verdict.
    pub(super) fewest: usize,
}

/// How a block becomes one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Its lowest sample.
    Minimum,
    /// Its median.
    Median,
}

/// The blocks of consecutive samples of one incarnation, as index ranges. `points` are in order of their lives.
fn blocks(points: &[Point]) -> Vec<Range<usize>> {
    let n = points.len();
    let mut size = ((2 * n + MOST) / (2 * MOST)).max(1);
    let mut lives = lives(points);
    // What gives no two blocks gives no slope, and with larger blocks still less.
    lives.retain(|life| cuts(life.len(), size) > 1);
    while lives.iter().map(|life| cuts(life.len(), size)).filter(|cuts| *cuts > 1).sum::<usize>() > MOST {
        size += 1;
    }
    lives.into_iter().filter(|life| cuts(life.len(), size) > 1).flat_map(|life| cut(life, size)).collect()
}

/// The points of each life, as index ranges.
fn lives(points: &[Point]) -> Vec<Range<usize>> {
    let mut from = 0;
    let range = |life: &[Point]| {
        let range = from..from + life.len();
        from = range.end;
        range
    };
    points.chunk_by(|a, b| a.incarnation == b.incarnation).map(range).collect()
}

/// How many blocks of `size` so many points give: a rest of less than half a block joins the block before.
fn cuts(points: usize, size: usize) -> usize {
    ((points + size / 2) / size).max(1)
}

/// A range in blocks of `size`.
fn cut(range: Range<usize>, size: usize) -> impl Iterator<Item = Range<usize>> {
    let cuts = cuts(range.len(), size);
    (0..cuts).map(move |k| {
        let from = range.start + k * size;
        from..if k + 1 == cuts { range.end } else { from + size }
    })
}

fn floor_of(points: &[Point], of: Of) -> Option<Floor> {
    let first = points.first()?;
    #[expect(clippy::cast_precision_loss, reason = "counts of samples are far below 2^53")]
    let mean_t = points.iter().map(|p| p.t).sum::<f64>() / points.len() as f64;
    let f = match of {
        Of::Minimum => points.iter().map(|p| p.value).fold(f64::INFINITY, f64::min),
        Of::Median => quantile_in_place(&mut points.iter().map(|p| p.value).collect::<Vec<_>>(), 0.5)?,
    };
    Some(Floor { t: mean_t, f, incarnation: first.incarnation })
}

/// One value per block, in order of time.
pub(super) fn by_block(points: &[Point], of: Of) -> Floors {
    let blocks = blocks(points);
    let floors = in_time(blocks.iter().filter_map(|block| floor_of(points.get(block.clone())?, of)).collect());
    Floors { seen: seen(points, &blocks, &floors), floors, tooth: None, fewest: FEWEST }
}

/// Of each life that has floors, the points from the first of `ranges` to the last one.
fn seen(points: &[Point], ranges: &[Range<usize>], floors: &[Floor]) -> Vec<Range<usize>> {
    let own = |life: Range<usize>| {
        let incarnation = points.get(life.start)?.incarnation;
        floors.iter().find(|f| f.incarnation == incarnation)?;
        let mut within = ranges.iter().filter(|r| life.contains(&r.start));
        let first = within.next()?;
        Some(first.start..within.next_back().unwrap_or(first).end)
    };
    lives(points).into_iter().filter_map(own).collect()
}

/// Lives may overlap: what is neighbouring in time stands together.
fn in_time(mut floors: Vec<Floor>) -> Vec<Floor> {
    floors.sort_by(|a, b| a.t.total_cmp(&b.t));
    floors
}

/// An incarnation with a single floor says nothing about a slope.
fn without_singles(floors: &[Floor]) -> Vec<Floor> {
    let alone = |f: &&Floor| floors.iter().filter(|other| other.incarnation == f.incarnation).nth(1).is_none();
    floors.iter().filter(|f| !alone(f)).copied().collect()
}

/// The floors of a saw-tooth, one for each tooth; `None` if the series is none.
///
/// A tooth shows its floor right after the release that it begins with, so the last one of a life counts before it is complete. What lasts
/// much longer than any tooth, before the first release of a life or after its last one, is none: collecting has not begun or has ended
/// there, and each block stands for itself.
pub(super) fn by_tooth(points: &[Point]) -> Option<Floors> {
    let releases = releases(points)?;
    let complete = |pair: &[Release]| -> Option<Range<usize>> {
        let [one, next] = pair else { return None };
        let tooth = points.get(one.end..=next.start)?;
        (tooth.first()?.incarnation == tooth.last()?.incarnation).then_some(one.end..next.start + 1)
    };
    let mut ranges: Vec<Range<usize>> = releases.windows(2).filter_map(complete).collect();
    let mut lengths: Vec<usize> = ranges.iter().map(Range::len).collect();
    lengths.sort_unstable();
    let (longest, typical) = (*lengths.last()?, *lengths.get(lengths.len() / 2)?);
    for open in opens(points, &releases) {
        if open.range.len() > OPEN_TEETH * longest {
            ranges.extend(cut(open.range, typical));
        } else if open.released && 2 * open.range.len() >= typical {
            ranges.push(open.range.start..open.range.end.min(open.range.start + longest));
        }
    }
    ranges.sort_by_key(|range| range.start);
    let floors = ranges.iter().filter_map(|range| {
        let lowest = points.get(range.clone())?.iter().reduce(|a, b| if b.value < a.value { b } else { a })?;
        Some(Floor { t: lowest.t, f: lowest.value, incarnation: lowest.incarnation })
    });
    let mut heights: Vec<f64> = releases.iter().map(|r| r.height).collect();
    let tooth = quantile_in_place(&mut heights, 0.5);
    let floors = in_time(without_singles(&merged(floors.collect())));
    // A restart cuts one tooth.
    let fewest = if lives(points).len() > 1 { FEWEST - 1 } else { FEWEST };
    Some(Floors { seen: seen(points, &ranges, &floors), floors, tooth, fewest })
}

/// What is between a release and an end of a life.
struct Open {
    range: Range<usize>,
    /// Whether it begins with a release.
    released: bool,
}

/// What of each life lies before its first release and after its last one; of a life without any, all.
fn opens(points: &[Point], releases: &[Release]) -> Vec<Open> {
    let mut opens = Vec::new();
    for life in lives(points) {
        let mut own = releases.iter().filter(|r| life.contains(&r.start));
        let Some(first) = own.next() else {
            opens.push(Open { range: life, released: false });
            continue;
        };
        let last = own.next_back().unwrap_or(first);
        opens.push(Open { range: life.start..first.start + 1, released: false });
        opens.push(Open { range: last.end..life.end, released: true });
    }
    opens
}

/// At most [`MOST`] floors, by taking the lowest of several neighbours.
fn merged(floors: Vec<Floor>) -> Vec<Floor> {
    let group = floors.len().div_ceil(MOST).max(1);
    if group == 1 {
        return floors;
    }
    let lowest = |group: &[Floor]| group.iter().copied().reduce(|a, b| if b.f < a.f { b } else { a });
    floors
        .chunk_by(|a, b| a.incarnation == b.incarnation)
        .flat_map(|life| life.chunks(group).filter_map(lowest))
        .collect()
}

/// A release of memory: the last sample before it, the first one after it, and how much it released.
#[derive(Debug, Clone, Copy)]
struct Release {
    start: usize,
    end: usize,
    height: f64,
}

/// The releases of a saw-tooth: at least three drops above a quarter of the detrended spread, typically above three times what
/// nine in ten rises stay below, and each at least half of what is typical.
fn releases(points: &[Point]) -> Option<Vec<Release>> {
    let blocks = by_block(points, Of::Median).floors;
    let slope = theil_sen(&blocks).unwrap_or_default();
    let mut level: Vec<f64> = points.iter().map(|p| p.value - slope * p.t).collect();
    let high = quantile_in_place(&mut level, 0.95)?;
    let low = quantile_in_place(&mut level, 0.05)?;
    let quarter = (high - low) / 4.0;
    if quarter <= 0.0 {
        return None;
    }
    let mut rises = Vec::with_capacity(points.len());
    let mut found: Vec<Release> = Vec::new();
    for (index, pair) in points.windows(2).enumerate() {
        let [one, next] = pair else { continue };
        if one.incarnation != next.incarnation {
            continue;
        }
        let drop = one.value - next.value;
        if drop < 0.0 {
            rises.push(-drop);
        } else if drop > quarter {
            match found.last_mut() {
                // One release may take several samples.
                Some(last) if last.end == index => {
                    last.end = index + 1;
                    last.height += drop;
                }
                _ => found.push(Release { start: index, end: index + 1, height: drop }),
            }
        }
    }
    found.retain(|release| lasts(points, release));
    if found.len() < RELEASES {
        return None;
    }
    let typical = quantile_in_place(&mut found.iter().map(|r| r.height).collect::<Vec<_>>(), 0.5)?;
    let usual = quantile_in_place(&mut rises, 0.9).unwrap_or_default();
    // What releases much less is noise, or leaves most for the next release.
    found.retain(|r| r.height >= typical / 2.0);
    (typical > 3.0 * usual && found.len() >= RELEASES).then_some(found)
}

/// Whether what was released is not there again at the next sample: then something was only not counted once, and that lowest sample is no floor.
fn lasts(points: &[Point], release: &Release) -> bool {
    let (Some(low), Some(next)) = (points.get(release.end), points.get(release.end + 1)) else { return true };
    next.incarnation != low.incarnation || next.value - low.value < release.height / 2.0
}
