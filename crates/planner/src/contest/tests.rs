use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};
use tenantry_domain::plan::Action;
use tenantry_domain::snapshot::{Choice, ScaleEvent};
use tenantry_domain::spec::{Behavior, Strategy};
use tenantry_domain::unit::{Milli, Replicas, Span};

use super::*;
use crate::plan;
use crate::testing::{bounds, rate, spec, with_rate};

/// Whether a demand lies on an edge of HPA's tolerance or of a whole replica, where `f64` and whole thousandths may differ.
fn on_an_edge(total: i64, size: u32) -> bool {
    let near = |value: f64, edge: f64| (value - edge).abs() < 1e-9;
    let needed = total as f64 / 7000.0;
    let ratio = needed / f64::from(size);
    near(ratio, 0.9) || near(ratio, 1.1) || near(needed, needed.round())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    /// The few operations of a shadow are HPA's with its default behavior, as the planner has it.
    #[test]
    fn the_lean_hpa_is_the_planners(loads in proptest::collection::vec(1_000_i64..600_000, 1..120), first in 1_u32..60) {
        let mut asked = spec(vec![rate(7)]);
        asked.behavior = Some(Behavior::default());
        asked.bounds = bounds(1, 10_000);
        let mut lean = Hpa::new(0.7, 20, Metric::External);
        let (mut size, mut memory) = (first, Default::default());
        for (step, total) in loads.into_iter().enumerate() {
            let total = if on_an_edge(total, size) { total + 1 } else { total };
            let mut snapshot = with_rate(size, total);
            let now = snapshot.now + Span::from_secs(15 * step as u64);
            let ahead = now.since(snapshot.now);
            snapshot.now = now;
            for observation in &mut snapshot.observations {
                if let tenantry_domain::snapshot::Reading::Total { at, .. } = &mut observation.reading {
                    *at = *at + ahead;
                }
            }
            snapshot.memory = memory;
            let planned = plan(&asked, &snapshot);
            memory = planned.memory;
            let ours = lean.size(step as u64, total as f64 / 10_000.0, &Pool::new(size, 4));
            let theirs = match planned.plan.action {
                Action::Scale { from, to } => {
                    memory.events.push(ScaleEvent { at: now, from, to });
                    to.get()
                }
                Action::Hold(_) => size,
            };
            prop_assert_eq!(ours, theirs, "step {} with {} at {}", step, total, size);
            size = theirs;
        }
    }

    /// INVARIANT(floor): whatever the contest chose, what is measured now is served.
    #[test]
    fn a_choice_is_never_under_what_is_measured(total in 0_i64..900_000, chosen in 0_u32..100, size in 1_u32..100) {
        let mut asked = spec(vec![rate(7)]);
        asked.strategy = Strategy::Predictive;
        asked.signals[0].capacity = Some(Milli::units(10));
        let mut snapshot = with_rate(size, total);
        snapshot.choices.push(Choice {
            signal: asked.signals[0].name.clone(),
            replicas: Replicas::new(chosen),
            rule: "any".into(),
            would_fail_ppm: 0,
            failed_ppm: 0,
        });
        let wanted = plan(&asked, &snapshot).report.wanted.unwrap();
        prop_assert!(i64::from(wanted.get()) * 10_000 >= total);
    }
}

#[test]
fn a_kept_contest_goes_on_where_it_was() {
    let terms = Terms { budget: 0.01, delay: 4, min: 1, max: 50 };
    let now = crate::testing::NOW;
    let sight = |demand| Sight { demand, expected: None };
    let mut one = Arena::new(terms, 5, now);
    for step in 0..300_u32 {
        one.step(terms, &sight(f64::from(step % 7)), &Pool::new(9, 4), now + Span::from_secs(15 * u64::from(step)));
    }
    let mut two = Arena::from_bytes(&one.to_bytes()).unwrap();
    assert_eq!(one, two);
    let later = now + Span::from_secs(4500);
    assert_eq!(
        one.step(terms, &sight(8.0), &Pool::new(9, 4), later),
        two.step(terms, &sight(8.0), &Pool::new(9, 4), later)
    );
    assert!(matches!(Arena::from_bytes(&[9]), Err(ArenaError::Version { found: 9 })));
    assert!(matches!(Arena::from_bytes(&[1, 200]), Err(ArenaError::Damaged(_))));
    assert!(matches!(Arena::from_bytes(&[]), Err(ArenaError::Damaged(_))));
}
