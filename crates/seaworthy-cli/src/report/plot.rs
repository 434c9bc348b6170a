//! A check's plot as SVG: values, limits, lives of the container, stretches without values, faults, and what was not judged.
//!
//! Colours that depend on light or dark are placeholders here; the page's style sheet turns them into its own. No text of the cluster is in
//! a plot: names and reasons stand beside it.

use plotters::{
    coord::{cartesian::Cartesian2d, types::RangedCoordf64},
    prelude::*,
    style::FontStyle,
};
use seaworthy_soak::{
    check::{CheckKind, Limit, LimitKind, Line, Point, Slopes, Trace},
    unit::{is_bytes, plain},
};

use super::model::{Judged, Report};

/// Text, axes.
const INK: RGBColor = RGBColor(1, 2, 1);
/// Grid.
const GRID: RGBColor = RGBColor(1, 2, 2);
/// What was not judged.
const OUTSIDE: RGBColor = RGBColor(1, 2, 3);
/// No values.
const GAP: RGBColor = RGBColor(1, 2, 4);
/// Declared faults.
const FAULT: RGBColor = RGBColor(1, 2, 5);
/// Largest and least allowed values.
const LIMIT: RGBColor = RGBColor(1, 2, 6);
/// The baseline.
const BASELINE: RGBColor = RGBColor(1, 2, 7);
/// The fitted line, its interval and its floors.
const FIT: RGBColor = RGBColor(1, 2, 9);
/// The tolerable slope of a trend.
const TOLERABLE: RGBColor = RGBColor(1, 2, 16);
/// Another life of the container.
const LIFE: RGBColor = RGBColor(1, 2, 8);

/// Colours of lines, readable on light and on dark.
pub(super) const LINES: [RGBColor; 6] = [
    RGBColor(66, 133, 214),
    RGBColor(219, 119, 42),
    RGBColor(60, 160, 90),
    RGBColor(170, 100, 200),
    RGBColor(200, 75, 95),
    RGBColor(90, 160, 170),
];

/// A limit that lies this many times further away than the values reach would flatten them: it is left out and named beside the plot.
const FAR: f64 = 5.0;

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// A plot for each width of screen.
pub(super) struct Plot {
    /// For a phone.
    pub(super) narrow: String,
    /// For a desk.
    pub(super) wide: String,
    /// Limits that are too far away to be drawn.
    pub(super) far: Vec<Limit>,
}

/// Draws the check, if there is anything to draw, on axes whose ends and length are numbers.
pub(super) fn plot(report: &Report, check: &Judged) -> Option<Plot> {
    let points = || check.trace.lines.iter().flat_map(|l| &l.points);
    points().next()?;
    let metric = check.metric();
    let top = points().map(|p| p.value).fold(f64::NEG_INFINITY, f64::max);
    let bottom = points().map(|p| p.value).fold(f64::INFINITY, f64::min);
    let reach = top.abs().max(bottom.abs());
    let spread = top - bottom;
    // Of a trend its slope is to be seen: a limit may take no more room than the values.
    let is_near = |l: &&Limit| match check.trace.floors.as_slice() {
        [] => reach == 0.0 || l.value.abs() <= reach * FAR,
        _ => (bottom - spread..=top + spread).contains(&l.value),
    };
    let (near, far): (Vec<Limit>, Vec<Limit>) = check.trace.limits.iter().partition(is_near);
    let fits = fits(check);
    let rays = rays(check);
    let ends = || fits.iter().flat_map(|fit| rays.iter().map(|ray| fit.ray(ray.per_hour)[1].1));
    let low = near.iter().map(|l| l.value).fold(bottom, f64::min);
    // Slopes that leave these values far behind leave the picture, too.
    let high = ends().map(|end| end.min(top + spread)).chain(near.iter().map(|l| l.value)).fold(top, f64::max);
    // Zero belongs to the picture unless that would flatten it.
    let low = if low > 0.0 && low < high * 0.4 { 0.0 } else { low };
    let room = if high > low { (high - low) * 0.08 } else { high.abs().max(1.0) * 0.5 };
    let low = if low == 0.0 { 0.0 } else { low - room };
    let high = high + room;
    // Such an axis would never be done with.
    if ![low, high, high - low].into_iter().all(f64::is_finite) {
        return None;
    }
    let view = View {
        report,
        trace: &check.trace,
        limits: near,
        fits,
        rays,
        x: Scale::time(report.phases.elapsed_ms),
        y: Scale::values(metric, high.abs().max(low.abs())),
        low,
        high,
    };
    let (narrow, wide) = (view.draw(380, 260, 15)?, view.draw(960, 300, 15)?);
    Some(Plot { narrow, wide, far })
}

