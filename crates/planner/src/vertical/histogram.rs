//! A histogram of cpu whose past fades. VPA's buckets (`recommender/util/histogram_options.go`): the first is 0.01 cores
//! wide, each further one 5 % wider, the last holds all above 1000 cores.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

const BUCKETS: usize = 176;
/// Width of the first bucket, cores.
pub(super) const FIRST: f64 = 0.01;
/// How much wider each bucket is than the one before.
pub(super) const GROWTH: f64 = 1.05;
/// Weight halves in a day, as VPA's does.
const HALF_LIFE_MS: f64 = 86_400_000.0;
/// Weights are brought back to the present beyond so many half-lives, long before they stop being numbers.
const FAR: f64 = 64.0;

/// The lower edge of each bucket: sums of a geometric series, the same on any machine.
static EDGES: LazyLock<[f64; BUCKETS]> = LazyLock::new(|| {
    let (mut edges, mut edge, mut width) = ([0.0; BUCKETS], 0.0, FIRST);
    for place in &mut edges {
        *place = edge;
        edge += width;
        width *= GROWTH;
    }
    edges
});

/// The histogram.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Histogram {
    /// Weights as of `reference_ms`; no longer than needed.
    weights: Vec<f64>,
    /// Weight of those that were cut off.
    cut_off: f64,
    reference_ms: i64,
}

impl Histogram {
    /// Adds a sample; `cut_off` says that more was needed than could be measured.
    pub(super) fn add(&mut self, cores: f64, weight: f64, at_ms: i64, cut_off: bool) {
        if !(cores.is_finite() && cores >= 0.0 && weight > 0.0 && weight.is_finite()) {
            return;
        }
        if self.weights.is_empty() {
            self.reference_ms = at_ms;
        }
        let mut age = half_lives(at_ms, self.reference_ms);
        if age > FAR {
            let fade = libm::exp2(-age);
            self.weights.iter_mut().for_each(|weight| *weight *= fade);
            self.cut_off *= fade;
            (self.reference_ms, age) = (at_ms, 0.0);
        }
        let place = EDGES.partition_point(|edge| *edge <= cores).saturating_sub(1);
        if self.weights.len() <= place {
            self.weights.resize(place + 1, 0.0);
        }
        let weight = weight * libm::exp2(age);
        if let Some(bucket) = self.weights.get_mut(place) {
            *bucket += weight;
        }
        self.cut_off += if cut_off { weight } else { 0.0 };
    }

    fn total(&self) -> f64 {
        self.weights.iter().sum()
    }

    /// The upper edge of the bucket in which the quantile lies; none while there is no sample.
    pub(super) fn quantile(&self, quantile: f64) -> Option<f64> {
        let total = self.total();
        let mut sum = 0.0;
        let reached = |weight: &f64| {
            sum += weight;
            sum >= quantile * total
        };
        let place = self.weights.iter().position(reached).filter(|_| total > 0.0)?;
        EDGES.get(place + 1).or(EDGES.last()).copied()
    }

    /// The share of samples that were cut off.
    pub(super) fn cut_off(&self) -> f64 {
        let total = self.total();
        if total > 0.0 { (self.cut_off / total).clamp(0.0, 1.0) } else { 0.0 }
    }

    /// Whether a kept one keeps the rules of one.
    pub(super) fn is_sound(&self) -> bool {
        let sound = |weight: &f64| weight.is_finite() && *weight >= 0.0;
        self.weights.len() <= BUCKETS && self.weights.iter().all(sound) && sound(&self.cut_off)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a fraction of a millisecond in millennia is harmless")]
fn half_lives(at_ms: i64, reference_ms: i64) -> f64 {
    at_ms.saturating_sub(reference_ms) as f64 / HALF_LIFE_MS
}
