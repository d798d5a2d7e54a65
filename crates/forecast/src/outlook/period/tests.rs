use super::*;
use crate::chance::Noise;

/// A week of five-minute slots with a spike of two slots each `period`, a daily wave and noise.
fn week(period: usize, spike: f64, wave: f64, noise: f64) -> Vec<f64> {
    let mut chance = Noise(5);
    (0..2016)
        .map(|slot| {
            let day = (slot as f64 / 288.0 * std::f64::consts::TAU).sin();
            let job = if slot % period < 2 { spike } else { 0.0 };
            100.0 + wave * day + job + noise * chance.bell()
        })
        .collect()
}

#[test]
fn a_job_each_seven_hours_or_each_fifty_minutes_is_found() {
    assert_eq!(find(&week(84, 80.0, 0.0, 5.0), 288), Some(84));
    assert_eq!(find(&week(10, 80.0, 0.0, 5.0), 288), Some(10));
    // Of a multiple of a period no more is known than of the period itself.
    assert_eq!(find(&week(84, 200.0, 15.0, 5.0), 288), Some(84));
}

#[test]
fn a_day_noise_and_a_wandering_level_are_no_such_period() {
    assert_eq!(find(&week(84, 0.0, 60.0, 10.0), 288), None);
    assert_eq!(find(&week(84, 0.0, 0.0, 10.0), 288), None);
    let (mut chance, mut level) = (Noise(9), 100.0);
    let wandering: Vec<f64> = (0..2016)
        .map(|_| {
            level += chance.bell();
            level
        })
        .collect();
    assert_eq!(find(&wandering, 288), None);
    assert_eq!(find(&[5.0; 2016], 288), None);
    assert_eq!(find(&[f64::NAN; 2016], 288), None);
    assert_eq!(find(&[], 288), None);
}

#[test]
fn holes_are_borne() {
    let mut holed = week(84, 80.0, 0.0, 5.0);
    holed.iter_mut().skip(500).take(300).for_each(|value| *value = f64::NAN);
    assert_eq!(find(&holed, 288), Some(84));
}
