//! From samples to floors: what stays when garbage collection has done its work.
//!
//! A leak raises the floor; the heap above it comes and goes. So the lowest sample of each block stands for the block. Where the
//! series is a saw-tooth with teeth longer than a block, blocks would see the tooth, so each complete tooth's lowest
//! sample stands for the tooth.

use super::Point;
use super::fit::Floor;
use super::robust::{quantile_in_place, theil_sen};

/// At most so many floors.
pub(super) const MOST: usize = 48;
/// With fewer floors there is no verdict.
pub(super) const FEWEST: usize = 7;
/// Fewer releases than this are no saw-tooth.
const RELEASES: usize = 3;

/// The floors of a series, and what they are.
#[derive(Debug, Clone)]
pub(super) struct Floors {
    pub(super) floors: Vec<Floor>,
    /// The height of the teeth if the floors are those of a saw-tooth.
    pub(super) tooth: Option<f64>,
}

/// How a block becomes one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Its lowest sample.
    Minimum,
    /// Its median.
    Median,
}

/// The blocks of consecutive samples of one incarnation, as index ranges.
fn blocks(points: &[Point]) -> Vec<std::ops::Range<usize>> {
    let n = points.len();
    let mut size = ((2 * n + MOST) / (2 * MOST)).max(1);
    loop {
        let blocks = blocks_of(points, size);
        if blocks.len() <= MOST || size >= n {
            return blocks;
        }
        size += 1;
    }
}

fn blocks_of(points: &[Point], size: usize) -> Vec<std::ops::Range<usize>> {
    let mut blocks: Vec<std::ops::Range<usize>> = Vec::new();
    let mut start = 0;
    while start < points.len() {
        let same = |p: &&Point| points.get(start).is_some_and(|s| s.incarnation == p.incarnation);
        let end = start + points[start..].iter().take_while(same).count();
        let mut from = start;
        while from < end {
            let to = from + size;
            // A rest of less than half a block joins the block before.
            if to > end && 2 * (end - from) < size && from > start {
                if let Some(last) = blocks.last_mut() {
                    last.end = end;
                }
            } else {
                blocks.push(from..to.min(end));
            }
            from = to;
        }
        start = end;
    }
    blocks
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

/// One value per block.
pub(super) fn by_block(points: &[Point], of: Of) -> Floors {
    let floors: Vec<_> = blocks(points).into_iter().filter_map(|block| floor_of(points.get(block)?, of)).collect();
    Floors { floors: without_singles(&floors), tooth: None }
}

/// An incarnation with a single floor says nothing about a slope.
fn without_singles(floors: &[Floor]) -> Vec<Floor> {
    let count = |i: usize| floors.iter().filter(|f| f.incarnation == i).count();
    let kept = floors.iter().filter(|f| count(f.incarnation) > 1).copied();
    kept.collect()
}

/// The floors of a saw-tooth, one for each complete tooth; `None` if the series is none.
pub(super) fn by_tooth(points: &[Point]) -> Option<Floors> {
    let releases = releases(points)?;
    let mut floors = Vec::new();
    for pair in releases.windows(2) {
        let [one, next] = pair else { continue };
        let tooth = points.get(one.end..=next.start)?;
        if tooth.first()?.incarnation != tooth.last()?.incarnation {
            continue;
        }
        let lowest = tooth.iter().reduce(|a, b| if b.value < a.value { b } else { a })?;
        floors.push(Floor { t: lowest.t, f: lowest.value, incarnation: lowest.incarnation });
    }
    let mut heights: Vec<f64> = releases.iter().map(|r| r.height).collect();
    let tooth = quantile_in_place(&mut heights, 0.5);
    Some(Floors { floors: without_singles(&merged(floors)), tooth })
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
        .flat_map(|life| life.chunks(group).filter_map(lowest).collect::<Vec<_>>())
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
/// nine in ten rises stay below.
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
    if found.len() < RELEASES {
        return None;
    }
    let typical = quantile_in_place(&mut found.iter().map(|r| r.height).collect::<Vec<_>>(), 0.5)?;
    let usual = quantile_in_place(&mut rises, 0.9).unwrap_or_default();
    (typical > 3.0 * usual).then_some(found)
}
