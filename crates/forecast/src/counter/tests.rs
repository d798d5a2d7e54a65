use proptest::prelude::*;

use super::*;

#[test]
fn a_counter_gives_the_rate_between_irregular_samples() {
    let mut counter = Counter::new();
    assert_eq!(counter.rate(0, 100.0), None);
    assert_eq!(counter.rate(10_000, 150.0), Some(5.0));
    assert_eq!(counter.rate(12_500, 150.0), Some(0.0));
    assert_eq!(counter.rate(13_000, 160.0), Some(20.0));
}

#[test]
fn a_reset_counts_from_nothing_and_a_declared_restart_gives_no_rate() {
    let mut counter = Counter::new();
    counter.rate(0, 1000.0);
    assert_eq!(counter.rate(10_000, 30.0), Some(3.0));
    counter.restart();
    // It has passed its old value already, which a fall alone would not show.
    assert_eq!(counter.rate(20_000, 500.0), None);
    assert_eq!(counter.rate(30_000, 510.0), Some(1.0));
}

#[test]
fn what_is_no_later_count_is_passed_over() {
    let mut counter = Counter::new();
    counter.rate(1_000, 10.0);
    assert_eq!(counter.rate(1_000, 20.0), None);
    assert_eq!(counter.rate(500, 20.0), None);
    for absurd in [f64::NAN, f64::INFINITY, -1.0, 1e30] {
        assert_eq!(counter.rate(2_000, absurd), None);
    }
    assert_eq!(counter.rate(2_000, 12.0), Some(2.0));
}

proptest! {
    #[test]
    fn rates_are_finite_and_never_negative(samples in prop::collection::vec((any::<i64>(), any::<f64>(), any::<bool>()), 0..60)) {
        let mut counter = Counter::new();
        for (at, value, restart) in samples {
            if restart {
                counter.restart();
            }
            if let Some(rate) = counter.rate(at % 1_000_000_000, value) {
                prop_assert!(rate.is_finite() && rate >= 0.0, "{rate}");
            }
        }
    }
}
