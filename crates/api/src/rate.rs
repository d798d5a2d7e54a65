//! How often one may ask: by caller within their tenant, and by address for those who are not known.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{NotUntil, Quota, RateLimiter};

use crate::problem::{Problem, TOO_MANY};
use crate::serve::Limits;

type Keyed<K> = RateLimiter<K, HashMapStateStore<K>, DefaultClock>;

/// The accounts of those who ask.
#[derive(Debug)]
pub(crate) struct Rates {
    callers: Keyed<String>,
    tenants: Keyed<String>,
    strangers: Keyed<IpAddr>,
    clock: DefaultClock,
}

fn quota(rate: u32, burst: u32) -> Quota {
    let at_least_one = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    Quota::per_second(at_least_one(rate)).allow_burst(at_least_one(burst))
}

impl Rates {
    pub(crate) fn new(limits: &Limits) -> Self {
        let Limits { rate, burst, strangers_rate, strangers_burst, .. } = *limits;
        Self {
            callers: RateLimiter::hashmap(quota(rate, burst)),
            // A tenant with many tokens gets no more than twice the share of one with a single one.
            tenants: RateLimiter::hashmap(quota(rate.saturating_mul(2), burst.saturating_mul(2))),
            strangers: RateLimiter::hashmap(quota(strangers_rate, strangers_burst)),
            clock: DefaultClock::default(),
        }
    }

    /// Counts a request of a known caller.
    pub(crate) fn caller(&self, caller: &str, tenant: Option<&str>) -> Result<(), Problem> {
        // What one caller asks too much is not taken off its tenant's share.
        self.counted(self.callers.check_key(&caller.to_owned()))?;
        tenant.map_or(Ok(()), |tenant| self.counted(self.tenants.check_key(&tenant.to_owned())))
    }

    /// Counts a failed attempt to be known.
    pub(crate) fn stranger(&self, from: Option<IpAddr>) -> Result<(), Problem> {
        from.map_or(Ok(()), |from| self.counted(self.strangers.check_key(&from)))
    }

    fn counted(&self, checked: Result<(), NotUntil<<DefaultClock as Clock>::Instant>>) -> Result<(), Problem> {
        checked.map_err(|until| {
            let wait = until.wait_time_from(self.clock.now());
            Problem::new(TOO_MANY, "you ask more often than your share allows").again_after(whole_seconds(wait))
        })
    }

    /// Drops accounts that are full again, so that they do not pile up.
    pub(crate) fn tidy(&self) {
        self.callers.retain_recent();
        self.tenants.retain_recent();
        self.strangers.retain_recent();
    }
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0))
}
