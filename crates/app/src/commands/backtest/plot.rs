//! The pictures of the page: cost against failures, and each trace with its load, forecast and replicas.

use std::fmt::Write as _;

use tenantry_sim::backtest::{PolicyName, Replayed, Report, Trail, World};

/// Width, height and margin of a picture.
const SIZE: (f64, f64) = (860.0, 380.0);
const MARGIN: f64 = 56.0;
/// Shares of requests under this are drawn as this: the axis is logarithmic.
const SHARE_MIN: f64 = 1e-5;
/// Room between labels, in lines.
const LINE: f64 = 15.0;

fn color(policy: PolicyName) -> &'static str {
    match policy {
        PolicyName::Tenantry => "var(--ours)",
        PolicyName::Hpa => "#d1701a",
        PolicyName::HpaTuned => "#b5489b",
        PolicyName::HpaHindsight => "#8250df",
        PolicyName::Keda => "#bf8700",
        PolicyName::Scheduled => "#57606a",
        PolicyName::AwsPredictive => "#cf222e",
        PolicyName::Fixed => "#8c959f",
        PolicyName::Oracle => "#1a7f37",
    }
}

/// From 100 % at the top to the smallest share at the bottom.
fn down(share: f64) -> f64 {
    let part = share.max(SHARE_MIN).log10() / SHARE_MIN.log10();
    MARGIN * 0.5 + part.clamp(0.0, 1.0) * (SIZE.1 - 1.5 * MARGIN)
}

/// Cost of each policy over the optimum, against the share of requests outside the objective, with HPA at each target.
pub(super) fn cost_and_failures(report: &Report, world: &World) -> String {
    let points = report.summary.iter().map(|one| one.median.cost_ratio_to_oracle);
    // Targets that nobody would pay for do not squeeze the rest.
    let widest = points.fold(1.3, f64::max).min(3.0);
    let across = |ratio: f64| MARGIN + (ratio - 1.0) / (widest - 1.0) * (SIZE.0 - 2.0 * MARGIN);
    let mut svg = frame("Cost of each policy over the optimum, against the share of requests outside the objective");
    let right = SIZE.0 - MARGIN;
    for power in -5..=0 {
        let y = down(10_f64.powi(power));
        let label = if power == -5 { "0".to_owned() } else { format!("{} %", 10_f64.powi(power + 2)) };
        let _ = write!(
            svg,
            "<line class=\"axis\" x1=\"{MARGIN}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text x=\"2\" y=\"{:.1}\">{label}</text>",
            y + 4.0
        );
    }
    let budget = down(world.error_budget);
    let _ = write!(
        svg,
        "<line x1=\"{MARGIN}\" x2=\"{right}\" y1=\"{budget:.1}\" y2=\"{budget:.1}\" stroke=\"#c33\" stroke-dasharray=\"5 4\"/>"
    );
    for part in 0..=4 {
        let ratio = 1.0 + (widest - 1.0) * f64::from(part) / 4.0;
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{ratio:.2}×</text>",
            across(ratio),
            SIZE.1 - 24.0
        );
    }
    let _ = write!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">replica-hours over the clairvoyant optimum</text>",
        SIZE.0 / 2.0,
        SIZE.1 - 6.0
    );
    let shown = report.frontier.iter().filter(|one| (1.0..=widest).contains(&one.cost_ratio_to_oracle));
    let line: Vec<(f64, f64)> =
        shown.clone().map(|one| (across(one.cost_ratio_to_oracle), down(one.violating_request_share))).collect();
    let _ = write!(svg, "<path d=\"{}\" fill=\"none\" stroke=\"#d1701a\" stroke-width=\"1.5\"/>", path(&line));
    for (one, (x, y)) in shown.zip(&line) {
        let _ = write!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\" fill=\"#d1701a\"><title>HPA at {:.0} %</title></circle>",
            one.target * 100.0
        );
    }
    let mut labels: Vec<(f64, f64)> = Vec::new();
    for one in &report.summary {
        let (x, y) = (across(one.median.cost_ratio_to_oracle.min(widest)), down(one.median.violating_request_share));
        let radius = if one.policy == PolicyName::Tenantry { 7 } else { 5 };
        let to_left = x > right - 110.0;
        let (label_x, anchor) = if to_left { (x - 10.0, "end") } else { (x + 10.0, "start") };
        let mut label_y = y - 8.0;
        while labels.iter().any(|(at_x, at_y)| (at_x - label_x).abs() < 110.0 && (at_y - label_y).abs() < LINE) {
            label_y += LINE;
        }
        labels.push((label_x, label_y));
        let _ = write!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{}\"/><text x=\"{label_x:.1}\" y=\"{label_y:.1}\" text-anchor=\"{anchor}\">{}</text>",
            color(one.policy),
            one.policy.as_str()
        );
    }
    svg.push_str("</svg>");
    svg
}

