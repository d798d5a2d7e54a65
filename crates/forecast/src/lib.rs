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
//! # Hours and days ahead
//!
//! An [`Outlook`] reads the same samples in slots (five minutes where a season is a day) and says what each slot of the next
//! week of seasons will bring, and the largest until then. It finds periods that nobody declared, goes by a [`Calendar`] of
//! holidays, clock changes and announced events, and may begin with the [`Shape`] of others' weeks.
//!
//! ```
//! use tenantry_forecast::{Calendar, Effect, Event, Outlook, Settings};
//!
//! let hour = 3_600_000;
//! let mut outlook = Outlook::new(Settings::new(hour, None)?);
//! let mut calendar = Calendar::new();
//! // Ten days of hours: 100 a second by night, 300 from eight to eight.
//! for at in 0..240 {
//!     let load = if (8..20).contains(&(at % 24)) { 300.0 } else { 100.0 };
//!     outlook.observe(at * hour, load, at * hour, &calendar);
//! }
//! let now = 240 * hour;
//! outlook.advance(now, &calendar);
//!
//! // Tomorrow at noon, and the largest of the next three days.
//! let noon = outlook.at(now + 36 * hour, &calendar).expect("ten days are known");
//! assert!((noon.quantile(0.5) - 300.0).abs() < 30.0);
//! let three_days = outlook.most(now + 72 * hour, &calendar).expect("ten days are known");
//! assert!(three_days.quantile(0.99) >= noon.quantile(0.5));
//!
//! // A sale that is nine in ten likely to triple the load is a floor for what must be ready.
//! calendar.event(Event {
//!     from_ms: now + 36 * hour,
//!     until_ms: now + 38 * hour,
//!     effect: Effect::Factor(3.0),
//!     confidence: 0.9,
//! })?;
//! let sale = outlook.at(now + 36 * hour, &calendar).expect("ten days are known");
//! assert!(sale.quantile(0.95) > 800.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Series that only count up go through a [`Counter`] first.
//!
//! INVARIANT(pure): same samples, same bits, on any machine: IEEE basic operations and the `libm` crate only.
//! INVARIANT(total): no sample and no stretch panics; what cannot be used is counted and refused.
//! INVARIANT(bounded): the state of three short stretches is at most 10 KiB, and an update takes constant time; that of an
//! outlook is too, and a closed slot takes constant time but once a season, when periods are looked for.

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
pub use settings::{AHEAD_MAX, STRETCHES_MAX, Settings, SettingsError, Stretch};
pub use shape::Shape;

/// The probabilities that are shown to people, rising.
pub const LEVELS: [f64; 6] = [0.5, 0.8, 0.9, 0.95, 0.99, 0.999];