/// The line through the floors of one life of the container: lives have a level each, and the slope in common.
pub(super) struct Fit {
    /// Milliseconds since slot 0, and the value.
    floors: Vec<(f64, f64)>,
    /// The slope per hour, and the ends of its interval.
    slope: f64,
    interval: Option<(f64, f64)>,
}

impl Fit {
    /// Where a line of this slope through the middle of the floors begins and ends.
    fn line(&self, per_hour: f64) -> [(f64, f64); 2] {
        #[expect(clippy::cast_precision_loss, reason = "at most a few dozen floors")]
        let n = self.floors.len().max(1) as f64;
        let sum = self.floors.iter().fold((0.0, 0.0), |sum, floor| (sum.0 + floor.0, sum.1 + floor.1));
        let at = |ms: f64| (ms, sum.1 / n + per_hour * (ms - sum.0 / n) / HOUR_MS);
        let (from, to) = self.floors.first().zip(self.floors.last()).map_or((0.0, 0.0), |(a, b)| (a.0, b.0));
        [at(from), at(to)]
    }

    /// A line of this slope from where the fitted one begins.
    fn ray(&self, per_hour: f64) -> [(f64, f64); 2] {
        let [from, to] = self.line(self.slope);
        [from, (to.0, from.1 + per_hour * (to.0 - from.0) / HOUR_MS)]
    }
}

const HOUR_MS: f64 = 3_600_000.0;

/// The lines of a trend, life by life; none where no slope was found.
pub(super) fn fits(check: &Judged) -> Vec<Fit> {
    let (CheckKind::Trend(_), Some(slope)) = (&check.spec.kind, check.verdict.value) else { return Vec::new() };
    let points = check.trace.lines.first().map(|l| l.points.as_slice()).unwrap_or_default();
    let life = |floor: &(f64, f64)| {
        let next = points.partition_point(|p| p.ms <= floor.0);
        points.get(next.saturating_sub(1)).map_or(0, |p| p.life)
    };
    let lives = check.trace.floors.chunk_by(|a, b| life(a) == life(b)).filter(|floors| floors.len() > 1);
    lives.map(|floors| Fit { floors: floors.to_vec(), slope, interval: check.verdict.interval }).collect()
}

/// A slope that a trend is held against.
pub(super) struct Ray {
    /// The slope.
    pub(super) per_hour: f64,
    /// Whether it is the tolerable one.
    pub(super) tolerable: bool,
}

/// The tolerable and the unacceptable slope of a trend.
pub(super) fn rays(check: &Judged) -> Vec<Ray> {
    let ray = |per_hour, tolerable| Ray { per_hour, tolerable };
    let rays = |slopes: Slopes| [ray(slopes.tolerable, true), ray(slopes.unacceptable, false)];
    check.trace.slopes.map(rays).into_iter().flatten().collect()
}

/// From values to the numbers on an axis.
struct Scale {
    factor: f64,
    unit: &'static str,
}

impl Scale {
    fn time(elapsed_ms: u64) -> Self {
        match elapsed_ms / 60_000 {
            0..10 => Self { factor: 1000.0, unit: "s" },
            10..240 => Self { factor: 60_000.0, unit: "m" },
            _ => Self { factor: 3_600_000.0, unit: "h" },
        }
    }

    fn values(metric: &str, top: f64) -> Self {
        let bytes = [(1_073_741_824.0, "Gi"), (1_048_576.0, "Mi"), (1024.0, "Ki")];
        let found = bytes.into_iter().find(|(size, _)| is_bytes(metric) && top >= *size);
        found.map_or(Self { factor: 1.0, unit: "" }, |(factor, unit)| Self { factor, unit })
    }

    fn of(&self, value: f64) -> f64 {
        value / self.factor
    }

    fn label(&self, scaled: f64) -> String {
        format!("{}{}", plain(scaled), self.unit)
    }
}

struct View<'r> {
    report: &'r Report,
    trace: &'r Trace,
    limits: Vec<Limit>,
    fits: Vec<Fit>,
    rays: Vec<Ray>,
    x: Scale,
    y: Scale,
    low: f64,
    high: f64,
}

