//! What the hot path takes from the allocator: nothing.

use tenantry_forecast::{Forecaster, Sample, Settings, Stretch, Taken, observe_all};

#[test]
fn nothing_is_allocated_by_an_update() {
    let settings = Settings::new(300_000, None).unwrap();
    let stretches = [Stretch::at(1), Stretch::at(3), Stretch { from: 1, until: 12 }];
    let mut shard = vec![Forecaster::new(settings, &stretches); 3];
    let mut out = [[0.0; 5]; 12];
    let distances: [u32; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    let mut during = 0;
    for step in 0..4_000_i64 {
        let at_ms = step * 300_000 + 7;
        let samples: [Sample; 4] = std::array::from_fn(|series| Sample {
            series,
            at_ms,
            value: if step % 97 == 3 { f64::NAN } else { 100.0 + (step % 288) as f64 },
        });
        let mut taken = Taken::default();
        let measured = allocation_counter::measure(|| {
            taken = observe_all(&mut shard, &samples, at_ms);
            shard[0].ahead_all(&distances, [0.1, 0.5, 0.9, 0.95, 0.99], &mut out);
        });
        // The first steps find the room that the later ones use.
        if step > 20 {
            during += measured.count_total;
        }
        assert_eq!((taken.taken + taken.absurd, taken.unknown), (3, 1));
    }
    assert_eq!(during, 0);
    assert!(out[0][0] < out[0][4] && out[11][4].is_finite());
}
