use proptest::prelude::*;

use super::*;
use crate::LEVELS;
use crate::chance::Noise;
use crate::series::Refusal;

const MINUTE: i64 = 60_000;

fn forecaster() -> Forecaster {
    let settings = Settings::new(MINUTE, None).unwrap();
    let long = Stretch { from: 1, until: 60 };
    Forecaster::new(settings, &[settings.stretch(2 * MINUTE, 3 * MINUTE), Stretch::at(1), long])
}

/// A daily wave with noise, for `days`, one value a minute.
fn wave(forecaster: &mut Forecaster, days: i64, noise: f64) -> Vec<f64> {
    let mut chance = Noise(7);
    (0..days * 1440)
        .map(|minute| {
            let phase = minute as f64 / 1440.0 * std::f64::consts::TAU;
            let value = (100.0 + 60.0 * phase.sin()) * (1.0 + noise * chance.bell());
            let value = value.max(0.0);
            assert_eq!(forecaster.observe(minute * MINUTE, value, minute * MINUTE), Outcome::Taken);
            value
        })
        .collect()
}

#[test]
fn a_daily_wave_is_learned_and_its_quantiles_hold() {
    let mut forecaster = forecaster();
    wave(&mut forecaster, 3, 0.05);
    let score = forecaster.expect(0, 3 * 1440 * MINUTE).unwrap().score().unwrap();
    assert!(score.loss < score.last_loss, "{score:?}");
    assert!(score.loss < score.season_loss.unwrap(), "{score:?}");
    assert!((0.86..=0.94).contains(&score.coverage), "{score:?}");
    assert_eq!(forecaster.expect(0, 3 * 1440 * MINUTE).unwrap().trust(), Trust::Earned);
}

#[test]
fn a_random_walk_is_forecast_no_better_than_by_its_last_value() {
    let settings = Settings::new(MINUTE, None).unwrap();
    let mut forecaster = Forecaster::new(settings, &[Stretch::at(1)]);
    let (mut chance, mut value) = (Noise(3), 1000.0_f64);
    for minute in 0..6 * 1440 {
        value = (value * (1.0 + 0.02 * chance.bell())).clamp(1.0, 1e9);
        forecaster.observe(minute * MINUTE, value, minute * MINUTE);
        if minute > 1440 && minute % 60 == 0 {
            let score = forecaster.expect(0, minute * MINUTE).unwrap().score().unwrap();
            let ratio = score.loss / score.last_loss;
            assert!((0.93..1.12).contains(&ratio), "minute {minute}: {score:?}");
        }
    }
}

#[test]
fn every_quantile_holds_what_it_claims() {
    let settings = Settings::new(MINUTE, None).unwrap();
    let stretches = [settings.stretch(2 * MINUTE, 3 * MINUTE), Stretch::at(1), Stretch { from: 1, until: 30 }];
    let mut forecaster = Forecaster::new(settings, &stretches);
    let mut chance = Noise(11);
    let days = 12;
    let values: Vec<f64> = (0..days * 1440)
        .map(|minute| {
            let phase = minute as f64 / 1440.0 * std::f64::consts::TAU;
            let burst = if chance.unit() < 0.01 { 1.0 + 2.0 * chance.unit() } else { 1.0 };
            ((100.0 + 60.0 * phase.sin()) * (1.0 + 0.05 * chance.bell()) * burst).max(0.0)
        })
        .collect();
    let levels = [0.5, 0.9, 0.95, 0.99];
    let mut hits = [[0_u32; 4]; 3];
    let mut compared = 0;
    for (minute, value) in values.iter().enumerate() {
        let at = i64::try_from(minute).unwrap() * MINUTE;
        forecaster.observe(at, *value, at);
        // The step of `minute` is open until the next sample; the last closed one is the one before.
        if minute < 3 * 1440 || minute + 31 > values.len() {
            continue;
        }
        compared += 1;
        for (place, stretch) in stretches.iter().enumerate() {
            let forecast = forecaster.expect(place, at).unwrap();
            let (from, until) = (minute - 1 + stretch.from as usize, minute - 1 + stretch.until as usize);
            let truth = values[from..=until].iter().copied().fold(0.0, f64::max);
            for (hit, level) in hits[place].iter_mut().zip(levels) {
                *hit += u32::from(truth <= forecast.quantile(level));
            }
        }
    }
    for (stretch, hits) in stretches.iter().zip(hits) {
        for (hit, level) in hits.iter().zip(levels) {
            let share = f64::from(*hit) / f64::from(compared);
            assert!((share - level).abs() < 0.03, "{stretch:?}: {share} at {level}");
        }
    }
}

#[test]
fn silence_takes_trust_away() {
    let mut forecaster = forecaster();
    wave(&mut forecaster, 3, 0.05);
    let end = 3 * 1440 * MINUTE;
    assert_eq!(forecaster.expect(0, end).unwrap().trust(), Trust::Earned);
    forecaster.advance(end + 10 * MINUTE);
    assert_eq!(forecaster.expect(0, end + 10 * MINUTE).unwrap().trust(), Trust::Blind);
}

