use super::*;
use proptest::prelude::*;

#[test]
fn spans_read_as_people_write_them() {
    for (text, millis) in [
        ("500ms", 500),
        ("30s", 30_000),
        ("1h30m", 5_400_000),
        ("30d", 2_592_000_000),
        ("2w", 1_209_600_000),
        ("0s", 0),
    ] {
        assert_eq!(text.parse::<Span>().unwrap().as_millis(), millis, "{text}");
    }
    for text in ["", "5", "s", "5 minutes", "-1s", "1.5h", "99999999999999999999d", "5q"] {
        assert!(text.parse::<Span>().is_err(), "{text} must be refused");
    }
}

#[test]
fn values_print_without_noise() {
    assert_eq!(Milli(1500).to_string(), "1.5");
    assert_eq!(Milli(-20).to_string(), "-0.02");
    assert_eq!(Milli::units(7).to_string(), "7");
    assert_eq!(MicroUsd(1_234_567).to_string(), "$1.23");
    assert_eq!(Milli::from_f64(f64::NAN), None);
    assert_eq!(Milli::from_f64(1e300), None);
}

proptest! {
    #[test]
    fn a_printed_span_reads_back(millis in 0_u64..10_000_000_000_000) {
        let span = Span::from_millis(millis);
        prop_assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
    }

    #[test]
    fn bounds_clamp_into_themselves(floor in 0_u32..500, extra in 0_u32..500, count in 0_u32..2000) {
        let bounds = Bounds::new(Replicas::new(floor), Replicas::new(floor + extra)).unwrap();
        prop_assert!(bounds.admits(bounds.clamp(Replicas::new(count))));
    }
}
