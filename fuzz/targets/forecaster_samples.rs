//! A series, however wild: it makes nothing explode, and quantiles rise with their levels.
#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use tenantry_forecast::{Forecaster, Settings, Stretch};

#[derive(Debug, Arbitrary)]
enum Given {
    /// A value, so many milliseconds on.
    Sample { later: u32, value: f64 },
    /// A value of a usual size.
    Usual { later: u16, value: u16 },
    /// A value of before.
    Late { before: u16, value: f32 },
    /// Nothing, for a while.
    Silence { minutes: u16 },
    /// From any instant whatever.
    Anywhen { at: i64, value: f64 },
}

fuzz_target!(|given: Vec<Given>| {
    let settings = Settings::new(300_000, None).expect("these are settings");
    let stretches = [Stretch { from: 1, until: 1 }, Stretch { from: 1, until: 6 }];
    let mut forecaster = Forecaster::new(settings, &stretches);
    let mut now = 1_800_000_000_000_i64;
    for one in given.into_iter().take(4096) {
        match one {
            Given::Sample { later, value } => {
                now = now.saturating_add(i64::from(later));
                forecaster.observe(now, value, now);
            }
            Given::Usual { later, value } => {
                now = now.saturating_add(i64::from(later) * 100);
                forecaster.observe(now, f64::from(value), now);
            }
            Given::Late { before, value } => {
                forecaster.observe(now.saturating_sub(i64::from(before) * 100), f64::from(value), now);
            }
            Given::Silence { minutes } => {
                now = now.saturating_add(i64::from(minutes) * 60_000);
                forecaster.advance(now);
            }
            Given::Anywhen { at, value } => {
                forecaster.observe(at, value, now);
            }
        }
    }
    for place in 0..stretches.len() {
        let Some(forecast) = forecaster.expect(place, now) else { continue };
        let quantiles = forecast.quantiles([0.01, 0.5, 0.9, 0.99, 0.999]);
        assert!(quantiles.iter().all(|one| one.is_finite() && *one >= 0.0), "{quantiles:?}");
        assert!(quantiles.windows(2).all(|pair| pair[0] <= pair[1]), "{quantiles:?}");
    }
    let again = Forecaster::from_bytes(&forecaster.to_bytes()).expect("its state is one");
    assert_eq!(again.to_bytes(), forecaster.to_bytes());
});
