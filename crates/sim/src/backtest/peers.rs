//! What others would do: fixed sizes, schedules, AWS predictive scaling.

use tenantry_planner::contest::{Hpa, Metric, Pool};

use super::policy::{Policy, whole};
use super::trace::{Demand, quantile};
use super::{DAY, HOUR};

/// A size that never moves.
pub(super) struct Fixed(pub(super) u32);

impl Policy for Fixed {
    fn size(&mut self, _: usize, _: f64, _: &Pool) -> u32 {
        self.0
    }
}

/// HPA at a target.
pub(super) struct Reactive(pub(super) Hpa);

impl Policy for Reactive {
    fn size(&mut self, step: usize, seen: f64, pool: &Pool) -> u32 {
        self.0.size(step as u64, seen, pool)
    }
}

/// Sizes by the hour of the day, apart for week and weekend where two weeks are known, as a cron job would set them.
pub(super) struct Scheduled {
    sizes: [[u32; 24]; 2],
    phase: usize,
    weekday: usize,
    lead: usize,
}

impl Scheduled {
    /// Learned from the first half: each hour's quantile that leaves the budget outside.
    pub(super) fn learn(demand: &Demand, half: usize, budget: f64, lead: usize) -> Self {
        let mut this = Self { sizes: [[1; 24]; 2], phase: demand.phase, weekday: demand.weekday, lead };
        let apart = half >= 14 * DAY;
        let mut hours: [[Vec<f64>; 24]; 2] = Default::default();
        for (step, load) in demand.steps.iter().take(half).enumerate() {
            let (weekend, hour) = this.place(step);
            for kind in 0..2 {
                let known = hours.get_mut(kind).and_then(|kind| kind.get_mut(hour));
                if let Some(known) = known.filter(|_| !apart || kind == weekend) {
                    known.push(*load);
                }
            }
        }
        for (sizes, hours) in this.sizes.iter_mut().zip(&hours) {
            for (size, known) in sizes.iter_mut().zip(hours) {
                *size = whole(quantile(known, 1.0 - budget)).max(1);
            }
        }
        this
    }

    fn place(&self, step: usize) -> (usize, usize) {
        let of_day = self.phase + step;
        let weekday = (self.weekday + of_day / DAY) % 7;
        (usize::from(weekday >= 5), of_day % DAY / HOUR)
    }

    fn at(&self, step: usize) -> u32 {
        let (weekend, hour) = self.place(step);
        self.sizes.get(weekend).and_then(|hours| hours.get(hour)).copied().unwrap_or(1)
    }
}

impl Policy for Scheduled {
    fn size(&mut self, step: usize, _: f64, _: &Pool) -> u32 {
        // A careful person lets the job run early by the start-up delay.
        self.at(step).max(self.at(step + self.lead))
    }
}

/// Hours of which AWS needs to know the load before it forecasts.
const AWS_HOURS_MIN: usize = 24;
/// Hours that it learns from.
const AWS_HOURS: usize = 14 * 24;
/// Hours ahead that it forecasts, and after which it does so anew.
const AWS_AHEAD: usize = 48;
const AWS_EVERY: usize = 6;
/// Steps before the hour at which capacity is there: `SchedulingBufferTime`, 300 s.
const AWS_BUFFER: usize = 20;

/// AWS predictive scaling: the maximum of each hour is forecast from the same hours of up to 14 days, and is the least
/// size from five minutes before the hour; target tracking runs beside it, and only that shrinks.
///
/// How AWS forecasts is not published. Here an hour is the mean of the same hour of the days before, in which the same
/// weekday counts three times.
pub(super) struct Aws {
    target: f64,
    tracking: Hpa,
    maxima: Vec<f64>,
    forecast: Vec<(usize, u32)>,
}

impl Aws {
    pub(super) fn new(target: f64) -> Self {
        let tracking = Hpa::new(target, 20, Metric::Pods);
        Self { target, tracking, maxima: Vec::new(), forecast: Vec::new() }
    }

    fn look_ahead(&mut self) {
        let known = self.maxima.len();
        // The running hour is not over.
        let whole_hours = known.saturating_sub(1);
        self.forecast.clear();
        if whole_hours < AWS_HOURS_MIN {
            return;
        }
        for hour in known..known + AWS_AHEAD {
            let (mut sum, mut weights) = (0.0, 0.0);
            let mut back = hour;
            while back >= 24 && hour - back < AWS_HOURS {
                back -= 24;
                if back >= whole_hours {
                    continue;
                }
                let weight = if (hour - back).is_multiple_of(7 * 24) { 3.0 } else { 1.0 };
                sum += self.maxima.get(back).copied().unwrap_or(0.0) * weight;
                weights += weight;
            }
            if weights > 0.0 {
                self.forecast.push((hour, whole(sum / weights / self.target)));
            }
        }
    }

    fn least(&self, hour: usize) -> u32 {
        self.forecast.iter().find(|(at, _)| *at == hour).map_or(0, |(_, size)| *size)
    }
}

impl Policy for Aws {
    fn size(&mut self, step: usize, seen: f64, pool: &Pool) -> u32 {
        // What is seen is the step before.
        let hour = (step - 1) / HOUR;
        if hour >= self.maxima.len() {
            self.maxima.push(0.0);
            if hour.is_multiple_of(AWS_EVERY) {
                self.look_ahead();
            }
        }
        if let Some(most) = self.maxima.last_mut() {
            *most = most.max(seen);
        }
        let tracked = self.tracking.size(step as u64, seen, pool);
        tracked.max(self.least(step / HOUR)).max(self.least((step + AWS_BUFFER) / HOUR))
    }
}
