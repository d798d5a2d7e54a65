use super::*;

const QUARTER_MS: i64 = 900_000;

/// Days of quarter hours with a daily shape and noise, from a midnight.
fn samples(days: i64) -> Vec<(Timestamp, f64)> {
    let mut chance = fastrand::Rng::with_seed(7);
    let sample = |place: i64| {
        let turn = std::f64::consts::TAU * (place % 96) as f64 / 96.0;
        let load = 100.0 + 40.0 * libm::sin(turn) + 10.0 * chance.f64();
        (Timestamp::from_millis(1_700_006_400_000 + place * QUARTER_MS), load)
    };
    (0..days * 96).map(sample).collect()
}

fn trace(samples: Vec<(Timestamp, f64)>) -> Trace {
    Trace { name: "t".to_owned(), samples }
}

fn spans(texts: &[&str]) -> Vec<Span> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn pinball_loss_and_coverage_are_exact() {
    assert_eq!(score::pinball(10.0, 8.0, 0.9), 0.9 * 2.0);
    assert!((score::pinball(8.0, 10.0, 0.9) - 0.2).abs() < 1e-12);
    let (scored, levels) =
        score::levels([(10.0, [5.0, 8.0, 10.0, 12.0, 20.0]), (30.0, [5.0, 32.0, 20.0, 30.0, 40.0])].into_iter())
            .unwrap();
    assert_eq!(scored, 2);
    let figures: Vec<(f64, f64)> = levels.iter().map(|level| (level.level, level.coverage)).collect();
    assert_eq!(figures, [(0.5, 0.5), (0.9, 0.5), (0.95, 1.0), (0.99, 1.0)]);
    let losses: Vec<f64> = levels.iter().map(|level| level.pinball).collect();
    // Halves of 1 + 1, 0 + 9, 0.1 + 0, and 0.1 + 0.1.
    for (loss, expected) in losses.iter().zip([1.0, 4.5, 0.05, 0.1]) {
        assert!((loss - expected).abs() < 1e-12, "{losses:?}");
    }
    assert!((levels[1].quantile_loss - 9.0 / 40.0).abs() < 1e-12);
    assert!(score::levels(std::iter::empty()).is_none());
}

#[test]
fn no_method_sees_the_future() {
    let before = samples(5);
    let mut after = before.clone();
    let changed = 380;
    for (place, (_, value)) in after.iter_mut().enumerate().skip(changed) {
        *value = 1000.0 + (place % 7) as f64;
    }
    let said = |samples: &[(Timestamp, f64)]| {
        let series = Series::new(samples).unwrap();
        let (horizons, _) = whole(&series, &spans(&["15m", "1h", "8h"]));
        let mut ours = ours::said(&series, &horizons[..2]).unwrap();
        ours.extend(ours::outlook("t", &series, &horizons[2..]).unwrap().0);
        (series.half(), voices(&series, &horizons, ours))
    };
    let ((half, before), (_, after)) = (said(&before), said(&after));
    for (before, after) in before.iter().zip(&after) {
        for ((method, before), (_, after)) in before.said.iter().zip(&after.said) {
            let seen = changed - half;
            assert_eq!(before[..seen], after[..seen], "{}", method.as_str());
            assert!(before[seen - 1].is_some(), "{}", method.as_str());
            assert_ne!(before[seen..], after[seen..], "{}", method.as_str());
        }
    }
}

#[test]
fn every_method_is_scored_at_the_same_origins() {
    let evaluation = evaluate(&trace(samples(5)), &spans(&["5m", "15m", "1h"])).unwrap();
    assert_eq!(evaluation.too_short, spans(&["5m"]));
    assert_eq!(evaluation.step, Span::from_secs(900));
    // Two horizons, both choices of origins, six methods.
    assert_eq!(evaluation.rows.len(), 24);
    assert!(evaluation.ahead.is_empty());
    for row in &evaluation.rows {
        let expected = match row.origins {
            Origins::Fitted => 40,
            Origins::All => 240 - row.steps,
        };
        assert_eq!(row.scored, expected, "{} {:?}", row.method.as_str(), row.origins);
        assert_eq!(row.steps, if row.horizon == Span::from_secs(900) { 1 } else { 4 });
        assert!(row.wql > 0.0 && row.wql < 0.1, "{row:?}");
    }
    let picture = evaluation.picture.unwrap();
    assert_eq!((picture.horizon, picture.points.len()), (Span::from_secs(3600), 236));
    assert!(picture.points.iter().all(|point| point.said.is_sorted()));
    let report = Report::new(evaluation.rows, Vec::new(), Vec::new());
    assert_eq!(report.summary.len(), 20);
    let one = report.summary.iter().find(|one| one.against == Method::LastValue).unwrap();
    let row = |method: Method| {
        report
            .results
            .iter()
            .find(|row| row.method == method && row.horizon == one.horizon && row.origins == one.origins)
            .unwrap()
    };
    assert!((one.wql_ratio - row(Method::Tenantry).wql / row(Method::LastValue).wql).abs() < 1e-12);
    // Of one trace the mean, the least and the most are the same.
    assert!(report.coverage.iter().all(|of| of.least == of.most && (of.mean - of.least).abs() < 1e-12));
}