#[test]
fn nothing_is_said_of_a_series_never_seen_and_little_of_a_young_one() {
    let mut forecaster = forecaster();
    assert!(forecaster.expect(0, 0).is_none());
    forecaster.observe(0, 5.0, 0);
    forecaster.observe(MINUTE, 5.0, MINUTE);
    assert_eq!(forecaster.expect(0, MINUTE).unwrap().trust(), Trust::Young { scored: 0, needed: 60 });
}

#[test]
fn what_cannot_be_is_refused_and_counted() {
    let mut forecaster = forecaster();
    let now = 1000 * MINUTE;
    let refused = [
        (now, f64::NAN, Refusal::Absurd),
        (now, f64::INFINITY, Refusal::Absurd),
        (now, -1.0, Refusal::Absurd),
        (now, 1e30, Refusal::Absurd),
        (now + 5 * MINUTE, 1.0, Refusal::Future),
        (i64::MAX, 1.0, Refusal::Future),
    ];
    for (at, value, why) in refused {
        assert_eq!(forecaster.observe(at, value, now), Outcome::Refused(why), "{at} {value}");
    }
    assert_eq!(forecaster.observe(now, 1.0, now), Outcome::Taken);
    assert_eq!(forecaster.observe(now, 2.0, now), Outcome::Refused(Refusal::Late));
    assert_eq!(forecaster.observe(now - MINUTE, 2.0, now), Outcome::Refused(Refusal::Late));
    let counts = forecaster.counts();
    assert_eq!((counts.taken, counts.absurd, counts.future, counts.late), (1, 4, 2, 2));
}

#[test]
fn a_state_is_under_ten_kibibytes_and_goes_on_as_if_nothing_happened() {
    let mut one = forecaster();
    wave(&mut one, 9, 0.2);
    let bytes = one.to_bytes();
    assert!(bytes.len() <= 10 * 1024, "{} bytes stored", bytes.len());
    assert!(one.footprint() <= 10 * 1024, "{} bytes in memory", one.footprint());
    let mut other = Forecaster::from_bytes(&bytes).unwrap();
    for minute in 9 * 1440..10 * 1440 {
        one.observe(minute * MINUTE, 50.0, minute * MINUTE);
        other.observe(minute * MINUTE, 50.0, minute * MINUTE);
        assert_eq!(one.ahead(2, 0.9), other.ahead(2, 0.9));
    }
    assert_eq!(one.to_bytes(), other.to_bytes());
}

#[test]
fn bytes_that_are_no_state_are_refused() {
    let mut forecaster = forecaster();
    wave(&mut forecaster, 1, 0.1);
    let bytes = forecaster.to_bytes();
    for cut in 0..bytes.len() {
        assert!(Forecaster::from_bytes(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    let mut newer = bytes;
    newer[0] = 200;
    assert!(Forecaster::from_bytes(&newer).unwrap_err().to_string().contains("another version"));
}

proptest! {
    #[test]
    fn any_samples_give_rising_finite_quantiles(
        samples in prop::collection::vec((-5_i64..400, prop_oneof![
            8 => 0.0..1e6_f64, 1 => prop::num::f64::ANY, 1 => Just(0.0)]), 0..300),
        lead in -10_i64..200, width in -10_i64..200,
    ) {
        let mut forecaster = forecaster();
        let mut now = 0;
        for (minutes, value) in samples {
            let asked = forecaster.settings().stretch(lead * MINUTE, width * MINUTE);
            forecaster.look_ahead(&[asked, Stretch::at(1)]);
            now += minutes.max(0) * MINUTE / 10;
            forecaster.observe(now + minutes.min(0), value, now);
            if let Some(forecast) = forecaster.expect(0, now) {
                let quantiles = LEVELS.map(|level| forecast.quantile(level));
                prop_assert!(quantiles.iter().all(|value| value.is_finite() && *value >= 0.0), "{quantiles:?}");
                prop_assert!(quantiles.is_sorted(), "{quantiles:?}");
                let mut over = [0.0; 20];
                let known = forecast.exceeding(0.0, 1.0 + quantiles[0] / 10.0, 1e-9, &mut over);
                prop_assert!(over[..known].is_sorted_by(|a, b| a >= b), "{over:?}");
            }
        }
        prop_assert!(Forecaster::from_bytes(&forecaster.to_bytes()).is_ok());
    }

    #[test]
    fn damaged_states_never_panic(place in 0_usize..4000, byte: u8) {
        let mut bytes = {
            let mut forecaster = forecaster();
            for minute in 0..300 {
                forecaster.observe(minute * MINUTE, minute as f64, minute * MINUTE);
            }
            forecaster.to_bytes()
        };
        let place = place % bytes.len();
        bytes[place] = byte;
        if let Ok(mut forecaster) = Forecaster::from_bytes(&bytes) {
            forecaster.observe(301 * MINUTE, 1.0, 301 * MINUTE);
            forecaster.advance(303 * MINUTE);
            let _ = forecaster.expect(0, 303 * MINUTE).map(|forecast| forecast.quantile(0.9));
        }
    }
}
