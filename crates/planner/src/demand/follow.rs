//! Whether load follows the number of serving replicas, as where each fetches its own work: then it is no demand from
//! outside, and what shadows say of smaller sizes is not true.
//!
//! The scaler follows the load, so that the two move together anyway. What tells them apart is the moment in which
//! replicas begin or cease to serve: load from outside knows nothing of it. Around each such moment the load after it is
//! held against the straight line through the load before it, which was forecast from there without regard to the size.
//! Load that was rising goes on rising along the line, and a peak that called for the change falls under it; only load
//! that follows the size leaves the line in the change's own direction, up after ups and down after downs. So the
//! statistic is signed: b of the regression of the load's deviation on the change of size, both as shares, by least
//! squares through the origin over changes that fade; 0 for load from outside, 1 for a queue's consumers.

use serde::{Deserialize, Serialize};

/// Most readings that the load before a change is told from.
const WINDOW: usize = 8;
/// With fewer, while the number of replicas stood, a change says nothing.
const BEFORE_MIN: usize = 6;
/// Readings after a change that are not looked at, as rates are taken over a minute, and those that are.
const SKIPPED: u8 = 4;
const LOOKED_AT: u8 = 3;
/// Changes smaller than this share of the size drown in the load's own noise.
const CHANGE_MIN: f64 = 0.02;
/// A deviation counts for no more than this share of the load.
const DEVIATION_MAX: f64 = 1.0;
/// What is kept of earlier changes at each one: some thirty count.
const KEEP: f64 = 0.97;
/// Deviations of load that are taken for granted, in so many changes, until enough were seen.
const DOUBT: f64 = 2.0 * 0.1 * 0.1;
/// Standard errors that b must be above [`SHARE_MIN`]. Looked at after every change for years, two would be too few.
const CERTAIN: f64 = 3.0;
const SHARE_MIN: f64 = 0.3;
/// What each direction that was seen must come to by itself.
const SIDE_MIN: f64 = 0.2;
/// Under this it is over.
const SHARE_OVER: f64 = 0.15;
const CHANGES_MIN: f64 = 3.0;

/// Changes of one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Side {
    count: f64,
    qq: f64,
    qe: f64,
    ee: f64,
}

impl Side {
    fn take(&mut self, change: f64, deviation: f64) {
        self.count = self.count * KEEP + 1.0;
        self.qq = self.qq * KEEP + change * change;
        self.qe = self.qe * KEEP + change * deviation;
        self.ee = self.ee * KEEP + deviation * deviation;
    }

    fn share(&self) -> Option<f64> {
        (self.qq > 0.0).then(|| self.qe / self.qq)
    }
}

/// The load as it was before a change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Before {
    from: u32,
    to: u32,
    /// Load at the last reading, and its rise from one to the next.
    load: f64,
    rise: f64,
    /// Readings since.
    since: u8,
}

/// What is known of how load follows size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Follow {
    up: Side,
    down: Side,
    before: Option<Before>,
    ready: u32,
    /// The last loads, newest last, and how many of them came since the number changed.
    loads: [f64; WINDOW],
    stood: u8,
    follows: bool,
}

impl Follow {
    /// Takes a reading. One of saturated replicas says nothing: what they serve follows their number in any case.
    pub(super) fn see(&mut self, load: f64, ready: u32, saturated: bool) {
        if saturated || ready == 0 || !load.is_finite() {
            (self.before, self.stood) = (None, 0);
            self.ready = ready;
            return;
        }
        if ready != self.ready {
            self.leave(ready);
        }
        self.loads.rotate_left(1);
        if let Some(last) = self.loads.last_mut() {
            *last = load;
        }
        self.stood = self.stood.saturating_add(1);
        let Some(before) = &mut self.before else { return };
        before.since += 1;
        if before.since >= SKIPPED + LOOKED_AT {
            self.judge();
        }
    }

