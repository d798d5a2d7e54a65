use tenantry_domain::time::Timestamp;

use super::*;

fn labels(name: &str) -> Labels {
    Labels::from([("pod".to_owned(), name.to_owned())])
}

fn sample(name: &str, at: i64, value: f64) -> Sample {
    Sample { labels: labels(name), value, at: Timestamp::from_millis(at) }
}

#[test]
fn the_newest_sample_of_a_series_stays_and_a_number_beats_none() {
    let nan = f64::NAN;
    let mut samples = vec![
        sample("a", 1, 1.0),
        sample("b", 5, 2.0),
        sample("a", 3, 3.0),
        sample("b", 4, 9.0),
        sample("c", 1, nan),
        sample("c", 1, 4.0),
        sample("b", 5, 8.0),
    ];
    assert_eq!(newest(&mut samples), 4);
    let kept: Vec<_> = samples.iter().map(|sample| sample.value).collect();
    assert_eq!(kept, [2.0, 3.0, 4.0], "a's newest, b's earlier source at the same age, c's number");
    assert_eq!(newest(&mut samples), 0);
}

#[test]
fn pieces_join_in_order_of_time_with_one_value_each() {
    let piece = |name, points: &[(i64, f64)]| Series {
        labels: labels(name),
        points: points.iter().map(|(at, value)| (Timestamp::from_millis(*at), *value)).collect(),
    };
    let pieces = vec![
        piece("b", &[(1, 1.0)]),
        piece("a", &[(3, 3.0), (1, f64::NAN)]),
        piece("a", &[(1, 1.0), (2, 2.0), (3, 30.0)]),
    ];
    let (joined, dropped) = series(pieces);
    assert_eq!(dropped, 2);
    assert_eq!(joined, [piece("a", &[(1, 1.0), (2, 2.0), (3, 3.0)]), piece("b", &[(1, 1.0)])]);
}