impl View<'_> {
    /// The SVG; nothing when it cannot be drawn, which a string never refuses.
    fn draw(&self, width: u32, height: u32, font: u32) -> Option<String> {
        let mut svg = String::new();
        self.draw_into(&mut svg, width, height, font).ok()?;
        Some(svg)
    }

    fn draw_into(&self, svg: &mut String, width: u32, height: u32, font: u32) -> Drawn {
        let root = SVGBackend::with_string(svg, (width, height)).into_drawing_area();
        let (x, y) = (&self.x, &self.y);
        let end = x.of(ms(self.report.phases.elapsed_ms.max(1)));
        let mut chart = ChartBuilder::on(&root)
            .margin(4)
            .margin_right(14)
            .x_label_area_size(26)
            .y_label_area_size(58)
            .build_cartesian_2d(0.0..end, y.of(self.low)..y.of(self.high))?;
        let text = FontDesc::new(FontFamily::SansSerif, f64::from(font), FontStyle::Normal).color(&INK);
        chart
            .configure_mesh()
            .x_labels(if width < 500 { 5 } else { 10 })
            .y_labels(5)
            .x_label_formatter(&|v| x.label(*v))
            .y_label_formatter(&|v| y.label(*v))
            .label_style(text)
            .axis_style(INK.mix(0.5))
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .draw()?;
        self.backgrounds(&mut chart, end)?;
        self.limits(&mut chart, end)?;
        for (line, colour) in self.trace.lines.iter().zip(LINES.iter().cycle()) {
            self.line(&mut chart, line, *colour, width)?;
        }
        self.fit(&mut chart)?;
        self.lives(&mut chart)?;
        root.present()
    }

    fn backgrounds(&self, chart: &mut Chart<'_, '_>, end: f64) -> Drawn {
        let (from, to) = self.trace.judged_ms;
        let mut stretches = vec![(0.0, self.x.of(ms(from)), OUTSIDE), (self.x.of(ms(to)), end, OUTSIDE)];
        stretches.extend(self.trace.gaps.iter().map(|g| (self.x.of(ms(g.from_ms)), self.x.of(ms(g.to_ms)), GAP)));
        stretches.extend(self.report.faults.iter().map(|f| (self.x.of(ms(f.from_ms)), self.x.of(ms(f.to_ms)), FAULT)));
        let (low, high) = (self.y.of(self.low), self.y.of(self.high));
        let shown = stretches.into_iter().filter(|(from, to, _)| to > from && *from < end);
        chart.draw_series(
            shown.map(|(from, to, colour)| Rectangle::new([(from, low), (to.min(end), high)], colour.filled())),
        )?;
        Ok(())
    }

    fn limits(&self, chart: &mut Chart<'_, '_>, end: f64) -> Drawn {
        for limit in &self.limits {
            let at = self.y.of(limit.value);
            let (colour, dash) = match limit.kind {
                LimitKind::Max | LimitKind::Min => (LIMIT, 8),
                LimitKind::Baseline => (BASELINE, 3),
            };
            let ends = [(0.0, at), (end, at)];
            chart.draw_series(DashedLineSeries::new(ends, dash, 4, colour.stroke_width(2)))?;
        }
        Ok(())
    }

    fn line(&self, chart: &mut Chart<'_, '_>, line: &Line, colour: RGBColor, width: u32) -> Drawn {
        // A step of more than three slots, or into another life, is a break.
        let slot = ms(self.report.run.interval_ms);
        let broken = |a: &Point, b: &Point| b.life != a.life || b.ms - a.ms > 3.5 * slot;
        for part in line.points.chunk_by(|a, b| !broken(a, b)) {
            let points: Vec<(f64, f64)> =
                thinned(part, width).into_iter().map(|p| (self.x.of(p.ms), self.y.of(p.value))).collect();
            if let [alone] = points.as_slice() {
                chart.draw_series([Circle::new(*alone, 2, colour.filled())])?;
            } else {
                chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?;
            }
        }
        Ok(())
    }

    /// The floors; for each life of the container the line through them with the ends of its interval, and what it is held against.
    fn fit(&self, chart: &mut Chart<'_, '_>) -> Drawn {
        let dots = self.trace.floors.iter().map(|(at, value)| (self.x.of(self.judged(*at)), self.y.of(*value)));
        chart.draw_series(dots.map(|dot| Circle::new(dot, 3, FIT.stroke_width(2))))?;
        for fit in &self.fits {
            for ray in &self.rays {
                let colour = if ray.tolerable { TOLERABLE } else { LIMIT };
                chart.draw_series(LineSeries::new(self.within(fit.ray(ray.per_hour)), colour.stroke_width(1)))?;
            }
            // The line itself is whole, the ends of its interval are dashed.
            for end in fit.interval.iter().flat_map(|(lower, upper)| [*lower, *upper]) {
                let ends = self.within(fit.line(end));
                chart.draw_series(DashedLineSeries::new(ends, 4, 4, FIT.stroke_width(1)))?;
            }
            chart.draw_series(LineSeries::new(self.within(fit.line(fit.slope)), FIT.stroke_width(2)))?;
        }
        Ok(())
    }

    /// Where a floor of this time is drawn. The middle of its samples may lie in a fault that they surround, and the floor stands for none there:
    /// it is drawn at the nearest of them.
    fn judged(&self, at: f64) -> f64 {
        let faulty = |at: f64| self.report.faults.iter().any(|f| (ms(f.from_ms)..ms(f.to_ms)).contains(&at));
        if !faulty(at) {
            return at;
        }
        let (from, to) = self.trace.judged_ms;
        let times = self.trace.lines.iter().flat_map(|l| &l.points).map(|p| p.ms);
        let judged = times.filter(|time| (ms(from)..ms(to)).contains(time) && !faulty(*time));
        judged.min_by(|a, b| (a - at).abs().total_cmp(&(b - at).abs())).unwrap_or(at)
    }

    /// The part of a line that lies between the bottom and the top of the plot.
    fn within(&self, [from, to]: [(f64, f64); 2]) -> Vec<(f64, f64)> {
        let rise = to.1 - from.1;
        // How far along the line it crosses a height.
        let crosses = |height: f64| if rise == 0.0 { 0.0 } else { (height - from.1) / rise };
        let inside = |value: f64| (self.low..=self.high).contains(&value);
        let end = |point: (f64, f64)| {
            if inside(point.1) {
                return Some(point);
            }
            let along = crosses(if point.1 > self.high { self.high } else { self.low });
            (rise != 0.0 && (0.0..=1.0).contains(&along))
                .then_some((from.0 + along * (to.0 - from.0), from.1 + along * rise))
        };
        let ends = end(from).zip(end(to)).map(|(from, to)| vec![from, to]).unwrap_or_default();
        ends.into_iter().map(|(ms, value)| (self.x.of(ms), self.y.of(value))).collect()
    }

    fn lives(&self, chart: &mut Chart<'_, '_>) -> Drawn {
        let starts = self.trace.lines.iter().flat_map(|l| l.points.windows(2)).filter_map(|pair| match pair {
            [a, b] if b.life != a.life => Some(self.x.of(b.ms)),
            _ => None,
        });
        let starts: Vec<f64> = starts.collect();
        for at in starts {
            let ends = [(at, self.y.of(self.low)), (at, self.y.of(self.high))];
            chart.draw_series(DashedLineSeries::new(ends, 2, 3, LIFE.stroke_width(1)))?;
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a run are far below 2^53")]
const fn ms(ms: u64) -> f64 {
    ms as f64
}

/// At most two points a pixel column: its lowest and its highest, so that no spike is lost.
fn thinned(points: &[Point], width: u32) -> Vec<Point> {
    let columns = usize::try_from(width).unwrap_or(1);
    if points.len() <= 2 * columns {
        return points.to_vec();
    }
    let mut kept = Vec::with_capacity(2 * columns);
    for chunk in points.chunks(points.len().div_ceil(columns)) {
        let by = |a: &&Point, b: &&Point| a.value.total_cmp(&b.value);
        let (low, high) = (chunk.iter().min_by(by), chunk.iter().max_by(by));
        let mut pair: Vec<Point> = low.into_iter().chain(high).copied().collect();
        pair.sort_by(|a, b| a.ms.total_cmp(&b.ms));
        kept.extend(pair);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_every_spike() {
        let point =
            |i: u32| Point { ms: f64::from(i), value: if i == 5_001 { 99.0 } else { f64::from(i % 7) }, life: 0 };
        let points: Vec<Point> = (0..20_000).map(point).collect();
        let kept = thinned(&points, 400);
        assert!(kept.len() <= 800, "{}", kept.len());
        assert!(kept.iter().any(|p| (p.value - 99.0).abs() < 1e-9));
        assert!(kept.windows(2).all(|w| w[0].ms <= w[1].ms));
        assert_eq!(thinned(&points[..800], 400).len(), 800);
    }
}