    /// The number of replicas changes: what was until now is what the load is held against.
    fn leave(&mut self, ready: u32) {
        let stood = usize::from(self.stood).min(WINDOW);
        if self.before.is_none() && stood >= BEFORE_MIN {
            let known = line(self.loads.get(WINDOW - stood..).unwrap_or_default());
            self.before = known.map(|(load, rise)| Before { from: self.ready, to: ready, load, rise, since: 0 });
        }
        (self.ready, self.stood) = (ready, 0);
    }

    /// Judges a change after a time that is always the same, whatever became of the size meanwhile: to wait for changes
    /// that last would pick those with which the load happened to agree.
    fn judge(&mut self) {
        let Some(before) = self.before.take() else { return };
        let after = self.loads.iter().rev().take(usize::from(LOOKED_AT)).sum::<f64>() / f64::from(LOOKED_AT);
        let ahead = f64::from(before.since) - f64::from(LOOKED_AT - 1) / 2.0;
        let expected = (before.load + before.rise * ahead).max(0.0);
        let change = as_share(f64::from(before.to), f64::from(before.from));
        let scale = expected.max(before.load).max(f64::MIN_POSITIVE);
        let deviation = ((after - expected) / scale).clamp(-DEVIATION_MAX, DEVIATION_MAX);
        if change.abs() < CHANGE_MIN {
            return;
        }
        if change > 0.0 {
            self.up.take(change, deviation);
        } else {
            self.down.take(change, deviation);
        }
        let Some((share, error)) = self.share() else { return };
        let of_sides = [&self.up, &self.down].into_iter().filter(|side| side.count > 1.5);
        let sides = of_sides.filter_map(Side::share).all(|share| share > SIDE_MIN);
        let enough = self.up.count + self.down.count > CHANGES_MIN - 0.5;
        if enough && sides && share - CERTAIN * error > SHARE_MIN {
            self.follows = true;
        } else if share < SHARE_OVER {
            self.follows = false;
        }
    }

    /// b with its standard error.
    fn share(&self) -> Option<(f64, f64)> {
        let sum = |part: fn(&Side) -> f64| part(&self.up) + part(&self.down);
        let (count, qq, qe, ee) = (sum(|s| s.count), sum(|s| s.qq), sum(|s| s.qe), sum(|s| s.ee));
        if qq <= 0.0 {
            return None;
        }
        let share = qe / qq;
        let variance = ((ee - share * qe).max(0.0) + DOUBT) / count;
        Some((share, (variance / qq).sqrt()))
    }

    /// By how much the load follows, and on how many changes it was seen; none while it is taken to come from outside.
    pub(super) fn follows(&self) -> Option<(f64, f64)> {
        self.follows.then(|| self.share().map(|(share, _)| (share, self.up.count + self.down.count))).flatten()
    }

    pub(super) fn is_sound(&self) -> bool {
        let sides = [self.up, self.down];
        let sound =
            |side: &Side| [side.count, side.qq, side.qe, side.ee].iter().all(|one| one.is_finite()) && side.qq >= 0.0;
        let before = self.before.is_none_or(|before| before.load.is_finite() && before.rise.is_finite());
        sides.iter().all(sound) && before && self.loads.iter().all(|load| load.is_finite())
    }
}

fn as_share(now: f64, before: f64) -> f64 {
    (now - before) / now.max(before).max(1.0)
}

/// The straight line through even readings: its value at the last of them, and its rise.
fn line(loads: &[f64]) -> Option<(f64, f64)> {
    let count = f64::from(u32::try_from(loads.len()).ok()?);
    let middle = (count - 1.0) / 2.0;
    let mean = loads.iter().sum::<f64>() / count;
    let (mut xx, mut xy, mut place) = (0.0, 0.0, -middle);
    for load in loads {
        xx += place * place;
        xy += place * (load - mean);
        place += 1.0;
    }
    let rise = if xx > 0.0 { xy / xx } else { return None };
    Some((mean + rise * middle, rise))
}
