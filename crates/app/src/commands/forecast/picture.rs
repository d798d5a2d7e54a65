//! A trace's last days with what had been said of them, or the next with what is said, as SVG.

use std::fmt::Write as _;

use tenantry_sim::evaluate::{Picture, Point};

/// Width and height, and the margins at the left and below.
const SIZE: (f64, f64) = (960.0, 260.0);
const LEFT: f64 = 64.0;
const BELOW: f64 = 28.0;
const ABOVE: f64 = 10.0;
/// Lines across, above the lowest.
const LINES: u32 = 4;

/// Where instants and loads lie.
struct Scale {
    from_ms: f64,
    width_ms: f64,
    most: f64,
}

impl Scale {
    fn across(&self, point: &Point) -> f64 {
        let part = (millis(point) - self.from_ms) / self.width_ms.max(1.0);
        LEFT + part * (SIZE.0 - LEFT)
    }

    fn down(&self, load: f64) -> f64 {
        let part = (load / self.most).clamp(0.0, 1.0);
        SIZE.1 - BELOW - part * (SIZE.1 - BELOW - ABOVE)
    }
}

fn millis(point: &Point) -> f64 {
    point.at.as_millis() as f64
}

/// The picture, or nothing where there is nothing to show; `label` says what it shows.
pub(super) fn svg(picture: &Picture, label: &str) -> String {
    let points = &picture.points;
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return String::new() };
    let most = points.iter().map(|point| point.load.unwrap_or(0.0).max(middle(point)[3])).fold(0.0, f64::max);
    let scale =
        Scale { from_ms: millis(first), width_ms: millis(last) - millis(first), most: most.max(f64::MIN_POSITIVE) };
    let mut svg = format!("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{label}\">", SIZE.0, SIZE.1);
    axes(&mut svg, &scale, first, last);
    let band = points.iter().map(|point| (scale.across(point), scale.down(middle(point)[2])));
    let back = points.iter().rev().map(|point| (scale.across(point), scale.down(middle(point)[0])));
    let _ = write!(svg, "<polygon class=\"band\" points=\"{}\"/>", line(band.chain(back)));
    for (class, value) in [("high", 3), ("middle", 1)] {
        let value = |point: &Point| middle(point).get(value).copied().unwrap_or_default();
        let at = points.iter().map(|point| (scale.across(point), scale.down(value(point))));
        let _ = write!(svg, "<polyline class=\"{class}\" points=\"{}\"/>", line(at));
    }
    let load = points.iter().filter_map(|point| Some((scale.across(point), scale.down(point.load?))));
    let _ = write!(svg, "<polyline class=\"load\" points=\"{}\"/></svg>", line(load));
    svg
}

/// The quantiles that are drawn: 0.1, 0.5, 0.9 and 0.99.
const fn middle(point: &Point) -> [f64; 4] {
    let [low, middle, high, _, top] = point.said;
    [low, middle, high, top]
}

fn line(points: impl Iterator<Item = (f64, f64)>) -> String {
    points.map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ")
}

fn axes(svg: &mut String, scale: &Scale, first: &Point, last: &Point) {
    for part in 0..=LINES {
        let load = scale.most * f64::from(part) / f64::from(LINES);
        let y = scale.down(load);
        let _ = write!(
            svg,
            "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            SIZE.0,
            LEFT - 6.0,
            y + 4.0,
            short(load)
        );
    }
    for (at, x, anchor) in [(first, LEFT, "start"), (last, SIZE.0, "end")] {
        let _ = write!(
            svg,
            "<text x=\"{x}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            SIZE.1 - 6.0,
            at.at.to_jiff().strftime("%Y-%m-%d %H:%M UTC")
        );
    }
}

/// A number in three digits, with its thousands as a letter.
fn short(number: f64) -> String {
    let units = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    let (scaled, unit) =
        units.iter().find(|(size, _)| number >= *size).map_or((number, ""), |(size, unit)| (number / size, *unit));
    let digits = if scaled >= 100.0 || scaled == 0.0 {
        0
    } else if scaled >= 10.0 {
        1
    } else if scaled >= 0.1 {
        2
    } else {
        return format!("{scaled:.1e}{unit}");
    };
    format!("{scaled:.digits$}{unit}")
}
