use super::*;

/// Eight numbers between -1 and 1 that never repeat.
fn features(step: u32) -> Features {
    std::array::from_fn(|place| {
        if place == 7 {
            1.0
        } else {
            libm::sin(f64::from(step) * (1.3 + 0.7 * f64::from(u8::try_from(place).unwrap())))
        }
    })
}

#[test]
fn a_linear_rule_is_found() {
    let rule: Features = [0.5, -1.0, 2.0, 0.0, 0.1, -0.3, 0.7, 1.5];
    let mut regression = Regression::new();
    for step in 0..3000 {
        let seen = features(step);
        regression.learn(&seen, dot(&rule, &seen), 10.0);
    }
    let seen = features(5000);
    assert!((regression.say(&seen) - dot(&rule, &seen)).abs() < 0.01);
}

#[test]
fn features_that_stand_still_do_not_wind_it_up() {
    let mut regression = Regression::new();
    let still: Features = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
    for step in 0..200_000 {
        regression.learn(&still, 0.1, 1.0);
        assert!(regression.is_sound(), "at step {step}");
    }
    for step in 0..2000 {
        regression.learn(&features(step).map(|value| value * 50.0), 40.0, 1e6);
        assert!(regression.say(&features(step)).is_finite());
    }
}
