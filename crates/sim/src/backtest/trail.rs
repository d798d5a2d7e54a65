//! What a policy did, in few enough points to be drawn.

/// Points of a picture.
const POINTS: usize = 480;
/// Steps that are drawn at most: the last three days, in which single changes can be seen.
const STEPS: usize = 3 * super::DAY;

/// A line of a picture: means over equal stretches of the end of the scored half.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trail {
    /// The points.
    pub points: Vec<f64>,
    /// Between which the forecast expected the load, at each point, for a policy that forecasts.
    pub band: Vec<(f64, f64)>,
    from: usize,
    steps: usize,
    sum: f64,
    count: usize,
}

impl Trail {
    /// A trail of the last of `steps` steps from step `from` on.
    pub(crate) fn new(from: usize, steps: usize) -> Self {
        let drawn = steps.min(STEPS);
        Self { points: Vec::new(), band: Vec::new(), from: from + steps - drawn, steps: drawn, sum: 0.0, count: 0 }
    }

    /// The first step that is drawn.
    pub(crate) const fn from(&self) -> usize {
        self.from
    }

    /// Adds a step's value; says whether a point was finished by it.
    pub(crate) fn add(&mut self, step: usize, value: f64) -> bool {
        let Some(place) = step.checked_sub(self.from) else { return false };
        self.sum += value;
        self.count += 1;
        let ends = (place + 1) * POINTS / self.steps.max(1) > place * POINTS / self.steps.max(1);
        if ends {
            #[expect(clippy::cast_precision_loss, reason = "a number of steps")]
            self.points.push(self.sum / self.count as f64);
            (self.sum, self.count) = (0.0, 0);
        }
        ends
    }
}
