//! How many units of load a ready replica carries at the service level, learned online.
//!
//! With x the load per ready replica, two lines are learned. Processor time: u = a + b x, with a what a replica uses
//! idle; it carries the x at which u reaches a limit. Response time: a replica taken as a processor-sharing queue answers
//! in R = s / (1 − x / c) on the mean (Kleinrock, *Queueing Systems* II, 4.4; for M/M/1 served in order each quantile of
//! it is the same times a constant, I, 5.1), so that 1/R = (1/s)(1 − x / c) is a line in x too; it carries the x at which
//! 1/R falls to one over the objective. M/M/c has no such line, and needs to be told c; a replica of many workers bends
//! under the line where it saturates, which the two guards below are for.
//!
//! What is planned with is the smaller of the two at its lower confidence bound, with a declared prior weighed in, and
//! - never beyond a quarter more than the highest load per replica that was seen to be well;
//! - no more than the load per replica at which the service level was lately seen to be missed.
//!
//! INVARIANT(settled): readings teach only while all replicas serve that were asked for, and have for a start-up delay.
//! INVARIANT(bounded): the state is some hundred bytes, and a reading takes constant time; no reading makes it explode.

mod follow;
mod line;
mod words;

use serde::{Deserialize, Serialize};
use tenantry_domain::demand::{Demand, Evidence, Follows, Learned};
use tenantry_domain::id::SignalName;
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::{Milli, PerMille, Replicas, Span};
use thiserror::Error;

use follow::Follow;
use line::{Interval, Line, Silent, Z};
pub use words::told;

/// Version of the kept state.
const VERSION: u8 = 1;
/// A line forgets a reading in so long, by 63 %.
const MEMORY: Span = Span::from_secs(2 * 86_400);
/// A gap between readings counts as no more than this.
const GAP_MAX: Span = Span::from_secs(300);
/// Rates are commonly averaged over a minute: what was measured before it has passed tells of another size too.
const SETTLE_MIN: Span = Span::from_secs(60);
/// How far beyond the highest load per replica that was well a line is believed.
const BEYOND: f64 = 1.25;
/// Of what lies beyond the highest so far a reading raises it by this share, so that one alone does not make it.
const APPROACH: f64 = 0.25;
/// A replica at this share of its limit of cpu is at it: what it uses is measured over a while.
const AT_LIMIT: f64 = 0.98;
/// Response times are over the objective beyond this: at the capacity they are at it, give or take noise.
const OVER: f64 = 1.1;
/// Slow answers at less than this share of the highest load are no matter of load.
const OF_PEAK: f64 = 0.9;
/// Response times teach from this share of the highest load on: the line is needed there, and idle replicas are no queue.
const NEAR_PEAK: f64 = 0.5;
/// A prior is believed to within this share of it: one deviation.
const PRIOR_DEVIATION: f64 = 0.1;
/// So many readings in a row tell replicas that are saturated from such as are well used.
const SATURATED_FOR: u8 = 3;
/// Saturated replicas raise the demand by this share of what is measured, each start-up delay anew, up to the double.
const RAISE: f64 = 0.1;
const RAISED_MAX: f64 = 1.0;
const RAISE_EVERY_MIN: Span = Span::from_secs(15);
/// What is planned with follows what is learned once they differ by this share.
const HOLD: f64 = 0.02;
/// A contest goes on in other units while the capacity is no more than this many times what it began with, or as much less.
const SAME_CONTEST: f64 = 1.5;
/// While load follows the size, it shrinks once in this time at most, and by no more than [`shrunk`] says.
const FOLLOWS_EVERY: Span = Span::from_secs(300);
const FOLLOWS_PART: u32 = 10;

/// What one cycle saw of a workload. Absent is what was not measured, or not whole.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// When.
    pub now: Timestamp,
    /// The load's total, and when it was measured.
    pub load: Option<(f64, Timestamp)>,
    /// Size asked for.
    pub size: u32,
    /// Replicas that serve.
    pub ready: u32,
    /// Cores that a serving replica uses, on the mean.
    pub cpu: Option<f64>,
    /// Seconds that an answer takes.
    pub latency: Option<f64>,
    /// Version of the workload that all its replicas are of; none while there are several.
    pub template: Option<&'a str>,
}

