//! A kept state, as it may come back from a store that was damaged: it is refused, or goes on with finite numbers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenantry_forecast::{Calendar, Forecaster, Outlook};
use tenantry_planner::contest::Arena;
use tenantry_planner::demand::Model;
use tenantry_planner::vertical::Usage;

fuzz_target!(|bytes: &[u8]| {
    let start = 1_800_000_000_000_i64;
    if let Ok(mut forecaster) = Forecaster::from_bytes(bytes) {
        for step in 0..16 {
            let at = start + step * forecaster.settings().step_ms();
            forecaster.observe(at, 10.0, at);
        }
        let places = forecaster.stretches().count();
        for place in 0..places {
            if let Some(forecast) = forecaster.expect(place, start) {
                assert!(forecast.quantile(0.5).is_finite() && forecast.quantile(0.999).is_finite());
            }
        }
        let again = Forecaster::from_bytes(&forecaster.to_bytes());
        assert!(again.is_ok(), "what went on is a state: {again:?}");
    }
    if let Ok(mut outlook) = Outlook::from_bytes(bytes) {
        let calendar = Calendar::default();
        outlook.observe(start, 10.0, start, &calendar);
        if let Some(expected) = outlook.most(start + 86_400_000, &calendar) {
            assert!(expected.quantile(0.9).is_finite());
        }
    }
    let _ = Arena::from_bytes(bytes);
    let _ = Model::from_bytes(bytes);
    let _ = Usage::from_bytes(bytes);
});
