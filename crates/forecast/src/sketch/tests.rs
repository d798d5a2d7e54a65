use super::*;

#[test]
fn quantiles_of_known_errors_come_back() {
    let mut sketch = Sketch::new(1e6);
    // A uniform spread from -2 to 6.
    for place in 0..8000 {
        sketch.learn(f64::from(place) * 0.001 - 2.0);
    }
    for (level, value) in [(0.1, -1.2), (0.5, 2.0), (0.9, 5.2), (0.99, 5.92)] {
        assert!((sketch.quantile(level) - value).abs() < 0.12, "{level}: {}", sketch.quantile(level));
    }
}

#[test]
fn what_exceeds_a_quantile_is_the_rest() {
    let mut sketch = Sketch::new(5000.0);
    for place in 0..3000 {
        sketch.learn(libm::sin(f64::from(place)) * 3.0);
    }
    for level in [0.05, 0.5, 0.9, 0.99] {
        let mut out = [0.0];
        sketch.exceeding(sketch.quantile(level), 1.0, 0.0, &mut out);
        assert!((out[0] - (1.0 - level)).abs() < 1e-6, "{level}: {out:?}");
    }
}

#[test]
fn old_errors_fade_and_weights_stay_small() {
    let mut sketch = Sketch::new(50.0);
    for _ in 0..5000 {
        sketch.learn(4.0);
    }
    for _ in 0..500 {
        sketch.learn(0.0);
    }
    assert!(sketch.quantile(0.99) < 0.2, "{}", sketch.quantile(0.99));
    assert!(sketch.is_sound());
}

#[test]
fn errors_beyond_the_bins_stay_in_the_last() {
    let mut sketch = Sketch::new(100.0);
    for _ in 0..2000 {
        sketch.learn(f64::INFINITY);
        sketch.learn(f64::NEG_INFINITY);
        sketch.learn(f64::NAN);
    }
    assert!(sketch.is_sound());
    assert!(sketch.quantile(1.0).is_finite() && sketch.quantile(0.0).is_finite());
}

#[test]
fn quantiles_at_once_are_those_one_by_one() {
    let mut sketch = Sketch::new(8000.0);
    for place in 0..5000 {
        sketch.learn(f64::from(place * 7919 % 5000) * 0.0008 - 1.0);
    }
    let levels = [0.0, 0.01, 0.5, 0.5, 0.9, 0.999, 1.0];
    assert_eq!(sketch.quantiles(levels), levels.map(|level| sketch.quantile(level)));
}
