//! Each day's peak of memory, with the days' weight fading, and kills for want of memory.

use serde::{Deserialize, Serialize};
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Milli;

const DAY_MS: i64 = 86_400_000;
/// Days that are remembered, as VPA's history of memory.
const DAYS: usize = 8;
/// After a kill memory is taken to be needed so much more, or [`BUMP_LEAST`]: VPA's `oom-bump-up-ratio`.
const BUMP: f64 = 1.2;
/// VPA's `oom-min-bump-up-bytes`, 100 MiB.
const BUMP_LEAST: Milli = Milli::units(100 << 20);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Day {
    /// Counts days since the epoch.
    number: i64,
    /// The most that a container was seen to use.
    seen: Milli,
    /// The most that is taken to be needed because one was killed.
    killed: Milli,
    kills: u32,
}

impl Day {
    fn peak(&self) -> Milli {
        self.seen.max(self.killed)
    }
}

/// The peaks, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Peaks {
    days: Vec<Day>,
    /// The last kill that was counted.
    killed_at: Option<Timestamp>,
}

impl Peaks {
    /// Takes what a container uses.
    pub(super) fn see(&mut self, bytes: Milli, at: Timestamp) {
        if let Some(day) = self.day(at) {
            day.seen = day.seen.max(bytes);
        }
    }

    /// Takes a kill of a container that could use `allowed`, each once: several containers may be killed at once, and
    /// each of their kills is seen again in every reading.
    pub(super) fn kill(&mut self, allowed: Milli, at: Timestamp) {
        if self.killed_at.is_some_and(|last| at <= last) {
            return;
        }
        let Some(day) = self.day(at) else { return };
        let used = allowed.max(day.seen);
        let bumped = Milli::from_f64(used.as_f64() * BUMP).unwrap_or(used);
        day.killed = day.killed.max(bumped).max(Milli(used.0.saturating_add(BUMP_LEAST.0)));
        day.kills = day.kills.saturating_add(1);
        self.killed_at = Some(at);
    }

    /// The day of an instant; none when it is forgotten already.
    fn day(&mut self, at: Timestamp) -> Option<&mut Day> {
        let number = at.as_millis().div_euclid(DAY_MS);
        let place = self.days.partition_point(|day| day.number < number);
        if self.days.get(place).is_none_or(|day| day.number != number) {
            if self.days.len() == DAYS && place == 0 {
                return None;
            }
            self.days.insert(place, Day { number, seen: Milli::ZERO, killed: Milli::ZERO, kills: 0 });
            let newest = self.days.last().map_or(number, |day| day.number);
            let kept = i64::try_from(DAYS).unwrap_or(i64::MAX);
            self.days.retain(|day| day.number > newest.saturating_sub(kept));
        }
        self.days.iter_mut().find(|day| day.number == number)
    }

    /// The quantile of the peaks, where each day weighs half of the next; none while there is no peak.
    pub(super) fn quantile(&self, quantile: f64) -> Option<Milli> {
        let newest = self.days.last()?.number;
        let weight = |day: &Day| libm::exp2(-as_f64(newest.saturating_sub(day.number)));
        let mut sorted: Vec<(Milli, f64)> =
            self.days.iter().filter(|day| day.peak() > Milli::ZERO).map(|day| (day.peak(), weight(day))).collect();
        sorted.sort_by_key(|(peak, _)| *peak);
        let total: f64 = sorted.iter().map(|(_, weight)| weight).sum();
        let mut sum = 0.0;
        let reached = sorted.iter().find(|(_, weight)| {
            sum += weight;
            sum >= quantile * total
        });
        reached.or(sorted.last()).map(|(peak, _)| *peak)
    }

    /// The largest peak of all days.
    pub(super) fn largest(&self) -> Milli {
        self.days.iter().map(Day::peak).max().unwrap_or_default()
    }

    /// The least that the newest two days leave no doubt about: what was used, and what a kill asks for.
    pub(super) fn recent(&self) -> Milli {
        self.days.iter().rev().take(2).map(Day::peak).max().unwrap_or_default()
    }

    /// Kills in the days that are remembered.
    pub(super) fn kills(&self) -> u32 {
        self.days.iter().fold(0, |sum, day| sum.saturating_add(day.kills))
    }

    /// Whether a kept one keeps the rules of one.
    pub(super) fn is_sound(&self) -> bool {
        let rising = self.days.windows(2).all(|pair| matches!(pair, [a, b] if a.number < b.number));
        self.days.len() <= DAYS && rising && self.days.iter().all(|day| day.peak() >= Milli::ZERO)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number of days")]
fn as_f64(days: i64) -> f64 {
    days as f64
}
