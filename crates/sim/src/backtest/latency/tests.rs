use proptest::prelude::{ProptestConfig, prop_assert, proptest};

use super::*;

/// Erlang's C as its sum says it.
fn summed(servers: u32, offered: f64) -> f64 {
    let term = |k: u32| (1..=k).fold(1.0, |term, of| term * offered / f64::from(of));
    let all = term(servers) * f64::from(servers) / (f64::from(servers) - offered);
    all / ((0..servers).map(term).sum::<f64>() + all)
}

/// What one step comes to.
fn took(ready: u32, load: f64, objective: f64) -> Took {
    let mut latency = Latency::default();
    latency.book(ready, load);
    latency.took(&World { latency_objective: Some(objective), ..World::default() })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn erlangs_formula_is_its_sum(servers in 1_u32..40, used in 0.001_f64..0.999) {
        let offered = f64::from(servers) * used;
        prop_assert!((erlang_c(servers, offered) - summed(servers, offered)).abs() < 1e-9);
    }

    /// More load takes longer, and more replicas take less, whether or not they are enough.
    #[test]
    fn more_load_is_slower_and_more_replicas_are_faster(
        ready in 1_u32..120, load in 0.01_f64..150.0, more in 1.0_f64..1.5, objective in 0.5_f64..50.0,
    ) {
        let one = took(ready, load, objective);
        for (slow, fast) in [(took(ready, load * more, objective), one), (one, took(ready + 1, load, objective))] {
            // Between the places of the grid a line stands for a curve.
            prop_assert!(slow.mean >= fast.mean * 0.98, "{slow:?} {fast:?}");
            prop_assert!(slow.p95 >= fast.p95 * 0.98, "{slow:?} {fast:?}");
            prop_assert!(slow.late_share.unwrap() >= fast.late_share.unwrap() - 0.01, "{slow:?} {fast:?}");
        }
    }

    /// The waiting probability itself is monotone without any slack.
    #[test]
    fn waits_grow_with_load_and_shrink_with_servers(servers in 1_u32..300, used in 0.0_f64..1.2) {
        let offered = f64::from(servers) * used;
        let waits = erlang_c(servers, offered);
        prop_assert!((0.0..=1.0).contains(&waits));
        prop_assert!(erlang_c(servers, offered * 1.01) >= waits);
        prop_assert!(erlang_c(servers + 1, offered) <= waits);
    }
}

#[test]
fn one_server_takes_as_long_as_the_textbook_says() {
    // M/M/1: the mean is 1 / (1 - a), and all of it is exponential.
    for used in [0.1, 0.5, 0.9] {
        let took = took(1, used, 3.0);
        let mean = 1.0 / (1.0 - used);
        assert!((took.mean / mean - 1.0).abs() < 0.01, "{took:?}");
        assert!((took.p95 / (mean * 20.0_f64.ln()) - 1.0).abs() < 0.01, "{took:?}");
        assert!((took.late_share.unwrap() - (-3.0 / mean).exp()).abs() < 0.01, "{took:?}");
    }
}

#[test]
fn an_overloaded_step_waits_for_what_piled_up_in_it_and_for_no_more_than_a_step() {
    let service = f64::from(World::default().service_time_ms);
    let step = f64::from(STEP_SECS) * 1000.0 / service;
    let full = took(10, 10.0, 1.0).mean;
    // A tenth too much: from nothing to a tenth of a step.
    assert!((took(10, 11.0, 1.0).mean - full - 0.05 * step).abs() < 1e-3);
    assert!((took(10, 1000.0, 1.0).mean - full - 0.5 * step).abs() < 1e-6);
    assert!(took(0, 1.0, 1.0).p95 > 0.9 * step, "nothing serves");
}

#[test]
fn steps_are_weighed_by_their_requests() {
    let mut latency = Latency::default();
    latency.book(10, 1.0);
    latency.book(10, 9.0);
    let world = World::default();
    let [low, high] = [took(10, 1.0, 1.0).mean, took(10, 9.0, 1.0).mean];
    assert!((latency.took(&world).mean - (0.1 * low + 0.9 * high)).abs() < 1e-9);
    assert_eq!(Latency::default().took(&world), Took::default());
}
