//! The control cycle. Laws L5 and L7.
//!
//! INVARIANT(recorded): `Apply` follows `Recorded` of the same generation and nothing else.
//! INVARIANT(fenced): `Apply` carries the instant until which the lease surely holds, and is not said after it. A lease
//! that was lost ends the cycle where it stands; the next one begins with a new epoch.

use tenantry_domain::plan::Generation;
use tenantry_domain::time::Timestamp;
use tenantry_domain::unit::Span;

/// How often and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// From the start of one cycle to the start of the next.
    pub period: Span,
    /// How long a renewed lease is held.
    pub lease_term: Span,
}

/// What came of asking for the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// It is ours, with this epoch.
    Yes(u64),
    /// Another holds it.
    No,
    /// Nobody knows: what was held before holds until its term ends.
    Unknown,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It is time to begin.
    Woke,
    /// The lease was asked for at `asked`.
    Lease {
        /// When the question was sent, from which on the term counts.
        asked: Timestamp,
        /// The answer.
        held: Held,
    },
    /// The world was read and every plan made.
    Planned {
        /// Whether there is something to record.
        records: bool,
    },
    /// All that was to be recorded is.
    Recorded {
        /// Whether there is something to apply.
        changes: bool,
    },
    /// It could not be recorded: nothing of this cycle may be applied.
    RecordFailed,
    /// Every change was answered or given up.
    Applied,
    /// Outcomes are recorded, or stay open for the next cycle.
    Settled,
    /// The controller is to end.
    Stopping,
}

/// The one thing to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Ask for the lease.
    HoldLease,
    /// Read the world and plan.
    Observe {
        /// Of this cycle.
        generation: Generation,
        /// Whether this is the first cycle of an epoch: what an earlier controller left open is to be settled.
        first: bool,
    },
    /// Record what was planned.
    Record(Generation),
    /// Write the recorded changes; none at or after `deadline`.
    Apply {
        /// Of this cycle.
        generation: Generation,
        /// Until when the lease surely holds.
        deadline: Timestamp,
    },
    /// Record the outcomes.
    Settle(Generation),
    /// Give the lease up.
    Release,
    /// Nothing until then.
    Sleep {
        /// When to wake.
        until: Timestamp,
        /// Whether this controller is in charge.
        leading: bool,
    },
    /// Nothing more.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Leasing,
    Observing,
    Recording,
    Applying,
    Settling,
    Releasing,
    Ended,
}

/// A controller's place in its cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle {
    settings: Settings,
    phase: Phase,
    generation: Generation,
    /// Until when the lease of `generation.epoch` surely holds.
    held_until: Option<Timestamp>,
    began: Timestamp,
    stopping: bool,
}

impl Cycle {
    /// A controller that has done nothing yet.
    #[must_use]
    pub const fn new(settings: Settings) -> Self {
        Self {
            settings,
            phase: Phase::Idle,
            generation: Generation { epoch: 0, cycle: 0 },
            held_until: None,
            began: Timestamp::from_millis(0),
            stopping: false,
        }
    }

    /// The generation of the cycle that runs or ran last.
    #[must_use]
    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// Learns what happened at `now` and says what to do. An event that does not belong to the phase, such as a late
    /// answer, leads to sleep and never to a write.
    pub fn next(&mut self, now: Timestamp, event: Event) -> Step {
        match (self.phase, event) {
            (Phase::Ended, _) => Step::End,
            (_, Event::Stopping) => self.stop(now),
            (Phase::Idle, Event::Woke) => {
                self.began = now;
                self.to(Phase::Leasing, Step::HoldLease)
            }
            (Phase::Leasing, Event::Lease { asked, held }) => self.leased(now, asked, held),
            (Phase::Observing, Event::Planned { records: true }) => {
                self.to(Phase::Recording, Step::Record(self.generation))
            }
            (Phase::Recording, Event::Recorded { changes: true }) => match self.held_until.filter(|until| now < *until)
            {
                Some(deadline) => self.to(Phase::Applying, Step::Apply { generation: self.generation, deadline }),
                // Recorded as pending, never sent: to be settled as such.
                None => self.to(Phase::Settling, Step::Settle(self.generation)),
            },
            (Phase::Applying, Event::Applied) => self.to(Phase::Settling, Step::Settle(self.generation)),
            (Phase::Releasing, _) => self.to(Phase::Ended, Step::End),
            _ => self.sleep(now),
        }
    }

    fn to(&mut self, phase: Phase, step: Step) -> Step {
        self.phase = phase;
        step
    }

    fn leased(&mut self, now: Timestamp, asked: Timestamp, held: Held) -> Step {
        match held {
            Held::Yes(epoch) => self.held_until = Some(self.begin(epoch, asked)),
            Held::No => self.held_until = None,
            Held::Unknown => {}
        }
        let Some(_) = self.held_until.filter(|until| now < *until) else {
            return self.sleep(now);
        };
        let first = self.generation.cycle == 0;
        self.generation.cycle = self.generation.cycle.saturating_add(1);
        self.to(Phase::Observing, Step::Observe { generation: self.generation, first })
    }

    fn begin(&mut self, epoch: u64, asked: Timestamp) -> Timestamp {
        if epoch != self.generation.epoch {
            self.generation = Generation { epoch, cycle: 0 };
        }
        asked + self.settings.lease_term
    }

    fn sleep(&mut self, now: Timestamp) -> Step {
        if self.stopping {
            return self.stop(now);
        }
        let leading = self.held_until.is_some_and(|until| now < until);
        // A cycle that overran begins again at once, but not without a breath: time must pass between cycles.
        let until = (self.began + self.settings.period).max(now + Span::from_millis(1));
        self.to(Phase::Idle, Step::Sleep { until, leading })
    }

    fn stop(&mut self, now: Timestamp) -> Step {
        self.stopping = true;
        match self.phase {
            // What was begun is finished: a recorded change is applied and settled, or it stays open.
            Phase::Observing | Phase::Recording | Phase::Applying => {
                self.to(Phase::Settling, Step::Settle(self.generation))
            }
            _ if self.held_until.take().is_some_and(|until| now < until) => self.to(Phase::Releasing, Step::Release),
            _ => self.to(Phase::Ended, Step::End),
        }
    }
}

#[cfg(test)]
mod tests;
