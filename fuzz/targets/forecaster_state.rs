//! A kept state, as it may come back from a store that was damaged: it is refused, or goes on with finite numbers.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use tenantry_forecast::{Calendar, Forecaster, Outlook, Settings, Stretch};
use tenantry_planner::contest::Arena;
use tenantry_planner::demand::Model;
use tenantry_planner::vertical::Usage;

const START: i64 = 1_790_000_000_000;

/// Real states of a series of two weeks: of the forecaster, and of the outlook.
fn real() -> &'static [Vec<u8>; 2] {
    static REAL: OnceLock<[Vec<u8>; 2]> = OnceLock::new();
    REAL.get_or_init(|| {
        let settings = Settings::new(300_000, None).expect("these are settings");
        let mut forecaster = Forecaster::new(settings, &[Stretch { from: 1, until: 1 }, Stretch { from: 1, until: 6 }]);
        let (mut outlook, calendar) = (Outlook::new(settings), Calendar::default());
        for step in 0..14 * 288_i64 {
            let (at, turn) = (START + step * 300_000, (step % 288) as f64 / 288.0);
            let value = 50.0 + 40.0 * (turn * std::f64::consts::TAU).sin();
            forecaster.observe(at, value, at);
            outlook.observe(at, value, at, &calendar);
        }
        [forecaster.to_bytes(), outlook.to_bytes()]
    })
}

/// Half of what is tried begins with a real state that is damaged in some places: (which, place, byte) each.
fuzz_target!(|given: (bool, Vec<u8>, Vec<(u16, u8)>)| {
    let (is_real, bytes, damage) = given;
    if !is_real {
        return tried(&bytes);
    }
    for state in real() {
        let mut state = state.clone();
        for (place, byte) in &damage {
            let length = state.len();
            if let Some(there) = state.get_mut(usize::from(*place) % length) {
                *there ^= *byte;
            }
        }
        tried(&state);
    }
});

fn tried(bytes: &[u8]) {
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
}
