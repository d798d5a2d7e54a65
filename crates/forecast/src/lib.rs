//! Streaming, probabilistic load forecasting for capacity. `PredictiveScaler` of the design, its pure part.
//!
//! One [`Forecaster`] serves one series. Dirty samples go in through [`Forecaster::observe`]; quantiles of the largest
//! load over a stretch ahead, which is what capacity needs, come out of [`Forecaster::expect`], with a verdict on
//! whether the forecast's own past earns it a say ([`Trust`]).
//!
//! How it works, for each stretch ahead that is asked for: a few simple experts (the last value, means, the trend,
//! yesterday, last week, the mean of the last days, a regression on all of these) are averaged by how well each did
//! lately; how far off the average will be is learned from the last errors, moves and the level; and the distribution
//! of errors in units of that is a fading histogram. So quantiles widen before they must, hold what they claim, and a
//! rare jump is remembered for weeks.
//!
//! INVARIANT(pure): same samples, same bits, on any machine: IEEE basic operations and the `libm` crate only.
//! INVARIANT(total): no sample and no stretch panics; what cannot be used is counted and refused.
//! INVARIANT(bounded): the state of three short stretches is at most 10 KiB, and an update takes constant time.

mod batch;
mod calendar;
#[cfg(test)]
mod chance;
mod counter;
mod forecaster;
mod head;
mod history;
mod level;
mod outlook;
mod packed;
mod recent;
mod regression;
mod score;
mod series;
mod settings;
mod shape;
mod sketch;

pub use batch::{Sample, Taken, observe_all};
pub use calendar::{Calendar, CalendarError, Day, ENTRIES_MAX, Effect, Event, Weekday};
pub use counter::Counter;
pub use forecaster::{Forecast, Forecaster, StateError};
pub use outlook::{Expected, Outlook};
pub use score::{Score, Trust};
pub use series::{Counts, Outcome, Refusal};
pub use shape::Shape;
pub use settings::{AHEAD_MAX, STRETCHES_MAX, Settings, SettingsError, Stretch};

/// The probabilities that are shown to people, rising.
pub const LEVELS: [f64; 6] = [0.5, 0.8, 0.9, 0.95, 0.99, 0.999];