/// What a capacity is held against.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// How long a started replica takes to serve.
    pub delay: Span,
    /// Cores that a replica may use.
    pub cpu: Option<f64>,
    /// Seconds that an answer may take.
    pub latency: Option<f64>,
    /// What is told beforehand, in units of load.
    pub prior: Option<f64>,
}

/// What is known of one load signal of a workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    template: String,
    since: Option<Timestamp>,
    cpu: Line,
    latency: Line,
    /// The highest load per replica that was well.
    peak: f64,
    /// The load per replica at which the service level was lately missed.
    missed: Option<f64>,
    size: (u32, Timestamp),
    ready: (u32, Timestamp),
    read_at: Timestamp,
    taught_at: Timestamp,
    /// Readings in a row at which the replicas were saturated.
    saturated: u8,
    raised: f64,
    raised_at: Timestamp,
    follow: Follow,
    /// What is planned with.
    held: Option<f64>,
    /// What the contest began with.
    began: Option<f64>,
}

/// Why a kept state is not gone on with.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("it is of another version, or damaged; what a replica carries is learned anew")]
pub struct ModelError;

impl Default for Model {
    fn default() -> Self {
        let never = Timestamp::from_millis(i64::MIN);
        Self {
            template: String::new(),
            since: None,
            cpu: Line::default(),
            latency: Line::default(),
            peak: 0.0,
            missed: None,
            size: (0, never),
            ready: (0, never),
            read_at: never,
            taught_at: never,
            saturated: 0,
            raised: 0.0,
            raised_at: never,
            follow: Follow::default(),
            held: None,
            began: None,
        }
    }
}

impl Model {
    /// Learns from what a cycle saw.
    pub fn learn(&mut self, reading: &Reading<'_>, terms: &Terms) {
        self.renew(reading.template);
        for (known, seen) in [(&mut self.size, reading.size), (&mut self.ready, reading.ready)] {
            // A clock that was put back must not make a change lie in the future.
            if known.0 != seen || known.1 > reading.now {
                *known = (seen, reading.now);
            }
        }
        self.read_at = self.read_at.min(reading.now);
        self.taught_at = self.taught_at.min(reading.now);
        let Some((load, at)) = reading.load.filter(|(load, at)| load.is_finite() && *load >= 0.0 && *at > self.read_at)
        else {
            return;
        };
        self.read_at = at;
        let x = load / f64::from(reading.ready.max(1));
        let full = reading.cpu.zip(terms.cpu).is_some_and(|(used, limit)| used >= AT_LIMIT * limit);
        let slow = reading.latency.zip(terms.latency).is_some_and(|(took, limit)| took > OVER * limit);
        let missed = reading.ready > 0 && (full || (slow && x >= OF_PEAK * self.peak));
        // A replica that bears less than it is known to carry is well used.
        let pressed = missed && self.held.is_none_or(|held| x >= held);
        self.saturated = if pressed { self.saturated.saturating_add(1) } else { 0 };
        self.raise(reading.now, terms.delay);
        self.follow.see(load, reading.ready, self.saturated >= SATURATED_FOR);
        if self.settled(reading, at, terms.delay) && reading.template.is_some_and(|seen| seen == self.template) {
            self.teach(x, missed, reading, terms, at);
        }
        self.hold(terms);
    }

    /// Begins anew with another version of the workload.
    fn renew(&mut self, template: Option<&str>) {
        let Some(template) = template.filter(|seen| *seen != self.template) else { return };
        *self = Self {
            template: template.to_owned(),
            size: self.size,
            ready: self.ready,
            read_at: self.read_at,
            began: self.began,
            ..Self::default()
        };
    }

    fn settled(&self, reading: &Reading<'_>, at: Timestamp, delay: Span) -> bool {
        let settle = delay.max(SETTLE_MIN);
        let stood = |since: Timestamp| at >= since && at.since(since) >= settle;
        reading.ready > 0 && reading.ready == reading.size && stood(self.size.1) && stood(self.ready.1)
    }

