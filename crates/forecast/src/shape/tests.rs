use super::*;

/// A week of hours: nights at half, days at one and a half, and a quiet seventh day.
fn week(level: f64) -> Vec<(i64, f64)> {
    let value = |hour: i64| {
        if hour / 24 == 6 {
            0.2
        } else if (8..20).contains(&(hour % 24)) {
            1.5
        } else {
            0.5
        }
    };
    (0..168).map(|hour| (hour, level * value(hour))).collect()
}

#[test]
fn a_shape_is_the_same_at_every_level() {
    let (low, high) = (Shape::of(&week(3.0), 24).unwrap(), Shape::of(&week(4000.0), 24).unwrap());
    for hour in 0..168 {
        assert!((low.at(hour, 24) - high.at(hour, 24)).abs() < 0.02);
    }
    assert!(low.at(12, 24) > 2.5 * low.at(2, 24));
    // Finer slots of the same season have the same shape.
    assert_eq!(low.at(12, 24), low.at(12 * 12, 288));
    assert!((low.spread() - SPREAD_MIN).abs() < 1e-9);
}

#[test]
fn a_day_that_was_not_seen_is_like_the_others() {
    let shape = Shape::of(&week(10.0)[..48], 24).unwrap();
    assert_eq!(shape.at(12, 24), shape.at(12 + 120, 24));
    assert!(Shape::of(&week(10.0)[..20], 24).is_none());
    assert!(Shape::of(&[], 24).is_none());
    assert!(Shape::of(&week(0.0), 24).is_none());
}

#[test]
fn pooled_shapes_that_differ_are_spread_wider() {
    let shape = Shape::of(&week(10.0), 24).unwrap();
    let mut shifted = week(10.0);
    shifted.iter_mut().for_each(|(hour, _)| *hour += 6);
    let other = Shape::of(&shifted, 24).unwrap();
    let (alike, different) = (Shape::pooled(&[shape.clone(), shape.clone()]), Shape::pooled(&[shape.clone(), other]));
    assert!((alike.unwrap().at(12, 24) - shape.at(12, 24)).abs() < 0.01);
    assert!(different.unwrap().spread() > 0.2);
    assert!(Shape::pooled(&[]).is_none());
}