/// One trace: load, forecast band and replicas of each policy, which can be switched on and off.
pub(super) fn trace(replayed: &Replayed) -> String {
    let most = replayed
        .sizes
        .iter()
        .filter(|(policy, _)| usual(*policy))
        .flat_map(|(_, trail)| trail.points.iter().copied())
        .chain(replayed.load.points.iter().copied())
        .fold(1.0, f64::max);
    let count = replayed.load.points.len().max(2);
    #[expect(clippy::cast_precision_loss, reason = "some hundred points")]
    let across = |place: usize| MARGIN + place as f64 / (count - 1) as f64 * (SIZE.0 - 2.0 * MARGIN);
    let height = |value: f64| (SIZE.1 - MARGIN) - value / most * (SIZE.1 - 1.5 * MARGIN);
    let line = |values: &[f64]| -> Vec<(f64, f64)> {
        values.iter().enumerate().map(|(place, value)| (across(place), height(value.min(most)))).collect()
    };
    let mut svg = frame("Load, forecast and replicas of each policy over the last days");
    for part in 0..=4 {
        let value = most * f64::from(part) / 4.0;
        let y = height(value);
        let _ = write!(
            svg,
            "<line class=\"axis\" x1=\"{MARGIN}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text x=\"4\" y=\"{:.1}\">{value:.1}</text>",
            SIZE.0 - MARGIN,
            y + 4.0
        );
    }
    let (from, until) = replayed.drawn;
    for (x, at, anchor) in [(MARGIN, from, "start"), (SIZE.0 - MARGIN, until, "end")] {
        let at =
            jiff::Timestamp::from_millisecond(at).map(|at| at.strftime("%F %H:%M").to_string()).unwrap_or_default();
        let _ = write!(svg, "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{at}</text>", SIZE.1 - 32.0);
    }
    if let Some((_, ours)) = replayed.sizes.iter().find(|(policy, _)| *policy == PolicyName::Tenantry) {
        let _ = write!(svg, "<path class=\"band\" d=\"{}\"/>", band(ours, &line));
    }
    let _ = write!(svg, "<path class=\"load\" d=\"{}\"/>", path(&line(&replayed.load.points)));
    // Ours lies on top.
    let is_ours = |one: &&(PolicyName, Trail)| one.0 == PolicyName::Tenantry;
    let others = replayed.sizes.iter().filter(|one| !is_ours(one));
    for (policy, trail) in others.chain(replayed.sizes.iter().filter(is_ours)) {
        let _ = write!(
            svg,
            "<path class=\"size {}\"{} fill=\"none\" stroke=\"{}\" stroke-width=\"1.4\" d=\"{}\"/>",
            policy.as_str(),
            if usual(*policy) { "" } else { " hidden" },
            color(*policy),
            path(&line(&trail.points))
        );
    }
    svg.push_str("</svg>");
    let mut legend = String::from(
        "<p class=\"legend\"><span class=\"swatch\"></span> load in replicas, with the 5 to 99 % band of the forecast",
    );
    for (policy, _) in &replayed.sizes {
        let _ = write!(
            legend,
            " <label style=\"color:{}\"><input type=\"checkbox\" data-policy=\"{}\"{}>{}</label>",
            color(*policy),
            policy.as_str(),
            if usual(*policy) { " checked" } else { "" },
            policy.as_str()
        );
    }
    format!("<figure>{svg}{legend}</p></figure>")
}

/// Policies that are drawn at first.
const fn usual(policy: PolicyName) -> bool {
    matches!(policy, PolicyName::Hpa | PolicyName::Tenantry | PolicyName::Oracle)
}

fn frame(label: &str) -> String {
    format!("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{label}\">", SIZE.0, SIZE.1)
}

fn path(points: &[(f64, f64)]) -> String {
    let mut text = String::new();
    for (place, (x, y)) in points.iter().enumerate() {
        let _ = write!(text, "{}{x:.1} {y:.1}", if place == 0 { 'M' } else { 'L' });
    }
    text
}

/// Up along the upper bounds, back along the lower ones.
fn band(ours: &Trail, line: &impl Fn(&[f64]) -> Vec<(f64, f64)>) -> String {
    let (low, high): (Vec<f64>, Vec<f64>) = ours.band.iter().copied().unzip();
    let mut around = line(&high);
    around.extend(line(&low).into_iter().rev());
    if around.is_empty() { String::new() } else { format!("{}Z", path(&around)) }
}