    fn teach(&mut self, x: f64, missed: bool, reading: &Reading<'_>, terms: &Terms, at: Timestamp) {
        let since = *self.since.get_or_insert(at);
        let passed = at.since(self.taught_at.max(since)).min(GAP_MAX);
        self.taught_at = at;
        let forgets = millis(passed) / millis(MEMORY);
        // What saturated replicas serve says nothing of the line beyond its end.
        let beyond = missed && self.estimate(terms).is_ok_and(|(known, _)| x > known.middle);
        if let Some(used) = reading.cpu.filter(|_| !beyond) {
            self.cpu.learn(x, used, forgets);
        }
        let answers = reading.latency.filter(|took| *took > 0.0 && !beyond && x >= NEAR_PEAK * self.peak);
        if let Some(took) = answers {
            self.latency.learn(x, -1.0 / took, forgets);
        }
        let measured = reading.cpu.zip(terms.cpu).is_some() || reading.latency.zip(terms.latency).is_some();
        if missed {
            let known = self.held.unwrap_or(self.peak);
            if x < self.missed.unwrap_or(known) && x > 0.0 {
                let before = self.missed.unwrap_or(known);
                self.missed = Some(before + (x - before) * APPROACH);
            }
        } else if measured {
            self.peak += (x - self.peak).max(0.0) * APPROACH;
            // Where it was missed it is well now: the bound gives way by as much as it was passed.
            self.missed = self.missed.map(|missed| missed + (x * OVER - missed).max(0.0) * APPROACH);
            self.missed = self.missed.filter(|missed| *missed < BEYOND * self.peak);
        }
    }

    fn raise(&mut self, now: Timestamp, delay: Span) {
        if self.saturated < SATURATED_FOR {
            self.raised = 0.0;
        } else if self.raised == 0.0 || now < self.raised_at || now.since(self.raised_at) >= delay.max(RAISE_EVERY_MIN)
        {
            self.raised = (self.raised + RAISE).min(RAISED_MAX);
            self.raised_at = now;
        }
    }

    /// Lets what is planned with follow what is learned.
    fn hold(&mut self, terms: &Terms) {
        let lower = self.estimate(terms).ok().map(|(known, _)| self.bounded(known.lower, terms));
        let near = |held: f64, lower: f64| (held - lower).abs() <= HOLD * lower;
        self.held = match (self.held, lower.filter(|lower| *lower > 0.0)) {
            (Some(held), Some(lower)) if near(held, lower) => Some(held),
            // What keeps silent for a moment, as without a pod to tell what it requests, is not forgotten.
            (held, lower) => lower.or(held),
        };
    }

    /// What the lines and the prior say together, and what of it they rest on.
    fn estimate(&self, terms: &Terms) -> Result<(Interval, Vec<Evidence>), Silent> {
        let limits = [
            (Evidence::Cpu, terms.cpu.map(|limit| self.cpu.reaches(limit))),
            (Evidence::Latency, terms.latency.map(|limit| self.latency.reaches(-1.0 / limit))),
        ];
        let said = || limits.iter().filter_map(|(from, reached)| Some((from, reached.as_ref()?)));
        let spoken: Vec<(Evidence, Interval)> =
            said().filter_map(|(from, one)| Some((*from, *one.as_ref().ok()?))).collect();
        let mut from: Vec<Evidence> = spoken.iter().map(|(from, _)| *from).collect();
        let smallest = spoken.into_iter().map(|(_, one)| one).min_by(|a, b| a.lower.total_cmp(&b.lower));
        let prior = terms.prior.map(|prior| {
            let deviation = Z * PRIOR_DEVIATION;
            Interval { lower: prior * (1.0 - deviation), middle: prior, upper: prior * (1.0 + deviation) }
        });
        from.extend(prior.map(|_| Evidence::Prior));
        match (smallest, prior) {
            (Some(learned), Some(prior)) => Ok((both(learned, prior), from)),
            (Some(one), None) | (None, Some(one)) => Ok((one, from)),
            (None, None) => Err(said().find_map(|(_, one)| one.as_ref().err().copied()).unwrap_or(Silent::Few(0.0))),
        }
    }