#[test]
fn from_six_hours_on_slots_of_five_minutes_are_compared_and_the_next_days_told() {
    let minutes: Vec<(Timestamp, f64)> = samples(3 * 15).into_iter().take(3 * 1440).collect();
    let first = minutes[0].0.as_millis();
    let minutes = minutes.into_iter().enumerate();
    let minutes: Vec<(Timestamp, f64)> = minutes
        .map(|(place, (_, load))| (Timestamp::from_millis(first + i64::try_from(place).unwrap() * 60_000), load))
        .collect();
    let series = Series::new(&minutes).unwrap();
    let slots = series.slots();
    assert_eq!((slots.len(), slots.step()), (3 * 288, Span::from_secs(300)));
    let most = (0..5).filter_map(|place| series.value(place)).fold(0.0, f64::max);
    assert_eq!(slots.value(0), Some(most));
    let evaluation = evaluate(&trace(minutes), &spans(&["6h"])).unwrap();
    assert!(evaluation.rows.len() >= 6 && evaluation.rows.iter().all(|row| row.steps == 72), "{:?}", evaluation.rows);
    let hours: Vec<String> = evaluation.ahead.iter().map(|ahead| ahead.ahead.to_string()).collect();
    assert_eq!(hours, ["1h", "2h", "3h", "4h", "5h", "6h"]);
    for ahead in &evaluation.ahead {
        assert!(ahead.levels.iter().all(|of| of.largest > 0.0 && of.load <= 200.0), "{ahead:?}");
        assert!(ahead.levels.is_sorted_by(|a, b| a.load <= b.load && a.largest <= b.largest), "{ahead:?}");
    }
}

#[test]
fn gaps_and_crooked_times_are_put_onto_the_grid() {
    let mut crooked: Vec<(Timestamp, f64)> = samples(4);
    for (place, (at, _)) in crooked.iter_mut().enumerate().skip(1) {
        *at = Timestamp::from_millis(at.as_millis() + [0, 0, 100_000, 0, -100_000][place % 5]);
    }
    crooked.drain(100..110);
    crooked.reverse();
    let series = Series::new(&crooked).unwrap();
    let missing: Vec<usize> = (0..series.len()).filter(|place| series.value(*place).is_none()).collect();
    assert_eq!((series.len(), series.step()), (384, Span::from_secs(900)));
    assert_eq!(missing, (100..110).collect::<Vec<_>>());
    assert_eq!(series.filled()[105], series.value(99).unwrap());
}

#[test]
fn what_cannot_be_evaluated_is_refused_with_the_reason() {
    let refusal = |samples: Vec<(Timestamp, f64)>, horizons: &[&str]| {
        evaluate(&trace(samples), &spans(horizons)).unwrap_err().to_string()
    };
    assert_eq!(
        refusal(samples(2), &["1h"]),
        "it covers 48 hours; at least 72 are needed: half to learn from, half to score"
    );
    assert_eq!(
        refusal(Vec::new(), &["1h"]),
        "it covers 0 hours; at least 72 are needed: half to learn from, half to score"
    );
    let zeros = samples(3).into_iter().map(|(at, _)| (at, 0.0)).collect();
    assert_eq!(refusal(zeros, &["1h"]), "it holds no load to forecast: no value is above zero");
    assert_eq!(
        refusal(samples(3), &["5m"]),
        "its samples are 15m apart, and no horizon that was asked for is as long; ask for a longer one"
    );
    assert_eq!(
        refusal(samples(3), &["60d"]),
        "a horizon of 60d is more than 2100 of its steps of 15m; ask for a shorter one"
    );
    let mut absurd = samples(3);
    absurd[5].1 = -1.0;
    assert!(refusal(absurd, &["1h"]).contains("is no load"));
    // A load that never changes is no reason to stop.
    let flat: Vec<(Timestamp, f64)> = samples(4).into_iter().map(|(at, _)| (at, 5.0)).collect();
    assert!(!evaluate(&trace(flat), &spans(&["1h"])).unwrap().rows.is_empty());
}
