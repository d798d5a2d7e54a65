use super::*;

/// Six seasons of eight with a rise, in a season's shape.
fn rising(kind: Kind, season: &[f64]) -> Vec<f64> {
    let value = |place: usize| with(kind, 100.0 + 0.5 * place as f64, season[place % season.len()]);
    (0..season.len() * 6).map(value).collect()
}

#[test]
fn a_season_on_a_straight_line_is_continued() {
    for (kind, season) in [
        (Kind::Additive, [-20.0, -10.0, 0.0, 30.0, 10.0, 0.0, -5.0, -5.0]),
        (Kind::Multiplicative, [0.5, 0.8, 1.0, 1.7, 1.2, 1.0, 0.9, 0.9]),
    ] {
        let past = rising(kind, &season);
        let mut model = Theta::fit(&past, 8).unwrap();
        assert_eq!(model.kind, kind);
        for ahead in [1, 4, 8] {
            let expected = with(kind, 100.0 + 0.5 * (past.len() + ahead - 1) as f64, season[(ahead - 1) % 8]);
            let point = model.point(ahead).unwrap();
            assert!((point - expected).abs() < 0.06 * expected, "{kind:?} {ahead}: {point} is not {expected}");
        }
        // The season goes on where it was after what came since.
        model.learn(with(kind, 100.0 + 0.5 * past.len() as f64, season[0]));
        let expected = with(kind, 100.0 + 0.5 * (past.len() + 1) as f64, season[1]);
        assert!((model.point(1).unwrap() - expected).abs() < 0.06 * expected);
    }
}

#[test]
fn theta_of_one_is_plain_smoothing_and_of_two_has_half_the_drift() {
    let of = |theta: f64| Theta {
        kind: Kind::None,
        indices: Vec::new(),
        alpha: 1.0,
        theta,
        line: (0.0, 2.0),
        level: 10.0,
        left: 0.0,
        age: 0,
    };
    assert_eq!(of(1.0).point(5), Some(10.0));
    assert_eq!(of(2.0).point(5), Some(15.0));
}

#[test]
fn what_has_no_season_is_given_none() {
    let flat: Vec<f64> = (0..60).map(|place| 10.0 + f64::from((place * 7919) % 13)).collect();
    assert_eq!(Theta::fit(&flat, 8).unwrap().kind, Kind::None);
    assert!(Theta::fit(&[], 8).is_none());
    assert!(Theta::fit(&[5.0; 40], 8).unwrap().point(3).is_some());
}