    /// A lower bound within what was seen; what a person told needs not have been seen.
    fn bounded(&self, lower: f64, terms: &Terms) -> f64 {
        let told = terms.prior.map_or(0.0, |prior| prior * (1.0 - Z * PRIOR_DEVIATION));
        let seen = lower.min((BEYOND * self.peak).max(told));
        self.missed.map_or(seen, |missed| seen.min(missed))
    }

    /// Whether a contest that runs in the units of an earlier capacity must begin anew in those of this one.
    pub fn begins_anew(&mut self, capacity: f64) -> bool {
        let began = *self.began.get_or_insert(capacity);
        let same = capacity <= began * SAME_CONTEST && capacity >= began / SAME_CONTEST;
        if !same {
            self.began = Some(capacity);
        }
        !same
    }

    /// All of it as a decision records it.
    #[must_use]
    pub fn demand(&self, signal: &SignalName, terms: &Terms) -> Demand {
        let estimate = self.estimate(terms);
        let unknown = estimate.as_ref().err().map(|silent| words::unknown(*silent, terms, &self.seen()));
        let learned = estimate.ok().zip(self.held).and_then(|((known, from), held)| {
            let [taken, estimate, lower, upper] =
                [held, known.middle, known.lower, known.upper].map(|value| Milli::from_f64(value.max(0.0)));
            let over = self.since.map_or(Span::default(), |since| self.taught_at.since(since));
            Some(Learned { taken: taken?, estimate: estimate?, lower: lower?, upper: upper?, from, over })
        });
        let follows = self.follow.follows().map(|(share, changes)| Follows {
            share: per_mille(share.min(1.0)),
            changes: count(changes),
            shrinks_at: self.size.1 + FOLLOWS_EVERY,
        });
        Demand { signal: signal.clone(), learned, unknown, raised: per_mille(self.raised), follows }
    }

    fn seen(&self) -> [bool; 2] {
        [self.cpu != Line::default(), self.latency != Line::default()]
    }

    /// The state, to be kept.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // Writing plain data to memory does not fail; an empty state is refused when it is read.
        postcard::to_extend(self, vec![VERSION]).unwrap_or_default()
    }

    /// A kept state.
    ///
    /// # Errors
    /// [`ModelError`] when it is of another version, or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        let body = bytes.split_first().filter(|(version, _)| **version == VERSION).map(|(_, body)| body);
        let model: Self = postcard::from_bytes(body.ok_or(ModelError)?).map_err(|_| ModelError)?;
        let positive = |value: Option<f64>| value.is_none_or(|value| value.is_finite() && value > 0.0);
        let sound = model.cpu.is_sound()
            && model.latency.is_sound()
            && model.follow.is_sound()
            && (model.peak.is_finite() && model.peak >= 0.0)
            && (0.0..=RAISED_MAX).contains(&model.raised)
            && [model.missed, model.held, model.began].into_iter().all(positive);
        if sound { Ok(model) } else { Err(ModelError) }
    }
}

/// What two independent estimates come to: each weighs by one over its variance.
fn both(one: Interval, other: Interval) -> Interval {
    let variance = |of: &Interval| {
        let deviation = (of.upper - of.lower) / (2.0 * Z);
        (deviation * deviation).max(f64::MIN_POSITIVE)
    };
    let (a, b) = (1.0 / variance(&one), 1.0 / variance(&other));
    let middle = (one.middle * a + other.middle * b) / (a + b);
    let wide = Z * (1.0 / (a + b)).sqrt();
    Interval { lower: (middle - wide).max(0.0), middle, upper: middle + wide }
}

/// The least size that one whose load follows it may shrink to at once: by a tenth, and by one at least.
#[must_use]
pub(crate) fn shrunk(size: Replicas) -> Replicas {
    let step = (size.get() / FOLLOWS_PART).max(1);
    Replicas::new(size.get().saturating_sub(step))
}

#[expect(clippy::cast_precision_loss, reason = "spans are far below 2^53 milliseconds")]
fn millis(span: Span) -> f64 {
    span.as_millis() as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped on the same line")]
fn per_mille(share: f64) -> PerMille {
    PerMille((share * 1000.0).round().clamp(0.0, 60_000.0) as u16)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a fading count is under a hundred")]
fn count(changes: f64) -> u32 {
    changes.round().clamp(0.0, 1e6) as u32
}

#[cfg(test)]
mod tests;
