//! When load leaves what was expected of it: until what is started then serves, its rise is followed and nothing shrinks.

use serde::{Deserialize, Serialize};

use super::{Expected, Sight};

/// Probability with which load stays inside the band that is expected of it.
const BAND: f64 = 0.999;

/// Whether load is in a burst.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Burst {
    /// Where the band of the last step's forecast ended, in replicas.
    band: Option<f64>,
    /// Demand of the last step.
    demand: f64,
    /// Steps that it still lasts.
    left: u32,
}

impl Burst {
    /// Looks at what was measured `since` steps after the last look, one and up; while a burst lasts, gives the demand to
    /// be ready for, where replicas take `delay` steps to start.
    pub(super) fn look(&mut self, sight: &Sight<'_>, delay: u32, since: u32) -> Option<f64> {
        let lasts = delay.saturating_add(1);
        let rise = (sight.demand - self.demand).max(0.0) / f64::from(since.max(1));
        // The last band tells of the time until what was started then serves, and of no later one.
        let outside = since <= lasts && self.band.is_some_and(|band| sight.demand > band);
        self.left = if outside { lasts } else { self.left.saturating_sub(since) };
        self.demand = sight.demand;
        self.band = sight.expected.map(|Expected { capacity, soon, .. }| soon.quantile(BAND) / capacity);
        (self.left > 0).then(|| sight.demand + rise * f64::from(lasts))
    }
}
