//! Streaming, probabilistic load forecasting for capacity. `PredictiveScaler` of the design, its pure part.
//!
//! One [`Forecaster`] serves one series. Dirty samples go in through [`Forecaster::observe`]; quantiles of the largest
//! load over a stretch ahead, which is what capacity needs, come out of [`Forecaster::expect`], with a verdict on
//! whether the forecast's own past earns it a say ([`Trust`]).
//!
//! How it works: a few simple experts (the last value, its trend, yesterday, last week, the mean of the last days) each
//! say what the stretch will bring; they are averaged by how well each did lately; quantiles come from the errors of
//! the average itself, kept in a sorted window and corrected online until they cover what they claim (adaptive
//! conformal inference, Gibbs and Candès 2021).
//!
//! INVARIANT(pure): same samples, same bits, on any machine: IEEE basic operations and the `libm` crate only.
//! INVARIANT(total): no sample and no stretch panics; what cannot be used is counted and refused.
//! INVARIANT(bounded): the state is at most 10 KiB, and an update takes constant time.

mod errors;
mod experts;
mod forecaster;
mod history;
mod packed;
mod score;
mod series;
mod settings;

pub use errors::LEVELS;
pub use forecaster::{Forecast, Forecaster, StateError};
pub use score::{Score, Trust};
pub use series::{Counts, Outcome, Refusal};
pub use settings::{Settings, SettingsError};
