use augurs_core::{Fit as _, Predict as _};
use augurs_ets::AutoETS;
use augurs_ets::model::TrendComponent;
use augurs_mstl::MSTLModel;

use super::*;

/// A load that wanders, with a slope of its own that wanders too.
fn wandering(sway: f64) -> Vec<f64> {
    let mut chance = fastrand::Rng::with_seed(3);
    let mut noise = move || chance.f64() - 0.5;
    let (mut level, mut slope) = (100.0, 0.3);
    let next = |_| {
        slope += sway * noise();
        level += slope * sway.min(1.0) + noise();
        level + noise()
    };
    (0..300).map(next).collect()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6 * (1.0 + a.abs())
}

#[test]
fn the_state_that_is_read_off_a_fit_speaks_as_the_library_does() {
    for (sway, trend) in [(0.0, false), (0.6, true)] {
        let past = wandering(sway);
        let fitted = AutoETS::non_seasonal().fit(&past).unwrap();
        assert_eq!(fitted.model().model_type().trend != TrendComponent::None, trend);
        let path = fitted.predict(12, None).unwrap().point;
        let state = State::of(&fitted, &past, &path).unwrap();
        for (ahead, point) in (1..).zip(&path) {
            assert!(close(state.point(ahead), *point), "{ahead}: {} {point}", state.point(ahead));
        }
        // Following the past from its middle on, it says what the library says it would have said.
        let said = fitted.predict_in_sample(None).unwrap().point;
        let (last, now, next) = (said[149], said[150], said[151]);
        let level = last + state.alpha * (past[149] - last);
        let slope = if trend { (now - level) / state.phi } else { 0.0 };
        let mut followed = State { level, slope, ..state };
        assert!(close(followed.point(1), now));
        followed.learn(past[150]);
        assert!(close(followed.point(1), next), "{} {next}", followed.point(1));
        for place in 151..299 {
            followed.learn(past[place]);
            assert!(close(followed.point(1), said[place + 1]), "{place}: {} {}", followed.point(1), said[place + 1]);
        }
    }
}

#[test]
fn mstl_is_the_librarys_own() {
    let past: Vec<f64> = wandering(0.0).iter().zip(0..).map(|(load, place)| load + f64::from(place % 24)).collect();
    let trend = AutoETS::non_seasonal().into_trend_model();
    let theirs = MSTLModel::new(vec![24], trend).fit(&past).unwrap().predict(30, None).unwrap().point;
    let fitted = Fitted::mstl(&past, 24, 30).unwrap();
    for (ahead, point) in (1..).zip(theirs) {
        assert!(close(fitted.point(ahead).unwrap(), point), "{ahead}");
    }
    // After a sample that was as foretold, what was said two steps ahead is now said for the next.
    let mut later = Fitted::mstl(&past, 24, 30).unwrap();
    let foretold = later.point(1).unwrap();
    later.state.learn(foretold - later.seasonal(1));
    later.age += 1;
    later.path.clear();
    assert!(close(later.point(1).unwrap(), fitted.point(2).unwrap()));
}

#[test]
fn fits_are_spread_over_what_is_scored() {
    assert_eq!(spread(10, 18, 4), [10, 12, 14, 16]);
    assert_eq!(spread(10, 12, 4), [10, 11]);
    assert!(spread(10, 10, 4).is_empty());
    assert!(spread(10, 2, 4).is_empty());
}
