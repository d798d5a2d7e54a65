//! What containers should request, and which pods are changed to it.
//!
//! [`Usage`] learns from what is measured and says [`advice`](Usage::advice) for each container: the 90 % quantile of
//! cpu from a histogram that halves its past each day, and the daily peaks of memory, with a margin, as Kubernetes'
//! Vertical Pod Autoscaler does (`vertical-pod-autoscaler/pkg/recommender`), with bounds that narrow as history grows.
//! [`judge`] holds what pods request against it. Beyond VPA:
//!
//! - cpu that was used up to the limit is taken for more than was measured, as throttling hides what was needed;
//! - memory is never recommended under the largest daily peak of eight days, so that a weekly peak is not forgotten;
//! - a recommendation moves only for a change that is worth it, so that noise never makes it turn;
//! - pods are changed in place, never restarted, a few at a time, and never under what they use.

mod advice;
mod histogram;
mod judge;
mod peaks;
mod usage;

pub use crate::explain::vertical::{resized, standing};
pub use judge::{Judged, judge};
pub use usage::{Usage, UsageError};

#[cfg(test)]
mod tests;
