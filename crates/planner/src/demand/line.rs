//! A straight line learned online, and where it reaches a limit.
//!
//! The estimate is that of recursive least squares with exponential forgetting (Ljung, *System Identification*, 2nd ed.,
//! 11.2), kept as fading sums around the means instead of a gain matrix: two unknowns need no more, and sums of squares
//! cannot lose their sign. Three guards against what makes the plain method explode:
//! - innovations are clipped at three deviations (Huber), so that no reading moves it far;
//! - a reading forgets only as much as it teaches of the slope, so that load that stands still for days wipes nothing out;
//! - it says nothing until x has moved and the slope stands out from the noise.

use serde::{Deserialize, Serialize};

/// Readings before it says anything: ten minutes of one each 15 s.
pub(super) const READINGS_MIN: f64 = 40.0;
/// Readings before innovations are clipped.
const WARM: f64 = 20.0;
/// Most readings that count: a day of one each 15 s.
const WEIGHT_MAX: f64 = 5760.0;
/// Innovations beyond so many deviations are clipped.
const CLIP: f64 = 3.0;
/// Share of a reading in the noise.
const NOISE_RATE: f64 = 0.005;
/// Deviations of noise to either side of a bound: one in forty lies beyond.
pub(super) const Z: f64 = 2.0;
/// Spread of x, as a share of its mean, under which it says nothing.
pub(super) const SPREAD_MIN: f64 = 0.04;
/// Half the width of an interval, as a share of its middle, above which it says nothing.
const WIDTH_MAX: f64 = 0.25;
/// No interval is narrower than this share of its middle to either side: a line is a picture of a replica, not the replica.
const MISFIT: f64 = 0.01;
/// Errors of neighbouring readings are taken to be alike by no more than this.
const ALIKE_MAX: f64 = 0.9;
/// What is beyond this is no reading.
const VALUE_MAX: f64 = 1e15;

/// y = a + b x, fading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Line {
    /// Readings that still count.
    weight: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
    /// Variance of innovations.
    noise: f64,
    /// The last innovation, and how alike neighbouring ones are, times their variance.
    last: f64,
    echo: f64,
}

/// Where a line reaches a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Interval {
    pub(super) lower: f64,
    pub(super) middle: f64,
    pub(super) upper: f64,
}

/// Why a line says nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Silent {
    /// There are too few readings.
    Few(f64),
    /// x hardly moves: its spread as a share of its mean.
    Still(f64),
    /// y does not rise with x, or it cannot be told from the noise.
    Flat,
    /// Where the limit is reached is anybody's guess.
    Vague,
}

impl Line {
    /// Takes a reading; `forgets` is the share of earlier ones that it may put out.
    pub(super) fn learn(&mut self, x: f64, y: f64, forgets: f64) {
        if !(x.is_finite() && y.is_finite()) || x.abs() > VALUE_MAX || y.abs() > VALUE_MAX {
            return;
        }
        let y = self.clipped(x, y);
        let dx = x - self.x;
        let variance = self.xx / self.weight.max(1.0);
        let news = if variance > 0.0 { (dx * dx / variance).min(1.0) } else { 1.0 };
        let keep = 1.0 - forgets.clamp(0.0, 0.5) * news;
        self.weight = (self.weight * keep + 1.0).min(WEIGHT_MAX);
        self.x += dx / self.weight;
        let dy = y - self.y;
        self.y += dy / self.weight;
        self.xx = self.xx * keep + dx * (x - self.x);
        self.xy = self.xy * keep + dx * (y - self.y);
    }

    /// The reading without what the line so far has for a fluke; the noise learns of it.
    fn clipped(&mut self, x: f64, y: f64) -> f64 {
        if self.weight < 2.0 {
            self.noise = (0.1 * y) * (0.1 * y);
            return y;
        }
        let expected = self.y + self.slope().unwrap_or(0.0) * (x - self.x);
        let most = CLIP * self.deviation();
        let error = if self.weight < WARM { y - expected } else { (y - expected).clamp(-most, most) };
        let rate = NOISE_RATE.max(1.0 / self.weight);
        self.noise += (error * error - self.noise) * rate;
        self.echo += (error * self.last - self.echo) * rate;
        self.last = error;
        expected + error
    }

    fn slope(&self) -> Option<f64> {
        (self.xx > 0.0).then(|| self.xy / self.xx)
    }

    fn deviation(&self) -> f64 {
        self.noise.max(0.0).sqrt()
    }

    /// How far x spreads, as a share of its mean.
    fn spread(&self) -> f64 {
        if self.x > 0.0 { (self.xx / self.weight.max(1.0)).max(0.0).sqrt() / self.x } else { 0.0 }
    }

    /// Where the line, which rises, reaches `limit`: Fieller's interval for the ratio of two estimates (*J. R. Statist.
    /// Soc. B* 16, 1954), that is, where the band of confidence around the line does. As neighbouring errors are alike,
    /// readings count for fewer than they are, by (1 − r) / (1 + r).
    pub(super) fn reaches(&self, limit: f64) -> Result<Interval, Silent> {
        if self.weight < READINGS_MIN {
            return Err(Silent::Few(self.weight));
        }
        if self.spread() < SPREAD_MIN {
            return Err(Silent::Still(self.spread()));
        }
        let slope = self.slope().filter(|slope| *slope > 0.0).ok_or(Silent::Flat)?;
        let alike = if self.noise > 0.0 { (self.echo / self.noise).clamp(0.0, ALIKE_MAX) } else { 0.0 };
        let k = Z * Z * self.noise * (1.0 + alike) / (1.0 - alike);
        let steep = slope * slope - k / self.xx;
        if steep <= 0.0 {
            return Err(Silent::Flat);
        }
        let away = limit - self.y;
        // (away − slope d)² = k (1/n + d²/xx), solved for d, the distance from the mean of x.
        let root =
            (k * (slope * slope / self.weight + away * away / self.xx - k / (self.weight * self.xx))).max(0.0).sqrt();
        let middle = self.x + away / slope;
        let lower = (self.x + (slope * away - root) / steep).min(middle * (1.0 - MISFIT));
        let upper = (self.x + (slope * away + root) / steep).max(middle * (1.0 + MISFIT));
        let sound = lower > 0.0 && lower.is_finite() && upper.is_finite() && upper - lower <= 2.0 * WIDTH_MAX * middle;
        if sound { Ok(Interval { lower, middle, upper }) } else { Err(Silent::Vague) }
    }

    pub(super) fn is_sound(&self) -> bool {
        let all = [self.weight, self.x, self.y, self.xx, self.xy, self.noise, self.last, self.echo];
        all.iter().all(|one| one.is_finite()) && self.weight >= 0.0 && self.xx >= 0.0 && self.noise >= 0.0
    }
}
